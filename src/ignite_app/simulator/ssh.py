"""The SSH door of the host: one user, one key, no shell; every command goes to the console and into the log.

Decides who may come in. What commands do is `commands`' business. Only public-key authentication of the
one authorised key is offered; without a key file nobody gets in.
"""

import hashlib
import shlex
from pathlib import Path
from typing import Any, Final

import asyncssh
import attrs

from ignite_app.simulator.commands import Console, Reply
from ignite_app.simulator.ledger import Ledger
from ignite_app.simulator.scheduler import Scheduler

READS_STDIN: Final = "ignite-put-include"


class _Guard(asyncssh.SSHServer):
    """Asks who is there."""

    def __init__(self, user: str, key: str, connections: set[Any]) -> None:
        self._user = user
        self._key = key
        self._connections = connections
        self._connection: Any = None

    def connection_made(self, conn: Any) -> None:
        self._connection = conn
        self._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return False

    def kbdint_auth_supported(self) -> bool:
        return False

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: Any) -> bool:
        return username == self._user and bool(self._key) and _public(key) == self._key


def _public(key: Any) -> str:
    """Algorithm and key, without a comment."""
    return " ".join(key.export_public_key("openssh").decode().split()[:2])


@attrs.define(eq=False)
class SshDoor:
    """`listen` and `shut` may alternate: that is how tests take SSH down."""

    console: Console
    log: Ledger
    scheduler: Scheduler
    user: str
    authorised_key: str
    host_key_path: str
    port: int = 0
    host_key: str = ""  # the public one, as in known_hosts without the host; known after `listen`
    _server: Any = None
    _private: Any = None
    _connections: set[Any] = attrs.field(factory=set)

    async def listen(self) -> None:
        if self._private is None:
            self._private = (
                asyncssh.read_private_key(self.host_key_path)
                if self.host_key_path
                else asyncssh.generate_private_key("ssh-ed25519")
            )
            self.host_key = _public(self._private)
        allowed = self._allowed()
        self._server = await asyncssh.create_server(
            lambda: _Guard(self.user, allowed, self._connections),
            "127.0.0.1",
            self.port,
            server_host_keys=[self._private],
            process_factory=self._serve,
            encoding=None,
            agent_forwarding=False,
            allow_scp=False,
            gss_host=None,
            reuse_address=True,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def _allowed(self) -> str:
        return " ".join(Path(self.authorised_key).read_text().split()[:2]) if self.authorised_key else ""

    async def shut(self) -> None:
        """Stop listening and cut what is connected. The port stays reserved for the next `listen`."""
        if self._server is not None:
            self._server.close()
            for connection in list(self._connections):
                connection.abort()
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, process: Any) -> None:
        command = process.command or ""
        try:
            argv = shlex.split(command)
        except ValueError:
            argv = [command[:200]]
        stdin = b""
        if argv and argv[0] == READS_STDIN:
            stdin = await process.stdin.read()
        reply = self.console.run(argv, stdin) if command else Reply("no shell here", 1)
        fields: dict[str, Any] = {"argv": argv, "exit": reply.exit, "stdout": reply.text}
        if stdin:
            fields["stdin_sha256"] = hashlib.sha256(stdin).hexdigest()
        self.log.command(self.scheduler.now(), **fields)
        self.log.flush()
        out = process.stdout if reply.exit == 0 else process.stderr
        out.write(reply.text.encode() + b"\n")
        process.exit(reply.exit)
