"""The embedded server over restarts, deaths and second starts."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from ignite_adapters.postgres import embedded
from ignite_domain.errors import PortFailure

CHILD = """
import sys, time
from pathlib import Path
from ignite_adapters.postgres import embedded
server = embedded.start(Path(sys.argv[1]), embedded.DURABLE)
print(server.dsn(), server.process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cluster for the module, in a path with blanks; initdb is what takes time."""
    home = tmp_path_factory.mktemp("a path with blanks") / "data base"
    server = embedded.start(home, embedded.THROWAWAY)
    with psycopg.connect(server.dsn()) as conn:
        conn.execute("create table kept (number int)")
    server.stop()
    return home


def note(dsn: str, number: int) -> None:
    with psycopg.connect(dsn) as conn:
        conn.execute("insert into kept values (%s)", (number,))


def noted(dsn: str) -> set[int]:
    with psycopg.connect(dsn) as conn:
        return {row[0] for row in conn.execute("select number from kept")}


def test_data_stays_over_restarts_and_nobody_else_is_listened_to(home: Path) -> None:
    first = embedded.start(home, embedded.DURABLE)
    note(first.dsn(), 1)
    first.stop()
    first.stop()
    assert not first.alive()
    second = embedded.start(home, embedded.DURABLE)
    try:
        assert 1 in noted(second.dsn())
        with psycopg.connect(second.dsn()) as conn:
            shown = [
                conn.execute(f"show {name}").fetchone() for name in ("listen_addresses", "unix_socket_directories")
            ]
            assert shown == [("127.0.0.1",), ("",)]
            assert conn.execute("select current_setting('fsync')").fetchone() == ("on",)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(second.dsn().replace(second.password, "wrong"))
    finally:
        second.stop()


def test_the_server_dies_with_a_killed_parent_and_loses_nothing_that_was_committed(home: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", CHILD, str(home)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    dsn, pid = parent.stdout.readline().split()
    note(dsn, 2)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    after = embedded.start(home, embedded.DURABLE)  # at once: it waits for the old one to leave
    try:
        assert after.process is not None
        assert after.process.pid != int(pid)
        assert 2 in noted(after.dsn())
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(dsn, connect_timeout=2)
    finally:
        after.stop()


def test_a_killed_server_recovers(home: Path) -> None:
    first = embedded.start(home, embedded.DURABLE)
    assert first.process is not None
    note(first.dsn(), 3)
    first.process.kill()
    first.process.wait()
    second = embedded.start(home, embedded.DURABLE)
    try:
        assert 3 in noted(second.dsn())
    finally:
        second.stop()


def test_a_lock_file_whose_number_went_to_a_stranger_is_stale(home: Path) -> None:
    identity = embedded._unprivileged()
    stranger = subprocess.Popen(["sleep", "600"], **identity)  # the same user: PostgreSQL would take it for its twin
    try:
        lines = [str(stranger.pid), str(home / "data"), str(int(time.time())), "5432", "", "127.0.0.1", "", "ready"]
        (home / "data" / "postmaster.pid").write_text("\n".join(lines) + "\n")
        server = embedded.start(home, embedded.DURABLE)
        assert server.process is not None
        server.stop()
    finally:
        stranger.kill()
        stranger.wait()


def test_a_second_start_joins_the_running_server_and_leaves_it_running(home: Path) -> None:
    first = embedded.start(home, embedded.DURABLE)
    try:
        second = embedded.start(home, embedded.DURABLE, "other")
        assert (second.process, second.port) == (None, first.port)
        second.stop()
        assert first.alive()
        assert second.alive()
        with psycopg.connect(second.dsn("other")) as conn:
            assert conn.execute("select current_database()").fetchone() == ("other",)
    finally:
        first.stop()


def test_a_first_start_that_was_killed_half_way_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "data.new").mkdir()
    (tmp_path / "data.new" / "PG_VERSION").write_text("18\n")
    server = embedded.start(tmp_path, embedded.THROWAWAY)
    server.stop()
    assert not (tmp_path / "data.new").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="not root: there is nobody to step down to")
def test_root_runs_it_as_somebody_else(home: Path) -> None:
    server = embedded.start(home, embedded.DURABLE)
    try:
        assert server.process is not None
        assert Path(f"/proc/{server.process.pid}").stat().st_uid != 0
        assert oct((home / "password").stat().st_mode & 0o777) == "0o600"
    finally:
        server.stop()


def test_a_server_that_cannot_start_says_why_in_its_own_words(home: Path) -> None:
    with pytest.raises(PortFailure, match='invalid value for parameter "shared_buffers"'):
        embedded.start(home, {"shared_buffers": "plenty"})
