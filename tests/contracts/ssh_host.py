"""A PMTA host as OpenSSH would run it: an SSH server whose forced command is the wrapper that we ship."""

import asyncio
import json
import os
import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh
import attrs

WRAPPER = Path(__file__).parents[2] / "deploy" / "ignite-pmta-wrapper"
FAKE = Path(__file__).with_name("fake_pmta.py")


@attrs.define
class WrapperHost:
    """The wrapper with a fake `pmta` behind it; `state` is what the fake keeps."""

    root: Path
    env: dict[str, str]

    @property
    def state(self) -> dict[str, Any]:
        return json.loads((self.root / "state.json").read_text())  # type: ignore[no-any-return]

    @property
    def include(self) -> Path:
        return self.root / "etc" / "ignite.conf"

    @classmethod
    def made_in(cls, root: Path, *queues: str) -> "WrapperHost":
        binary = root / "bin" / "pmta"
        binary.parent.mkdir()
        binary.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(FAKE))} "$@"\n')
        binary.chmod(0o755)
        (root / "etc").mkdir()
        lists = ("paused", "backoff", "jobs", "disabled", "log")
        (root / "state.json").write_text(json.dumps({"queues": sorted(queues)} | {name: [] for name in lists}))
        env = {
            "PATH": os.environ["PATH"],
            "IGNITE_PMTA": str(binary),
            "IGNITE_INCLUDE": str(root / "etc" / "ignite.conf"),
            "FAKE_PMTA_STATE": str(root / "state.json"),
        }
        return cls(root, env)

    async def run(self, line: str | None, stdin: bytes = b"") -> tuple[int, str, str]:
        """Run the wrapper as sshd would for this command line."""
        env = self.env if line is None else {**self.env, "SSH_ORIGINAL_COMMAND": line}
        process = await asyncio.create_subprocess_exec(
            "/bin/sh",
            str(WRAPPER),
            env=env,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(stdin)
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()


@attrs.frozen
class Keys:
    """`host_key`: the server's public key as one line. `key_path`: the client's private key."""

    port: int
    host_key: str
    key_path: str


@asynccontextmanager
async def serving(host: WrapperHost, port: int = 0) -> AsyncIterator[Keys]:
    """The host behind a real SSH server on 127.0.0.1; its keys are made once."""
    key_path, authorised, host_path = (host.root / name for name in ("client", "authorised", "host_key"))
    if not key_path.exists():
        client = asyncssh.generate_private_key("ssh-ed25519")
        client.write_private_key(str(key_path))
        client.write_public_key(str(authorised))
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(host_path))
    host_key = asyncssh.read_private_key(str(host_path))

    async def handle(process: Any) -> None:
        stdin = (await process.stdin.read()).encode() if "put-include" in process.command else b""
        status, out, err = await host.run(process.command, stdin)
        process.stdout.write(out)
        process.stderr.write(err)
        process.exit(status)

    connections: list[Any] = []
    server = await asyncssh.listen(
        "127.0.0.1",
        port,
        acceptor=connections.append,
        server_host_keys=[host_key],
        authorized_client_keys=str(authorised),
        process_factory=handle,
    )
    try:
        yield Keys(server.get_port(), host_key.export_public_key().decode().strip(), str(key_path))
    finally:
        server.close()
        for connection in connections:
            connection.abort()
        await server.wait_closed()
