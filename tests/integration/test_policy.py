"""The policy over HTTP: changed, kept, run by the agents at once, and tried on the last week's log."""

import asyncio
import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from ignite_adapters.postgres.policies import PostgresPolicyStore
from ignite_adapters.postgres.pool import Pool
from ignite_app.backtest.run import backtest, report
from ignite_app.clock import Clock
from ignite_app.container import Container
from ignite_app.http import policy
from ignite_app.http.app import HttpDeps, create_app
from ignite_app.http.auth import Gatekeeper
from ignite_app.policies.replayed import paired
from ignite_app.policies.trial import Logs, PolicyTrials, logs_of
from ignite_app.settings import AccountingHost, AccountingSettings, GovernanceSettings, PmtaSettings, Secret, Settings
from ignite_app.workers.ingest import IngestWorker
from ignite_domain.governance.book import Entry, Tally
from ignite_domain.governance.rules import RULES
from ignite_domain.governance.words import Action, AgentKind, Decision, Mode, TargetType
from ignite_domain.isps import Isp
from integration.test_ingest import GONE, Desk, desk, line

__all__ = ["desk"]  # the fixture

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
KEY = "key-of-ann-" + "k" * 20
ANN = {"X-API-Key": KEY}
Client = AsyncTestClient[Litestar]
CHANGES = "bounce-flood:\n  at_least: 6\ncomplaint-watch: {enabled: false}\n"


async def all_there() -> dict[str, str]:
    return {}


def app_of(pool: Pool, logs: Logs, clock: Clock, *, from_file: bool = False) -> Litestar:
    trials = PolicyTrials(logs, clock)
    deps = policy.PolicyDeps(PostgresPolicyStore(pool), trials, clock, from_file=from_file)
    keeper = Gatekeeper({"ann": Secret(KEY)})
    return create_app(HttpDeps(keeper, policy.routes(deps), all_there, lifespan=[trials.lifespan]))


@pytest.fixture
async def client(pool: Pool, tmp_path: Path) -> AsyncIterator[Client]:
    """The log's folder is `acct`."""
    (tmp_path / "acct").mkdir()
    logs = Logs({"": tmp_path / "acct"}, ("mx2: elsewhere",))
    async with AsyncTestClient(app_of(pool, logs, Clock.starting(NOW, 1.0)), raise_server_exceptions=False) as opened:
        opened.headers.update(ANN)
        yield opened


async def put(client: Client, document: str, version: int, reason: str = "quieter") -> Any:
    return await client.put("/api/v1/policy", json={"document": document, "reason": reason, "version": version})


async def test_without_a_version_the_policy_is_as_shipped(client: Client) -> None:
    found = (await client.get("/api/v1/policy")).json()
    assert [found[name] for name in ("version", "by", "at", "reason", "document")] == [0, None, None, None, ""]
    assert [(one["name"], one["id"]) for one in found["rules"]] == [(rule.name, rule.id) for rule in RULES]
    assert {(one["enabled"], one["changed"]) for one in found["rules"]} == {(True, False)}
    throttle = next(one for one in found["rules"] if one["name"] == "rate-limit-reply")
    assert throttle["fields"] == {
        **{"limit": 0.05, "at_least": 2, "window_s": 600, "z": 2.58},
        **{"lifetime": "30m", "factor": 0.5},
    }
    assert (await client.get("/api/v1/policy/versions")).json() == {"items": [], "next": None}


async def test_a_change_is_a_version_with_author_and_reason_and_the_old_ones_are_kept(client: Client) -> None:
    first = await put(client, CHANGES, 0)
    assert first.status_code == 200
    told = first.json()
    assert [told[name] for name in ("version", "by", "reason", "document")] == [1, "ann", "quieter", CHANGES]
    assert datetime.fromisoformat(told["at"]) - NOW < timedelta(hours=1)
    changed = {one["name"]: (one["id"], one["enabled"]) for one in told["rules"] if one["changed"]}
    assert changed == {
        "bounce-flood": ("bounce-flood@1.0001", True),
        "complaint-watch": ("complaint-watch@1.0001", False),
    }
    assert (await client.get("/api/v1/policy")).json() == told
    for document in ("", "unreachable: {z: 3}", CHANGES):
        version = (await client.get("/api/v1/policy")).json()["version"]
        assert (await put(client, document, version)).status_code == 200
    listed = (await client.get("/api/v1/policy/versions", params={"limit": 3})).json()
    assert [(one["version"], one["document"]) for one in listed["items"]] == [
        *((4, CHANGES), (3, "unreachable: {z: 3}"), (2, ""))
    ]
    rest = (await client.get("/api/v1/policy/versions", params={"before": listed["next"]})).json()
    assert [(one["version"], one["document"]) for one in rest["items"]] == [(1, CHANGES)]
    assert rest["next"] is None
    in_force = (await client.get("/api/v1/rules")).json()["items"]
    assert {one["id"] for one in in_force} == {
        "bounce-flood@1.0004" if rule.name == "bounce-flood" else rule.id
        for rule in RULES
        if rule.name != "complaint-watch"
    }


async def test_a_change_is_told_on_the_live_feed_once(client: Client, pool: Pool) -> None:
    assert (await put(client, CHANGES, 0)).status_code == 200
    assert (await put(client, "", 0)).status_code == 409
    async with pool.connection() as conn:
        rows = await (await conn.execute("select type, isp, data from live_feed")).fetchall()
    assert rows == [("policy", None, {"version": 1, "by": "ann", "reason": "quieter"})]


async def test_an_id_keeps_its_length_while_versions_come(client: Client) -> None:
    seen = set()
    for version in range(12):
        told = (await put(client, f"{CHANGES}# {version}\n", version)).json()
        seen |= {one["id"] for one in told["rules"] if one["name"] == "bounce-flood"}
    assert {len(one) for one in seen} == {len("bounce-flood@1.0001")}
    assert len(seen) == 12


async def test_who_changes_an_old_version_is_told_and_nothing_is_lost(client: Client) -> None:
    assert (await put(client, CHANGES, 0)).status_code == 200
    for version in (0, 2, -1):
        late = await put(client, "", version)
        assert late.status_code == 409
        assert "version 1 is in force" in late.json()["detail"]
    both = await asyncio.gather(put(client, "", 1), put(client, "# b\n", 1))
    assert sorted(one.status_code for one in both) == [200, 409]


FAULTY = "# ours\nbounce-flood:\n  limit: 2\nbounce-rise: {z: 3}\nno-rule: {}\n"
MISTAKES = [("bounce-flood.limit", 3), ("bounce-rise.z", 4), ("no-rule", 5)]


async def test_every_mistake_is_named_by_key_and_line_and_nothing_is_kept(client: Client) -> None:
    checked = await client.post("/api/v1/policy/check", json={"document": FAULTY})
    assert checked.status_code == 200
    found = checked.json()
    assert [found["ok"], found["diff"]] == [False, []]
    assert [(one["key"], one["line"]) for one in found["faults"]] == MISTAKES
    for refused in (
        await put(client, FAULTY, 0),
        await client.post("/api/v1/policy/backtest", json={"document": FAULTY}),
    ):
        assert refused.status_code == 400
        assert [(one["key"], one["line"]) for one in refused.json()["faults"]] == MISTAKES
        assert all(f"line {at}: {key}" in refused.json()["detail"] for key, at in MISTAKES)
    assert (await client.get("/api/v1/policy")).json()["version"] == 0


async def test_a_check_tells_what_would_change_about_what_is_in_force(client: Client) -> None:
    assert (await put(client, CHANGES, 0)).status_code == 200
    found = await client.post("/api/v1/policy/check", json={"document": "bounce-flood: {at_least: 6, lifetime: 2h}"})
    assert found.json() == {
        "ok": True,
        "faults": [],
        "diff": [
            {"rule": "complaint-watch", "field": "enabled", "from": False, "to": True},
            {"rule": "bounce-flood", "field": "lifetime", "from": "1h", "to": "2h"},
        ],
    }
    assert (await client.get("/api/v1/policy")).json()["version"] == 1


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "a\u0000b", "\ud800", "x" * 501])
async def test_a_change_needs_a_reason_of_one_line(client: Client, reason: str) -> None:
    body = json.dumps({"document": "", "reason": reason, "version": 0})
    refused = await client.put("/api/v1/policy", content=body, headers={"Content-Type": "application/json"})
    assert refused.status_code == 400
    assert refused.json()["detail"].startswith("reason: ")


@pytest.mark.parametrize("document", ["\u0000", "\ud800", "[" * 5000, "# " + "x" * 70_000])
async def test_no_document_breaks_the_door(client: Client, document: str) -> None:
    body = json.dumps({"document": document})
    found = await client.post("/api/v1/policy/check", content=body, headers={"Content-Type": "application/json"})
    assert (found.status_code, found.json()["ok"]) == (200, False)


async def test_where_a_file_holds_the_policy_the_api_makes_no_versions(pool: Pool) -> None:
    async with AsyncTestClient(app_of(pool, Logs({}), Clock.starting(NOW, 1.0), from_file=True)) as client:
        client.headers.update(ANN)
        refused = await put(client, CHANGES, 0)
        assert (refused.status_code, "governance.policy" in refused.json()["detail"]) == (409, True)
        assert (await client.get("/api/v1/policy")).json()["from_file"] is True


async def test_without_a_key_there_is_no_policy(pool: Pool) -> None:
    async with AsyncTestClient(app_of(pool, Logs({}), Clock.starting(NOW, 1.0))) as client:
        for path in ("policy", "policy/versions", "policy/backtest/1"):
            assert (await client.get(f"/api/v1/{path}")).status_code == 401
        assert (await client.put("/api/v1/policy", json={})).status_code == 401


def composed(desk: Desk, governance: GovernanceSettings) -> IngestWorker:
    """The worker as `ignite work` composes it, with the desk's log and clock."""

    class Turned(Clock):
        def now(self) -> datetime:
            return desk.clock.now()

    settings = Settings(pmta=PmtaSettings(accounting_dir=str(desk.directory)), governance=governance)
    worker: IngestWorker = Container(settings=settings, clock=Turned(), dsn="", pool=desk.pool).ingest()
    return worker


async def test_a_running_worker_decides_by_the_new_version_at_its_next_step(client: Client, desk: Desk) -> None:
    worker = composed(desk, GovernanceSettings(mode=Mode.ACT))

    async def rules_of_dead_addresses_at(domain: str, minute: float) -> list[str]:
        desk.clock.at = NOW + timedelta(minutes=minute + 1)
        desk.write(*(line("b", f"{domain}{n}", minute, "5.1.1", GONE, rcpt=f"p{n}@{domain}") for n in range(8)))
        await desk.run(worker)
        isp = domain.partition(".")[0]
        rows = await desk.rows("select rule from mailing_engine_decisions where isp = %s order by id", isp)
        return [rule for (rule,) in rows if rule.startswith("bounce-flood")]

    assert await rules_of_dead_addresses_at("gmail.com", 10) == ["bounce-flood@1"]
    assert (await put(client, "bounce-flood: {at_least: 6}", 0)).status_code == 200
    assert await rules_of_dead_addresses_at("yahoo.com", 12) == ["bounce-flood@1.0001"]
    assert (await put(client, "bounce-flood: {enabled: false}", 1)).status_code == 200
    assert await rules_of_dead_addresses_at("comcast.net", 14) == []
    assert (await put(client, "", 2)).status_code == 200
    assert await rules_of_dead_addresses_at("cox.net", 16) == ["bounce-flood@1"]


async def test_a_running_worker_takes_the_policy_file_of_the_settings(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(CHANGES)
    worker = composed(desk, GovernanceSettings(policy=str(file)))
    await desk.run(worker)
    assert await desk.rows("select version, author, document from mailing_engine_policies") == [
        (1, "governance.policy", CHANGES)
    ]


# ---- the last seven days under another policy

FIELDS = "type timeLogged timeQueued orig rcpt dsnStatus dsnDiag dsnMta dlvSourceIp jobId envId queue".split()


def written(path: Path, began: datetime) -> None:
    """An hour at Gmail: good mail, 30 dead addresses in its tenth minute, a handful in its fortieth."""
    bad = {600 + n: None for n in range(30)} | {2400 + 20 * n: None for n in range(6)}
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(FIELDS)
        for second in sorted({*range(0, 3600, 30), *bad}):
            at = (began + timedelta(seconds=second)).strftime("%Y-%m-%d %H:%M:%S+0000")
            status, text = ("5.1.1", "smtp;550 5.1.1 no such user") if second in bad else ("2.0.0", "smtp;250 OK")
            kind = "b" if second in bad else "d"
            rows.writerow(
                [kind, at, at, "b@m.example", f"p{second}@gmail.com", status, text, "mx", "192.0.2.1", "c1",
                 f"{began:%d}e{second}", "gmail.com/mta1"]
            )  # fmt: skip


async def ended(client: Client, document: str) -> dict[str, Any]:
    begun = await client.post("/api/v1/policy/backtest", json={"document": document})
    assert begun.status_code == 202
    while True:
        found: dict[str, Any] = (await client.get(f"/api/v1/policy/backtest/{begun.json()['id']}")).json()
        if found["status"] != "running":
            return found
        await asyncio.sleep(0.05)


def by_cli(file: Path, policy_file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = report(backtest([str(file)], str(policy_file)))["decisions"]
    return found


async def test_a_backtest_decides_as_the_command_line_does_and_tells_the_two_apart(
    client: Client, tmp_path: Path
) -> None:
    proposed = "bounce-flood: {at_least: 40}\n"
    (tmp_path / "current.yaml").write_text("bounce-rise: {enabled: false}\n")
    (tmp_path / "proposed.yaml").write_text(proposed)
    log = tmp_path / "acct" / "acct-1.csv"
    written(log, NOW - timedelta(days=2))
    written(tmp_path / "acct" / "acct-0.csv", NOW - timedelta(days=8))  # too old
    (tmp_path / "acct" / "acct-copy.csv").write_bytes(log.read_bytes())  # the same file once more
    assert (await put(client, "bounce-rise: {enabled: false}\n", 0)).status_code == 200
    found = await ended(client, proposed)
    assert [found[name] for name in ("status", "error", "progress", "days", "files", "left_out")] == [
        *("done", None, 1.0, 7, 2, ["mx2: elsewhere"])
    ]
    assert found["records"] == 153  # 120 good ones, 3 of which give way to the 36 dead addresses
    current, changed = (by_cli(log, tmp_path / name) for name in ("current.yaml", "proposed.yaml"))
    for side, decisions in (("current", current), ("proposed", changed)):
        assert found[side]["decisions"] == decisions
        assert found[side]["total"] == len(decisions) == sum(found[side]["by_action"].values())
        assert found[side]["total"] == sum(found[side]["by_agent"].values())
    assert {one["action"] for one in found["only_current"]} == {"emergency_halt"}
    assert found["only_current"][0] == current[0]
    assert found["current"]["by_action"] != found["proposed"]["by_action"]
    assert all(one in changed and one not in current for one in found["only_proposed"])


async def test_the_same_policy_has_nothing_of_its_own(client: Client, tmp_path: Path) -> None:
    written(tmp_path / "acct" / "acct-1.csv", NOW - timedelta(days=2))
    found = await ended(client, "# as shipped\n")
    assert found["current"] == found["proposed"]
    assert found["current"]["total"] > 0
    assert [found["only_current"], found["only_proposed"], found["moved"]] == [[], [], []]


async def test_a_log_with_nothing_in_it_is_told_in_words(client: Client, tmp_path: Path) -> None:
    empty = await ended(client, "")
    assert (empty["status"], empty["records"]) == ("failed", 0)
    assert empty["error"] == "there is no accounting file of the last 7 days on this host to try a policy on"
    written(tmp_path / "acct" / "acct-0.csv", NOW - timedelta(days=9))
    old = await ended(client, "")
    assert old["status"] == "failed"
    assert old["error"] == "no record of the last 7 days lies in the 1 accounting file of this host"
    assert (await client.get("/api/v1/policy/backtest/1234")).status_code == 404


def endless(folder: Path) -> Path:
    """A file that takes minutes to read and no room on the disk."""
    path = folder / "acct-endless.csv"
    path.write_text(",".join(FIELDS) + "\nd,x\n")
    os.truncate(path, 1 << 36)
    return path


async def test_one_backtest_at_a_time_and_none_outlives_the_server(pool: Pool, tmp_path: Path) -> None:
    endless(tmp_path)
    async with AsyncTestClient(app_of(pool, Logs({"": tmp_path}), Clock.starting(NOW, 1.0))) as client:
        client.headers.update(ANN)
        begun = await client.post("/api/v1/policy/backtest", json={"document": ""})
        assert begun.status_code == 202
        second = await client.post("/api/v1/policy/backtest", json={"document": ""})
        assert (second.status_code, "running already" in second.json()["detail"]) == (409, True)
        assert (await client.get("/api/v1/policy")).status_code == 200
        children: list[int] = []
        while True:
            children = _children()
            if children:
                break
            await asyncio.sleep(0.02)
    assert [pid for pid in children if _lives(pid)] == []


async def test_a_backtest_that_is_cancelled_ends_with_its_work_and_makes_room_for_the_next(
    pool: Pool, tmp_path: Path
) -> None:
    endless(tmp_path)
    async with AsyncTestClient(app_of(pool, Logs({"": tmp_path}), Clock.starting(NOW, 1.0))) as client:
        client.headers.update(ANN)
        for _ in range(2):
            begun = await client.post("/api/v1/policy/backtest", json={"document": ""})
            assert begun.status_code == 202
            path = f"/api/v1/policy/backtest/{begun.json()['id']}"
            while not (children := _children()):  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.02)
            ended = await client.delete(path)
            assert (ended.status_code, ended.json()["status"], ended.json()["error"]) == (200, "cancelled", None)
            assert [pid for pid in children if _lives(pid)] == []
            assert (await client.get(path)).json()["status"] == "cancelled"
            assert (await client.delete(path)).json()["status"] == "cancelled"
        assert (await client.delete("/api/v1/policy/backtest/1234")).status_code == 404


def _children() -> list[int]:
    """Processes that this one has begun to replay with."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            replays = b"ignite_app.policies.replayed" in (entry / "cmdline").read_bytes()
        except (OSError, ValueError, IndexError):
            continue
        if replays and parent == os.getpid():
            found.append(int(entry.name))
    return found


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_backtest_ends_with_the_caller_whatever_ended_that(tmp_path: Path) -> None:
    order = {"files": [str(endless(tmp_path))], "since": 0, "until": 1 << 40, "current": "", "proposed": ""}
    process = subprocess.Popen(
        [sys.executable, "-m", "ignite_app.policies.replayed"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(order).encode() + b"\n")
    process.stdin.flush()
    process.stdin.close()  # as a caller's death does
    assert process.wait(timeout=60) == -signal.SIGKILL


def test_hosts_whose_logs_are_not_here_are_named() -> None:
    hosts = (
        AccountingHost("near", dir="/srv/near"),
        AccountingHost("far", ssh_host="192.0.2.7", ssh_key="k", ssh_host_key="h"),
        AccountingHost("pushing", push_secret=Secret("s" * 20)),
    )
    logs = logs_of(Settings(pmta=PmtaSettings(accounting_dir="/srv/acct"), accounting=AccountingSettings(hosts=hosts)))
    assert {name: str(folder) for name, folder in logs.folders.items()} == {"": "/srv/acct", "near": "/srv/near"}
    assert [one.partition(":")[0] for one in logs.left_out] == ["far", "pushing"]


def decided(minute: int, lives: int, target: str = "gmail", action: Action = Action.EMERGENCY_HALT) -> Entry:
    at = NOW + timedelta(minutes=minute)
    decision = Decision(
        at=at, until=at + timedelta(minutes=lives), isp=Isp.GMAIL, agent=AgentKind.EMERGENCY, action=action,
        target_type=TargetType.ISP, target=target, reason="r", rule="r@1", evidence={},
    )  # fmt: skip
    return Entry(decision, "", Tally())


PAIRS = [
    ([], [], ([], [], [])),
    ([decided(0, 60)], [decided(0, 60)], ([], [], [])),
    ([decided(0, 60)], [decided(0, 30)], ([], [], [])),
    ([decided(0, 60)], [decided(5, 60)], ([], [], [(0, 0)])),
    ([decided(0, 60)], [decided(61, 60)], ([0], [0], [])),
    ([decided(0, 60)], [decided(0, 60, "yahoo")], ([0], [0], [])),
    ([decided(0, 60)], [decided(0, 60, action=Action.PAUSE_QUEUE)], ([0], [0], [])),
    ([decided(0, 10), decided(20, 10), decided(40, 10)], [decided(22, 10)], ([0, 2], [], [(1, 0)])),
    ([decided(20, 10)], [decided(0, 10), decided(20, 10), decided(25, 10)], ([], [0, 2], [])),
]


@pytest.mark.parametrize(("before", "after", "found"), PAIRS)
def test_two_decisions_are_the_same_if_they_are_about_the_same_and_live_at_a_common_time(
    before: list[Entry], after: list[Entry], found: tuple[list[int], ...]
) -> None:
    assert paired(before, after) == found
