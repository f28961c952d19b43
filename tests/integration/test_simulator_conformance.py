"""The PMTA twin against PowerMTA's documentation, over real SMTP and SSH.

Every expectation here is typed from the facts page (PowerMTA v5.0 User's Guide), none is taken from the
simulator: it is started as a whole, spoken to from outside, and its files are read as text.
"""

import asyncio
import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncssh
import attrs
import pytest

from ignite_app.clock import Clock
from ignite_app.simulator import AccountingFile, SimulatedVmta, Simulator, SimulatorOptions

CLASSIC = (
    "type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,dsnDiag,dsnMta,bounceCat,srcType,srcMta,dlvType,"
    "dlvSourceIp,dlvDestinationIp,dlvEsmtpAvailable,dlvSize,vmta,jobId,envId,queue,vmtaPool"
)
FILLED = {  # columns that a record of the type must fill, and ones it must leave blank
    "d": (
        "timeLogged timeQueued orig rcpt dsnAction dsnStatus dsnDiag dsnMta srcType srcMta dlvType dlvSourceIp "
        "dlvDestinationIp dlvEsmtpAvailable dlvSize vmta jobId envId queue",
        "bounceCat",
    ),
    "b": ("timeLogged timeQueued orig rcpt dsnAction dsnStatus bounceCat srcType vmta jobId envId queue", "dlvSize"),
    "t": ("timeLogged timeQueued orig rcpt dsnAction dsnStatus dsnDiag bounceCat vmta jobId envId queue", "dlvSize"),
    "tq": ("timeLogged dsnStatus dsnDiag vmta queue", "rcpt orig jobId envId"),
    "rb": (
        "timeLogged rcpt dsnStatus dsnDiag dsnMta bounceCat srcType srcMta envId dsnReportingMta format",
        "jobId queue",
    ),
    "rs": ("timeLogged rcpt dsnAction dsnStatus dsnDiag dsnMta srcType envId dsnReportingMta format", "jobId queue"),
    "f": (
        "timeLogged orig rcpt dlvSourceIp envId format repSourceIp feedbackType userAgent reportingMTA reportedDomain",
        "jobId queue dsnStatus",
    ),
    "r": ("timeLogged orig rcpt srcType srcMta vmta jobId envId rcvSourceIp", "queue dsnStatus"),
}
ACTIONS = {"d": "relayed", "b": "failed", "t": "delayed"}
CATEGORIES = set(
    "bad-configuration bad-connection bad-domain bad-mailbox content-related inactive-mailbox invalid-sender "
    "message-expired no-answer-from-host other policy-related protocol-errors quota-issues relaying-issues "
    "routing-errors spam-related virus-related".split()
)
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4}\Z")
ALL = ("d", "b", "t", "tq", "r", "f", "rb", "rs")
START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


@attrs.frozen
class Host:
    """A running twin and the two ways to reach it."""

    simulator: Simulator
    directory: Path
    key: Any

    async def pmta(self, *argv: str, stdin: bytes = b"") -> tuple[int, str]:
        """Exit status and whatever was printed."""
        async with asyncssh.connect(
            "127.0.0.1",
            self.simulator.ssh.port,
            username="ignite",
            client_keys=[self.key],
            known_hosts=asyncssh.import_known_hosts(
                f"[127.0.0.1]:{self.simulator.ssh.port} {self.simulator.ssh.host_key}\n"
            ),
            config=None,
        ) as connection:
            quoted = " ".join("'" + word + "'" for word in argv)
            done = await connection.run(quoted, input=stdin, encoding=None)
            return int(done.exit_status or 0), (bytes(done.stdout or b"") + bytes(done.stderr or b"")).decode().strip()

    async def data(self, *argv: str) -> Any:
        code, text = await self.pmta("pmta", "--json", *argv)
        envelope = json.loads(text)
        assert (code, envelope["status"], envelope["message"]) == (0, "success", "")
        return envelope["data"]

    async def send(self, recipients: Sequence[str], *, vmta: str = "v1", job: str = "c7", first: int = 1) -> None:
        """Inject one message for each, pipelined as RFC 2920 allows."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.simulator.smtp_port)
        assert (await reader.readline()).startswith(b"220 ")
        writer.write(b"EHLO feeder.example\r\n")
        offered = await _reply(reader)
        assert {"PIPELINING", "8BITMIME"} <= {line[4:] for line in offered}
        assert any(line[4:].startswith("SIZE") for line in offered)
        for number, rcpt in enumerate(recipients, first):
            writer.write(f"MAIL FROM:<bounce@news.example> BODY=8BITMIME\r\nRCPT TO:<{rcpt}>\r\nDATA\r\n".encode())
            codes = [(await _reply(reader))[-1][:3] for _ in range(3)]
            assert codes == ["250", "250", "354"]
            head = f"X-Virtual-MTA: {vmta}\r\nX-Job: {job}\r\nX-EnvID: ig{number}\r\nSubject: Hi\r\n"
            writer.write(f"{head}\r\nA line.\r\n..a dot\r\n.\r\n".encode())
            assert (await _reply(reader))[-1].startswith("250")
        writer.write(b"QUIT\r\n")
        assert (await _reply(reader))[-1].startswith("221")
        writer.close()

    async def rows(self, until: int = 0, kinds: str = "d b") -> list[dict[str, str]]:
        """Every accounting record, once `until` records of `kinds` are there."""
        for _ in range(600):
            self.simulator.flush()
            found = [row for path in sorted((self.directory / "acct").glob("*.csv")) for row in _rows(path)]
            if sum(row["type"] in kinds.split() for row in found) >= until:
                return found
            await asyncio.sleep(0.05)
        raise AssertionError(f"no {until} records of {kinds}")


async def _reply(reader: asyncio.StreamReader) -> list[str]:
    lines: list[str] = []
    while not lines or lines[-1][3:4] == "-":
        lines.append((await reader.readline()).decode().rstrip("\r\n"))
    return lines


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8"), newline="")))


def _at(row: dict[str, str], name: str = "timeLogged") -> datetime:
    return datetime.strptime(row[name], "%Y-%m-%d %H:%M:%S%z")


@pytest.fixture
def options(tmp_path: Path) -> SimulatorOptions:
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(str(tmp_path / "key"))
    key.write_public_key(str(tmp_path / "key.pub"))
    return SimulatorOptions(
        directory=str(tmp_path),
        accounting_dir=str(tmp_path / "acct"),
        clock=Clock.starting(START, 600.0),
        vmtas=(SimulatedVmta("v1", "198.51.100.7"), SimulatedVmta("v2", "198.51.100.8")),
        accounting=(AccountingFile("all", ALL),),
        ssh_authorised_key=str(tmp_path / "key.pub"),
        include_file=str(tmp_path / "pmta" / "ignite.conf"),
        foreign_share=0.0,
        people=False,
        verifier_refusal=0.0,
    )


@pytest.fixture
async def host(options: SimulatorOptions, tmp_path: Path) -> AsyncIterator[Host]:
    simulator = Simulator.build(options)
    await simulator.start()
    yield Host(simulator, tmp_path, asyncssh.read_private_key(str(tmp_path / "key")))
    await simulator.stop()


def people(count: int, domain: str = "gmail.com") -> list[str]:
    return [f"reader{number}@{domain}" for number in range(count)]


async def test_records_have_the_documented_columns_quoting_and_values(host: Host) -> None:
    everyone = [*people(300), *people(150, "yahoo.com"), *people(60, "att.net"), *people(40, "nowhere.invalid")]
    await host.send(everyone)
    rows = await host.rows(len(everyone))
    (path,) = (host.directory / "acct").glob("*.csv")
    raw = path.read_bytes()
    header, first = raw.split(b"\r\n")[:2]

    assert re.fullmatch(r"acct-all-2026-11-\d\d-0001\.csv", path.name)
    assert header.decode().startswith(CLASSIC)
    assert header.split(b",")[0] == b"type"
    assert raw.endswith(b"\r\n")
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b'"' in raw  # the extension list holds commas and must be quoted
    counts = Counter(row["type"] for row in rows)
    assert counts["r"] == len(everyone) == counts["d"] + counts["b"]
    assert {"r", "d", "b", "t"} <= set(counts)
    for row in rows:
        filled, blank = FILLED[row["type"]]
        missing = [name for name in filled.split() if not row[name]]
        assert missing == [], row
        assert all(not row.get(name) for name in blank.split()), row
        assert TIME.match(row["timeLogged"])
        assert row.get("dsnAction", "") == ACTIONS.get(row["type"], "")
        if row["type"] in ("b", "t"):
            assert row["bounceCat"] in CATEGORIES
            assert re.match(r"[45]\.\d+\.\d+( \(.+\))?\Z", row["dsnStatus"])
        if row["type"] == "d":
            assert row["dsnStatus"] == "2.0.0 (success)"
            assert row["dsnDiag"].startswith("smtp;250")
            assert re.match(r"\S+ \(\d+\.\d+\.\d+\.\d+\)\Z", row["dsnMta"])
            assert "," in row["dlvEsmtpAvailable"]
        if row["type"] != "tq":
            assert (row["jobId"], row["vmta"], row["envId"][:2]) == ("c7", "v1", "ig")
    queues = {row["rcpt"].partition("@")[2]: row["queue"] for row in rows if row["type"] in ("d", "b")}
    assert queues["yahoo.com"] == queues["att.net"] == "yahoo.rollup/v1"  # AT&T's MX is Yahoo's
    assert queues["nowhere.invalid"] == "nowhere.invalid/v1"
    assert first.count(b",") >= header.count(b",")


async def test_complaints_remote_bounces_status_mail_and_queue_trouble_have_their_own_forms(
    options: SimulatorOptions, tmp_path: Path
) -> None:
    simulator = Simulator.build(attrs.evolve(options, people=True, haste=8.0))
    await simulator.start()
    host = Host(simulator, tmp_path, None)
    companies = [f"reader{number}@company{number % 900}.com" for number in range(4500)]
    await host.send([*companies, *people(6000, "yahoo.com"), *people(500)])
    assert await simulator.until_drained(90)
    rows = await host.rows()
    await simulator.stop()

    counts = Counter(row["type"] for row in rows)
    assert set(counts) == {"d", "b", "t", "tq", "r", "rb", "rs", "f"}
    for row in rows:
        filled, blank = FILLED[row["type"]]
        assert [name for name in filled.split() if not row[name]] == [], row
        assert all(not row.get(name) for name in blank.split()), row
    complaints = [row for row in rows if row["type"] == "f"]
    assert {row["feedbackType"] for row in complaints} == {"abuse"}
    assert not any(row["rcpt"].endswith("@gmail.com") for row in complaints)  # Gmail has no feedback loop
    delivered = {row["envId"] for row in rows if row["type"] == "d"}
    assert {row["envId"] for row in rows if row["type"] in ("rb", "rs", "f")} <= delivered
    truth = [json.loads(line) for line in (tmp_path / "simulator.jsonl").read_text().splitlines()]
    told = Counter(entry.get("result", entry["kind"]) for entry in truth)
    assert told["message"] == counts["r"]
    assert told["delivered"] == counts["d"]
    assert told["deferred"] == counts["t"]  # a tq concerns nobody in particular
    assert told["bounced"] == counts["b"] + counts["rb"]
    assert told["complaint"] == counts["f"]


async def test_a_type_that_is_switched_off_is_not_written_and_files_split_by_type(
    options: SimulatorOptions, tmp_path: Path
) -> None:
    split = (AccountingFile("db", ("d", "b")), AccountingFile("t", ("t", "tq")))
    simulator = Simulator.build(attrs.evolve(options, accounting=split))
    await simulator.start()
    host = Host(simulator, tmp_path, None)
    await host.send(people(300))
    await host.rows(300)
    await simulator.stop()

    kinds = {path.name.split("-")[1]: {row["type"] for row in _rows(path)} for path in (tmp_path / "acct").glob("*")}
    assert kinds["db"] == {"d", "b"}
    assert kinds["t"] <= {"t", "tq"}
    assert (next(iter((tmp_path / "acct").glob("acct-db-*")))).read_text().split("\n")[0].strip() == CLASSIC


async def test_rotation_begins_a_file_with_the_next_number_and_its_own_header(host: Host) -> None:
    await host.send(people(5))
    await host.rows(5)
    assert await host.pmta("pmta", "rotate", "acct") == (0, "Accounting file rotated.")
    await host.send(people(5), first=10)
    await host.rows(10)
    names = sorted(path.name for path in (host.directory / "acct").glob("*.csv"))
    assert [name[-8:] for name in names] == ["0001.csv", "0002.csv"]
    assert all(path.read_bytes().startswith(b"type,timeLogged") for path in (host.directory / "acct").glob("*.csv"))


TEXTS = [
    (("pause", "queue", "gmail.rollup/v1"), "Queue(s) paused."),
    (("pause", "queue", "*/v1"), "Queue(s) paused."),
    (("resume", "queue", "gmail.rollup/v1"), "Queue(s) resumed."),
    (("pause", "job", "c7"), "paused job."),
    (("resume", "job", "c7"), "resumed job."),
    (("reload",), "Configuration reloaded."),
    (("reset", "counters"), "Traffic counters reset."),
    (("rotate", "acct"), "Accounting file rotated."),
    (("schedule", "gmail.rollup/v1"), "1 of 1 matching queues scheduled."),
]
REFUSED = [
    ("pmta", "make", "coffee"),
    ("pmta", "set", "queue", "--mode=fast", "gmail.rollup/v1"),
    ("pmta", "disable", "source", "198.51.100.99", "gmail.rollup/v1"),
    ("pmta", "disable", "source", "--reenable-after=soon", "198.51.100.7", "gmail.rollup/v1"),
    ("pmta", "pause", "queue", "gmail.rollup/nobody"),
    ("pmta", "delete", "--rcpt=a@b.example"),
    ("rm", "-rf", "/"),
    ("bash",),
]


async def test_commands_answer_with_the_documented_texts_and_refuse_the_rest(host: Host) -> None:
    await host.send(people(1))
    await host.rows(1)
    for argv, text in TEXTS:
        assert await host.pmta("pmta", *argv) == (0, text), argv
    for argv in REFUSED:
        code, text = await host.pmta(*argv)
        assert code != 0, argv
        assert text
    log = [json.loads(line) for line in (host.directory / "ssh.jsonl").read_text().splitlines()]
    assert [entry["argv"] for entry in log] == [["pmta", *argv] for argv, _ in TEXTS] + [list(argv) for argv in REFUSED]
    assert set(log[0]) == {"at", "argv", "exit", "stdout"}


async def test_status_and_lists_have_the_documented_json_paths(host: Host) -> None:
    await host.send(people(20))
    await host.rows(20)
    await host.pmta("pmta", "pause", "queue", "gmail.rollup/v1")
    await host.send(people(3), first=100)
    data = await host.data("show", "status")
    status = data["status"]
    assert "mta" in data
    for name in ("timeNow", "startupTime", "shuttingDown", "traffic", "conn", "resolver", "queue", "spool", "status"):
        assert name in status
    for window in ("total", "lastHr", "lastMin", "topPerHr", "topPerMin"):
        assert set(status["traffic"][window]) == {"in", "out"}
        assert set(status["traffic"][window]["in"]) == {"rcp", "msg", "kb"}
    assert int(status["traffic"]["total"]["in"]["rcp"]) == 23
    assert 18 <= int(status["traffic"]["total"]["out"]["rcp"]) <= 20  # some bounce
    assert set(status["conn"]["smtpOut"]) == {"cur", "max", "top"}
    for kind in ("smtp", "pipe", "discard", "file", "alias", "bounceProcessor", "feedbackLoopProcessor"):
        assert set(status["queue"][kind]) == {"rcp", "dom", "kb"}
    assert int(status["queue"]["smtp"]["rcp"]) == 3
    assert set(status["spool"]) == {"initPct", "files", "totalRcp", "maxRcp"}

    paused = (await host.data("show", "queues", "--paused=yes"))["queue"]
    assert [(queue["name"], int(queue["rcpt"])) for queue in paused] == [("gmail.rollup/v1", 3)]
    assert (await host.data("show", "queues", "--mode=backoff"))["queue"] == []
    code, text = await host.pmta("pmta", "show", "queues")
    assert text.splitlines()[0].split() == "queue #rcpt kbytes conn st retry last error".split()
    assert await host.data("show", "version")
    assert [vmta["name"] for vmta in (await host.data("show", "vmtas"))["vmta"]] == ["v1", "v2"]
    code, text = await host.pmta("pmta", "--dom", "show", "status")
    assert 'status.traffic.total.in.rcp="23"' in text
    assert code == 0


async def test_only_the_authorised_key_gets_in(host: Host) -> None:
    stranger = Host(host.simulator, host.directory, asyncssh.generate_private_key("ssh-ed25519"))
    with pytest.raises(asyncssh.PermissionDenied):
        await stranger.pmta("pmta", "show", "version")


GOOD = "# ours\n<virtual-mta v1>\n  <domain gmail.rollup>\n    max-msg-rate 120/h\n  </domain>\n</virtual-mta>\n"
BAD = [
    (GOOD.replace("max-msg-rate", "max-msg-rte"), "Error in line 4 of "),
    (GOOD.replace("120/h", "fast"), "Error in line 4 of "),
    (GOOD.replace("</virtual-mta>\n", ""), "Error in line 2 of "),
]


async def test_an_include_file_is_replaced_checked_and_a_bad_one_is_refused_while_the_old_one_stays(host: Host) -> None:
    code, text = await host.pmta("ignite-put-include", stdin=GOOD.encode())
    assert (code, text) == (0, hashlib.sha256(GOOD.encode()).hexdigest())
    assert (host.directory / "pmta" / "ignite.conf").read_text() == GOOD
    code, _ = await host.pmta("pmta", "test", "config")
    assert code == 0
    assert (await host.pmta("pmta", "reload")) == (0, "Configuration reloaded.")
    before = await host.data("show", "settings", "gmail.rollup/v1")
    for content, error in BAD:
        await host.pmta("ignite-put-include", stdin=content.encode())
        code, text = await host.pmta("pmta", "test", "config")
        assert code != 0
        assert text.startswith(error)
        code, text = await host.pmta("pmta", "reload")
        assert code != 0
        assert await host.data("show", "settings", "gmail.rollup/v1") == before
    entry = json.loads((host.directory / "ssh.jsonl").read_text().splitlines()[0])
    assert entry["stdin_sha256"] == hashlib.sha256(GOOD.encode()).hexdigest()


def _most_in(times: list[datetime], window: timedelta) -> int:
    return max(sum(start <= other < start + window for other in times) for start in times)


async def test_max_msg_rate_and_the_backoff_rate_are_honoured_counting_attempts(host: Host) -> None:
    include = (
        "<virtual-mta v1>\n<domain gmail.rollup>\nmax-msg-rate 600/h\nbackoff-max-msg-rate 60/h\n"
        "backoff-to-normal-after 2h\n</domain>\n</virtual-mta>\n"
    )
    await host.pmta("ignite-put-include", stdin=include.encode())
    await host.pmta("pmta", "reload")
    await host.send(people(150))
    normal = [_at(row) for row in await host.rows(60, "d b t") if row["type"] in "dbt"]
    burst = 600 / 3600 * 30 + 1  # the twin works in bursts of 50 real ms = 30 business seconds
    assert _most_in(normal, timedelta(minutes=6)) <= 60 + 2 * burst

    code, _ = await host.pmta("pmta", "set", "queue", "--mode=backoff", "gmail.rollup/v1")
    assert code == 0
    assert [q["name"] for q in (await host.data("show", "queues", "--mode=backoff"))["queue"]] == ["gmail.rollup/v1"]
    since = host.simulator.options.clock.now()
    rows = await host.rows(len(normal) + 20, "d b t")
    slow = [_at(row) for row in rows if row["type"] in "dbt" and _at(row) > since + timedelta(minutes=1)]
    assert _most_in(slow, timedelta(minutes=10)) <= 10 + 2
    code, _ = await host.pmta("pmta", "set", "queue", "--mode=normal", "gmail.rollup/v1")
    assert (await host.data("show", "queues", "--mode=backoff"))["queue"] == []


async def test_a_paused_queue_a_paused_job_and_a_disabled_source_send_nothing_until_released(host: Host) -> None:
    await host.pmta("pmta", "pause", "queue", "gmail.rollup/v1")
    await host.send(people(10))
    await host.pmta("pmta", "pause", "job", "c8")
    await host.send(people(10, "yahoo.com"), job="c8", first=20)
    code, _ = await host.pmta("pmta", "disable", "source", "198.51.100.7", "apple.rollup/v1")
    assert code == 0
    await host.send(people(10, "icloud.com"), first=40)
    await host.send(people(10, "comcast.net"), first=60)
    rows = await host.rows(10)
    await asyncio.sleep(0.2)
    tried = {row["queue"] for row in await host.rows() if row["type"] in ("d", "b", "t")}
    assert tried == {"comcast.rollup/v1"}
    assert rows
    disabled = (await host.data("show", "disabled", "sources"))["source"]
    assert [(source["ip"], source["queue"]) for source in disabled] == [("198.51.100.7", "apple.rollup/v1")]
    jobs = {job["id"]: job["paused"] for job in (await host.data("show", "jobs"))["job"]}
    assert jobs == {"c7": "no", "c8": "yes"}

    await host.pmta("pmta", "resume", "queue", "gmail.rollup/v1")
    await host.pmta("pmta", "resume", "job", "c8")
    await host.pmta("pmta", "enable", "source", "198.51.100.7", "apple.rollup/v1")
    await host.rows(40)
    assert host.simulator.drained


async def test_a_disabled_source_comes_back_by_itself_after_the_given_time(host: Host) -> None:
    await host.pmta("pmta", "disable", "source", "--reenable-after=30m", "198.51.100.7", "gmail.rollup/v1")
    disabled_at = host.simulator.options.clock.now()
    await host.send(people(5))
    rows = await host.rows(5)
    first = min(_at(row) for row in rows if row["type"] in ("d", "b", "t"))
    assert first >= disabled_at + timedelta(minutes=29)
    assert (await host.data("show", "disabled", "sources"))["source"] == []


async def test_deferred_mail_is_retried_and_expires_as_message_expired(
    options: SimulatorOptions, tmp_path: Path
) -> None:
    simulator = Simulator.build(attrs.evolve(options, retry_after=(600.0,), bounce_after=1800.0))
    await simulator.start()
    host = Host(simulator, tmp_path, None)
    everyone = people(600, "hotmail.com")
    await host.send(everyone)
    rows = await host.rows(len(everyone))
    await simulator.stop()
    deferred = {row["envId"]: row for row in rows if row["type"] == "t"}
    ended = {row["envId"]: row for row in rows if row["type"] in ("d", "b")}
    assert deferred
    waits = [_at(ended[envid]) - _at(row) for envid, row in deferred.items()]
    assert all(wait >= timedelta(minutes=9) for wait in waits)
    for row in ended.values():
        if row["bounceCat"] == "message-expired":
            assert _at(row) - _at(row, "timeQueued") >= timedelta(minutes=29)


async def test_smtp_refuses_when_told_and_accepted_mail_survives_a_restart(
    options: SimulatorOptions, host: Host, tmp_path: Path
) -> None:
    await host.pmta("pmta", "pause", "queue", "*/v1")
    await host.pmta("pmta", "pause", "queue", "gmail.rollup/v1")
    await host.send(people(25))
    host.simulator.door.refusal = "451 4.3.2 try again later"
    reader, writer = await asyncio.open_connection("127.0.0.1", host.simulator.smtp_port)
    writer.write(b"EHLO x\r\nMAIL FROM:<a@b.example>\r\n")
    await _reply(reader)
    await _reply(reader)
    assert (await _reply(reader))[-1].startswith("451")
    writer.close()
    await host.simulator.stop()

    again = Simulator.build(options)
    await again.start()
    rows = await Host(again, tmp_path, None).rows(25)
    await again.stop()
    ended = Counter(row["envId"] for row in rows if row["type"] in ("d", "b"))
    assert len(ended) == 25
    assert set(ended.values()) == {1}
