"""The outside world fails while a campaign runs: each failure is named in the log, and nothing is lost.

One whole run on real parts, every worker a process of its own, in which one outside thing after another goes
away and comes back: PMTA refuses mail, the disk of the database is full (the server says so by SQLSTATE), SSH is
cut, the accounting directory is unmounted, the API is killed (-9) while people click, the database restarts. The run
must come to its end by itself, with the same books as an undisturbed one.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import psycopg
import pytest
import yaml

from ignite_adapters.postgres import embedded
from ignite_adapters.postgres.pool import Pool
from ignite_adapters.postgres.report import ReportReader
from ignite_app.cli.main import run as run_command
from ignite_app.clock import real_seconds
from ignite_app.container import WORKERS
from ignite_app.demo import children
from ignite_app.demo.outside import read_lines
from ignite_app.demo.plan import DemoOptions, RunPlaces
from ignite_app.demo.run import Run, running, to_the_end
from integration.exposure import exposed
from integration.whole_run import nursery, require_balanced_books

OUTAGE = 2.0  # real seconds; longer than several polls of every worker
PART = 200_000  # bytes of mail that go through at the beginning and with each outage: about a tenth of the run's
LONGEST = 40.0  # real seconds; on a busy machine an outage lasts until somebody has met it
BUSY = b"421 4.3.2 Service not available, closing transmission channel\r\n"
FULL = """
create function disk_full() returns trigger language plpgsql as
$$ begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$;
create trigger disk_full before insert on subscriber_events for each statement execute function disk_full();
"""
EMPTIED = "drop function disk_full() cascade"


class Door:
    """A port in front of another one. `mood` "open" passes everything on, "busy" greets with 421, "shut" hangs up.

    An open door with an `allowance` (bytes towards the target) is busy as soon as that has passed. So each outage finds
    work that is not done, on a fast machine as on a slow one.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.mood = "open"
        self.allowance: int | None = None
        self.turned_away = 0
        self.port = 0
        self._open: set[asyncio.StreamWriter] = set()

    async def listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._greet, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def open(self, allowance: int | None = None) -> None:
        self.mood = "open"
        self.allowance = allowance

    def close(self, mood: str) -> None:
        self.mood = mood
        for writer in self._open:
            writer.transport.abort()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mood != "open":
            self.turned_away += 1
            if self.mood == "busy":
                writer.write(BUSY)
            writer.close()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        self._open |= {writer, back}
        try:
            await asyncio.gather(self._count(reader, back), _pass(there, writer))
        except OSError:
            pass  # cut by `close`, or by either side
        finally:
            self._open -= {writer, back}
            writer.close()
            back.close()

    async def _count(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
            if self.allowance is not None and self.mood == "open":
                self.allowance -= len(data)
                if self.allowance < 0:
                    self.close("busy")
        writer.write_eof()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


class PatientReader(ReportReader):
    """The tester's own eyes must not fail with the database."""

    async def progress(self) -> dict[str, int]:
        while True:
            try:
                return await super().progress()
            except psycopg.Error:
                await asyncio.sleep(0.2)

    async def decisions(self, after: int = 0) -> list[dict[str, Any]]:
        return []  # tells no story


@attrs.frozen
class Troubled:
    """What a run with outages left behind; `during`: what the doors turned away, and since when the API was up."""

    places: RunPlaces
    report: dict[str, Any]
    during: dict[str, Any]

    def log(self, worker: str) -> list[dict[str, Any]]:
        return list(read_lines(self.places.logs / f"{worker}.log"))

    def retries(self, port: str) -> list[dict[str, Any]]:
        lines = [line for name in WORKERS for line in self.log(name)]
        return [line for line in lines if line["event"] == "worker.retry" and line["port"] == port]


@asynccontextmanager
async def _doors(run: Run) -> AsyncIterator[tuple[Door, Door]]:
    """Put doors before SMTP and SSH, and a mount point before the accounting files, of workers not yet started."""
    settings = yaml.safe_load(run.places.config.read_text(encoding="utf-8"))
    pmta = settings["pmta"]
    smtp, ssh = Door(pmta["smtp_port"]), Door(pmta["ssh_port"])
    smtp.open(PART)
    servers = [await smtp.listen(), await ssh.listen()]
    mount = run.places.root / "mount"
    mount.symlink_to(run.places.accounting)
    pmta |= {"smtp_port": smtp.port, "ssh_port": ssh.port, "accounting_dir": str(mount)}
    run.places.config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    yield smtp, ssh
    for server in servers:
        server.close()


def _said(places: RunPlaces, worker: str, *words: str) -> bool:
    """Whether a worker's log has a line with all these words."""
    return any(all(word in json.dumps(line) for word in words) for line in read_lines(places.logs / f"{worker}.log"))


async def _until(met: Callable[[], bool]) -> None:
    """An outage: long enough for all to notice, and in any case until it has been met."""
    began = real_seconds()
    await asyncio.sleep(OUTAGE)
    while not met() and real_seconds() - began < LONGEST:  # noqa: ASYNC110  # other processes
        await asyncio.sleep(0.2)


async def _trouble(run: Run, smtp: Door, ssh: Door, during: dict[str, Any]) -> None:
    """One outage after the other, each with a further part of the mail under way; the rest goes when all are over."""
    await _until_busy(smtp)
    await _until(lambda: _said(run.places, "send", "worker.retry", "421 to connect"))
    during["smtp"] = smtp.turned_away

    with psycopg.connect(run.server.dsn(), autocommit=True) as conn:
        conn.execute(FULL)
    smtp.open(PART)
    await _until(lambda: any(_said(run.places, name, "No space left") for name in ("ingest", "send", "flow")))
    with psycopg.connect(run.server.dsn(), autocommit=True) as conn:
        conn.execute(EMPTIED)

    smtp.open(PART)
    ssh.close("shut")
    await _until(lambda: _said(run.places, "execute", "worker.retry", "PMTA over SSH"))
    during["ssh"] = ssh.turned_away
    ssh.open()

    smtp.open(PART)
    mount = run.places.root / "mount"
    mount.unlink()
    await _until(lambda: _said(run.places, "ingest", "ingest.unread"))
    mount.symlink_to(run.places.accounting)

    smtp.open(PART)
    api = next(child for child in run.children if child.name == "api")
    run.children.remove(api)
    api.process.kill()  # -9, with people's requests on its way
    await api.process.wait()
    await asyncio.sleep(OUTAGE)
    during["api"] = run.clock.now().isoformat()
    run.children.append(await children.start("api", ["serve", "--config", str(run.places.config)], run.places.logs, {}))
    while not await run.api.answers("/health/ready"):  # noqa: ASYNC110  # another process
        await asyncio.sleep(0.1)

    # At a stroke for this process, so that nobody takes the server's absence for its end.
    run.server.stop()
    time.sleep(OUTAGE)  # noqa: ASYNC251
    run.server = embedded.start(run.places.postgres, embedded.DURABLE)
    smtp.open()


async def _until_busy(door: Door) -> None:
    """Until mail has gone through, and the door then fell shut."""
    while door.mood != "busy":  # noqa: ASYNC110  # other processes
        await asyncio.sleep(0.05)


async def _run(places: RunPlaces) -> Troubled:
    options = DemoOptions(800, seed=11, once=True, keep=places.root)
    during: dict[str, Any] = {}
    async with running(options, places, real_seconds(), workers=False) as run:
        run.reader = PatientReader(run.pool)
        async with _doors(run) as (smtp, ssh), nursery(places) as workers, asyncio.TaskGroup() as group:
            for name in WORKERS:
                await workers.start(name)
            trouble = group.create_task(_trouble(run, smtp, ssh, during))
            report = await to_the_end(run)
            assert trouble.done(), "the run was over before the trouble was"
            for name in WORKERS:
                workers.require_alive(name)
        run.server.stop()
    return Troubled(places, report, during)


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Troubled]:
    places = RunPlaces(tmp_path_factory.mktemp("troubled") / "run")
    places.root.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        port = children.free_port()
        patch.setattr(embedded, "_free_port", lambda: port)  # the same one after the restart
        yield asyncio.run(_run(places))


pytestmark = [pytest.mark.alone, pytest.mark.timeout(300)]


def test_after_every_outage_the_books_balance(troubled: Troubled) -> None:
    require_balanced_books(troubled.report, troubled.places, verdicts=False)


def test_no_error_message_names_a_person_or_a_secret(troubled: Troubled) -> None:
    assert exposed(troubled.places.root) == {}


def test_mail_that_pmta_refuses_for_a_while_goes_out_later(troubled: Troubled) -> None:
    assert troubled.during["smtp"] > 0
    said = troubled.retries("SMTP injection")
    assert {line["worker"] for line in said} == {"send"}
    assert "nothing was accepted: 421 to connect" in {line["detail"] for line in said}


def test_a_full_disk_of_the_database_is_named_and_waited_for(troubled: Troubled) -> None:
    said = [line for line in troubled.retries("database") if "No space left on device" in line["detail"]]
    assert {line["worker"] for line in said} & {"ingest", "send", "flow"}
    assert all(line["wait_s"] > 0 for line in said)


def test_a_host_that_ssh_does_not_reach_is_tried_again(troubled: Troubled) -> None:
    assert troubled.during["ssh"] > 0
    assert {line["worker"] for line in troubled.retries("PMTA over SSH")} == {"execute"}


def test_accounting_files_that_are_away_are_read_when_they_are_back(troubled: Troubled) -> None:
    said = [line for line in troubled.log("ingest") if line["event"] == "ingest.unread"]
    assert said
    assert "No such file or directory" in said[0]["reason"]


def test_people_who_click_while_the_api_is_dead_are_counted_when_it_lives_again(troubled: Troubled) -> None:
    seen = list(read_lines(troubled.places.simulator))
    assert [entry for entry in seen if entry["kind"] == "refused"] == []
    assert [entry for entry in seen if entry["kind"] in ("open", "click") and entry["at"] > troubled.during["api"]]


def test_workers_outlive_a_restart_of_the_database(troubled: Troubled) -> None:
    """That every worker lives to the end and nothing is lost is seen elsewhere; here: who met the outage says so.

    A worker may have been at rest then, or the run may be over before its next step.
    """
    met = {line["worker"] for line in troubled.retries("database") if "No space left" not in line["detail"]}
    recovered = {name for name in WORKERS for line in troubled.log(name) if line["event"] == "worker.recovered"}
    assert met & recovered


async def test_a_bucket_without_room_keeps_the_file_and_says_so_until_there_is_some(
    pg_dsn: str, pool: Pool, tmp_path: Path
) -> None:
    """The rejects file is the one thing that does not fit; a file size limit of the kernel stands for the full disk."""
    bucket = tmp_path / "bucket" / "jvc-email-data"
    bucket.mkdir(parents=True)
    rows = ["email,first_name", *(f"p{n}@gmail.com,Ann" for n in range(50)), *(f"no address {n},x" for n in range(500))]
    (bucket / "list.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    config = tmp_path / "config.yaml"
    config.write_text(
        yaml.safe_dump({"database": {"dsn": pg_dsn}, "bucket": {"directory": str(bucket.parent), "poll_seconds": 1}}),
        encoding="utf-8",
    )
    log = ImportProgress(pool)

    cramped = await _work(config, file_size_limit=4096)
    said = b""
    while b"worker.retry" not in said:
        said = await asyncio.wait_for(cramped.stderr.readline(), 30)  # type: ignore[union-attr]  # a pipe
    cramped.kill()
    await cramped.wait()
    told = json.loads(said)
    assert (told["worker"], told["port"], told["detail"]) == ("normalizer", "bucket folder", "EFBIG")
    assert await log.statuses() == ["merged"]
    assert sorted(path.name for path in (bucket / "processed").iterdir()) == ["001-JVC-Mailable.csv"]

    roomy = await _work(config, file_size_limit=None)
    while await log.statuses() != ["done"]:  # noqa: ASYNC110  # another process
        await asyncio.sleep(0.1)
    roomy.kill()
    await roomy.wait()
    rejects = bucket / "processed" / "001-JVC-Mailable.rejects.csv"
    assert len(rejects.read_text(encoding="utf-8").splitlines()) == 1 + 500
    assert await log.counted() == (50, 500)


@attrs.frozen
class ImportProgress:
    pool: Pool

    async def _all(self, query: str) -> list[Any]:
        async with self.pool.connection() as conn:
            return await (await conn.execute(query.encode())).fetchall()

    async def statuses(self) -> list[str]:
        return [row[0] for row in await self._all("select status from data_import_log")]

    async def counted(self) -> tuple[int, int]:
        ((inserted, rejected),) = await self._all("select inserted, rejected from data_import_log")
        return inserted, rejected


async def _work(config: Path, *, file_size_limit: int | None) -> asyncio.subprocess.Process:
    limit = None if file_size_limit is None else (file_size_limit, file_size_limit)
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ignite_app.entry", "work", "normalizer", "--config", str(config)),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=limit and partial(resource.setrlimit, resource.RLIMIT_FSIZE, limit),
    )


WRONG = [
    ("not YAML", "bucket: [", "config.yaml"),
    ("an unknown key", "pmta: {smtp_prt: 25}", "pmta.smtp_prt: no such setting"),
    ("a wrong value", "database: {pool_size: many}", "database.pool_size"),
]


@pytest.mark.parametrize(("name", "text", "said"), WRONG, ids=[row[0] for row in WRONG])
@pytest.mark.parametrize("command", [["work"], ["serve"], ["check"]], ids=" ".join)
def test_wrong_yaml_is_told_in_one_line_with_file_and_path_and_nothing_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str], name: str, text: str, said: str
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(text, encoding="utf-8")
    assert run_command([*command, "--config", str(config)]) == 2
    told = capsys.readouterr().err
    assert str(config) in told
    assert said in told
    assert "Traceback" not in told
