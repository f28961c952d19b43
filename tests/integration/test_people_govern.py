"""People over HTTP, agents over the orchestrator, one database, and a host that shows what really arrived.

Wishes come from rules that are real: ten refused records at Gmail make the throttle agent wish.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from conftest import NOW
from ignite_adapters.memory.pmta import MemoryPmta
from ignite_adapters.pmta.accounting import DirectoryFeed
from ignite_adapters.postgres.alerts import Alert, AlertStore
from ignite_adapters.postgres.commands import PostgresCommandStore
from ignite_adapters.postgres.decisions import change
from ignite_adapters.postgres.governance import PostgresGovernanceStore
from ignite_adapters.postgres.modes import PostgresModesStore
from ignite_adapters.postgres.persons import PostgresPersons
from ignite_adapters.postgres.pool import Pool, transaction
from ignite_adapters.postgres.reading import ReadingRoom
from ignite_adapters.postgres.suppressions import PostgresSuppressionStore
from ignite_adapters.postgres.tallies import LogBook
from ignite_app.http import governance, reading
from ignite_app.http.app import HttpDeps, create_app
from ignite_app.http.auth import Gatekeeper
from ignite_app.http.governance import GovernanceDeps
from ignite_app.settings import Secret
from ignite_app.workers.approvals import ApprovalsWorker
from ignite_app.workers.execute import Executor
from ignite_app.workers.ingest import IngestWorker
from ignite_app.workers.watch import Watch
from ignite_domain.governance.modes import Modes
from ignite_domain.governance.orchestrator import Orchestrator
from ignite_domain.governance.ports import StatusChange
from ignite_domain.governance.words import DecisionStatus, Mode
from integration.sending import HandClock
from integration.test_executor import QUEUES, VMTAS, alone
from integration.test_ingest import FILE, HEADER, line

KEYS = {"ann": Secret("key-of-ann-" + "k" * 20), "bob": Secret("key-of-bob-" + "k" * 20)}
WHY = {"reason": "seen by eye"}


class Phone:
    """A channel that notes what it is told."""

    name = "phone"
    each = True

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    async def tell(self, alert: Alert, what: str) -> None:
        self.told.append((what, alert.kind))


@attrs.define
class Floor:
    """Everything that governs one host, and the clock that all of it goes by."""

    pool: Pool
    client: AsyncTestClient[Litestar]
    clock: HandClock
    host: MemoryPmta
    folder: Path
    executor: Executor
    watch: Watch
    phone: Phone
    mode: Mode
    executing: bool = True

    def ingest(self) -> IngestWorker:
        return IngestWorker(
            DirectoryFeed(self.folder),
            PostgresGovernanceStore(self.pool),
            Orchestrator(Modes(self.mode).of, approval=timedelta(minutes=15)),
            {},
            self.clock,  # type: ignore[arg-type]  # the part of a Clock that workers use
            poll_seconds=10,
            modes=PostgresModesStore(self.pool, self.mode),
        )

    async def call(self, method: str, path: str, body: Any = None, key: str = "ann", expect: int = 200) -> Any:
        headers = {"X-API-Key": str(KEYS[key])}
        answer = await self.client.request(method, f"/api/v1/{path}", json=body, headers=headers)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def refusals(self, count: int = 12, ip: str = "192.0.2.11") -> None:
        """So many first attempts are deferred at Gmail in this minute, and nothing is accepted."""
        path = self.folder / FILE
        if not path.exists():
            path.write_text(HEADER + "\r\n", newline="")
        minutes = (self.clock.at - NOW) / timedelta(minutes=1)
        busy = "smtp;421 4.3.2 too busy, try again later"
        with path.open("a", newline="") as file:
            for number in range(count):
                one = line("t", "", minutes, "4.3.2 (busy)", busy, rcpt=f"p{number}@gmail.com", ip=ip)
                file.write(one)

    async def go(self, minutes: int = 1) -> None:
        """Time goes by, and every worker takes its turn each minute."""
        worker = self.ingest()
        for _ in range(minutes):
            self.clock.advance(minutes=1)
            while await worker.step():
                pass
            while self.executing and await self.executor.step():
                pass
            await self.watch.step()

    async def decisions(self, query: str = "") -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.call("GET", f"decisions?{query}"))["items"]
        return items

    async def throttle(self) -> dict[str, Any]:
        """The newest throttle."""
        return (await self.decisions("action=throttle"))[0]

    @property
    def limited(self) -> bool:
        return "<domain gmail.com>" in self.host.loaded


@pytest.fixture
def mode() -> Mode:
    return Mode.APPROVE


@pytest.fixture
async def floor(pool: Pool, tmp_path: Path, mode: Mode) -> AsyncIterator[Floor]:
    clock, host, phone = HandClock(), MemoryPmta(*QUEUES), Phone()
    modes, desk = PostgresModesStore(pool, mode), PostgresPersons(pool)
    clocked: Any = clock  # the part of a Clock that workers and rooms use
    routes = [
        *reading.routes(reading.ReadingDeps(pool, PostgresSuppressionStore(pool), clocked)),
        *governance.routes(GovernanceDeps(modes, desk, ReadingRoom(pool), clocked, VMTAS)),
    ]

    async def ready() -> dict[str, str]:
        return {}

    async def running() -> bool:
        return made.executing

    watch = Watch(
        LogBook(pool),
        AlertStore(pool),
        [phone],
        None,
        clocked,
        poll_seconds=30,
        stalled=timedelta(days=1),
        skew=timedelta(days=1),
        quiet=timedelta(minutes=15),
        desk=desk,
        modes=modes,
        executing=running,
    )
    store = PostgresCommandStore(pool, "host")
    executor = Executor(store, host, alone, clocked, modes=modes, vmtas=VMTAS, base_rate=20000)
    app = create_app(HttpDeps(Gatekeeper(KEYS), routes, ready))
    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        made = Floor(pool, client, clock, host, tmp_path, executor, watch, phone, mode)
        yield made


async def test_a_proposal_waits_and_is_sent_once_a_person_approves_it(floor: Floor) -> None:
    await floor.refusals()
    await floor.go()
    (waiting,) = await floor.decisions("awaiting=true")
    assert (waiting["action"], waiting["awaits"], waiting["on_deadline"]) == ("throttle", True, "apply")
    assert (waiting["by"], waiting["person_reason"]) == (None, None)
    assert (await floor.call("GET", "governance"))["pending"] == 1
    assert not floor.limited
    assert floor.phone.told == [("begun", "approval_waiting")]

    path = f"decisions/{waiting['id']}/approve"
    await floor.call("POST", path, {"reason": " "}, expect=400)
    said = await floor.call("POST", path, WHY, "bob")
    assert (said["status"], said["awaits"], said["by"], said["person_reason"]) == (
        "approved", False, "bob", "seen by eye",
    )  # fmt: skip
    again = await floor.call("POST", path, WHY, expect=409)
    assert "it can be released" in again["detail"]
    await floor.go(2)
    assert floor.limited
    one = await floor.call("GET", f"decisions/{waiting['id']}")
    assert (one["status"], one["by"]) == ("verified", "bob")
    assert (await floor.call("GET", f"decisions/{waiting['id']}/commands"))["items"]
    assert len((await floor.call("GET", f"decisions/{waiting['id']}/rates"))["items"]) >= 1
    assert ("ended", "approval_waiting") not in floor.phone.told  # told by each at most once in a quarter of an hour


async def test_nobody_answers_no_record_comes_and_the_deadline_applies_the_restriction(floor: Floor) -> None:
    await floor.refusals()
    await floor.go(15)
    assert (await floor.throttle())["awaits"]
    assert not floor.limited
    await floor.go(3)
    one = await floor.throttle()
    assert (one["status"], one["by"]) == ("verified", None)
    assert floor.limited


async def test_deadlines_fall_to_the_safe_side_while_no_ingest_worker_runs(floor: Floor) -> None:
    await floor.refusals()
    await floor.go()
    (waiting,) = await floor.decisions("awaiting=true")
    desk, modes = PostgresPersons(floor.pool), PostgresModesStore(floor.pool, floor.mode)
    clocked: Any = floor.clock
    worker = ApprovalsWorker(desk, modes, clocked, poll_seconds=15)
    for _ in range(14):
        floor.clock.advance(minutes=1)
        await worker.step()
    assert (await floor.call("GET", f"decisions/{waiting['id']}"))["awaits"]
    floor.clock.advance(minutes=2)
    await worker.step()
    one = await floor.call("GET", f"decisions/{waiting['id']}")
    assert (one["status"], one["by"]) == ("approved", None)
    assert one["status_note"] == "nobody answered within 15 minutes; the safe side is to restrict"
    while await floor.executor.step():
        pass
    assert floor.limited
    await floor.go()  # the ingest worker is back, and has nothing to settle twice
    again = await floor.call("GET", f"decisions/{waiting['id']}")
    assert (again["status"], again["until"]) == ("verified", one["until"])


async def test_what_waits_ends_with_a_stop_while_no_ingest_worker_runs(floor: Floor) -> None:
    await floor.refusals()
    await floor.go()
    (waiting,) = await floor.decisions("awaiting=true")
    await floor.call("POST", "governance/stop", {"isp": "gmail", **WHY})
    clocked: Any = floor.clock
    modes = PostgresModesStore(floor.pool, floor.mode)
    await ApprovalsWorker(PostgresPersons(floor.pool), modes, clocked, poll_seconds=15).step()
    one = await floor.call("GET", f"decisions/{waiting['id']}")
    assert (one["status"], one["status_note"], one["awaits"]) == ("rejected", "a stop by ann at Gmail", False)


async def test_what_a_person_rejects_does_not_come_back_while_it_would_have_lived(floor: Floor) -> None:
    await floor.refusals()
    await floor.go()
    (waiting,) = await floor.decisions("awaiting=true")
    said = await floor.call("POST", f"decisions/{waiting['id']}/reject", WHY)
    assert (said["status"], said["status_note"], said["by"]) == ("rejected", "rejected by ann", "ann")
    await floor.refusals()
    await floor.go()
    assert await floor.decisions("awaiting=true") == []
    gone = await floor.call("POST", f"decisions/{waiting['id']}/approve", WHY, expect=409)
    assert "is over (rejected)" in gone["detail"]


@pytest.mark.parametrize("mode", [Mode.ACT])
@pytest.mark.parametrize("isp", ["gmail", None])
async def test_under_a_stop_nothing_of_an_agent_is_sent_and_after_it_agents_go_on(
    floor: Floor, isp: str | None
) -> None:
    await floor.go()
    before = list(floor.host.mutations)
    state = await floor.call("POST", "governance/stop", {"isp": isp, "reason": "list trouble"})
    assert [(one["isp"], one["by"], one["reason"]) for one in state["stops"]] == [(isp, "ann", "list trouble")]
    await floor.refusals()
    await floor.go(3)
    one = await floor.throttle()
    place = "at Gmail" if isp else "everywhere"
    assert (one["status"], one["awaits"]) == ("proposed", False)
    assert one["status_note"] == f"a stop by ann {place}: decided and recorded, not acted on"
    assert floor.host.mutations == before
    assert ("begun", "stopped") in floor.phone.told

    mine = {"isp": "gmail", "action": "pause_queue", "target_type": "queue", "target": "gmail.com/mta1", "minutes": 30}
    await floor.call("POST", "decisions", {**mine, "parameters": {}, **WHY}, expect=201)
    await floor.go()
    assert floor.host.mutations == [*before, "pmta --json pause queue gmail.com/mta1"]  # a person is not stopped

    await floor.call("POST", "governance/resume", {"isp": isp, "reason": "seen to"})
    nothing = await floor.call("POST", "governance/resume", {"isp": isp, "reason": "seen to"}, expect=409)
    assert "what can be resumed: nothing" in nothing["detail"]
    await floor.go(2)
    assert (await floor.throttle())["status"] == "verified"
    assert floor.limited
    acts = await floor.decisions("action=stop,resume")
    assert [(one["action"], one["by"], one["person_reason"], one["rule"]) for one in acts] == [
        ("resume", "ann", "seen to", "person@1"),
        ("stop", "ann", "list trouble", "person@1"),
    ]


@pytest.mark.parametrize("mode", [Mode.ACT])
async def test_what_stands_when_a_stop_comes_stays_and_is_held_past_its_lifetime(floor: Floor) -> None:
    await floor.refusals()
    await floor.go(3)
    assert (await floor.throttle())["status"] == "verified"
    await floor.call("POST", "governance/stop", {"isp": None, **WHY})
    sent = list(floor.host.mutations)
    await floor.go(45)
    one = await floor.throttle()
    assert (one["status"], one["ended_at"]) == ("verified", None)
    assert one["status_note"] == "held, neither probed nor released: a stop by ann everywhere"
    assert floor.limited
    assert floor.host.mutations == sent

    await floor.call("POST", f"decisions/{one['id']}/release", WHY)  # a person's word is carried out under a stop
    await floor.go(2)
    assert not floor.limited
    assert (await floor.call("GET", f"decisions/{one['id']}"))["status"] == "released"


async def test_an_answer_that_comes_while_a_step_is_under_way_is_not_overwritten(floor: Floor) -> None:
    await floor.refusals()
    await floor.go()
    (waiting,) = await floor.decisions("awaiting=true")
    await floor.call("POST", f"decisions/{waiting['id']}/reject", WHY)
    late = StatusChange(waiting["id"], DecisionStatus.APPROVED, "nobody answered", waiting=True)
    async with transaction(floor.pool) as conn:
        assert await change(conn, late, floor.clock.now()) is None
    one = await floor.call("GET", f"decisions/{waiting['id']}")
    assert (one["status"], one["by"]) == ("rejected", "ann")


async def test_a_refused_probe_keeps_its_restriction_and_is_asked_for_again_later(floor: Floor) -> None:
    mine = {"isp": "gmail", "action": "backoff", "target_type": "isp", "target": "gmail", "minutes": 20}
    made = await floor.call("POST", "decisions", {**mine, "parameters": {}, **WHY}, expect=201)
    async with transaction(floor.pool) as conn:  # as if an agent had decided it and a person agreed
        await conn.execute("update mailing_engine_decisions set rule = 'test@1' where id = %s", (made["id"],))
    await floor.go(21)
    (probe,) = await floor.decisions("awaiting=true")
    assert (probe["action"], probe["on_deadline"], probe["undoes"]) == ("probe", "reject", made["id"])
    await floor.go(16)
    assert (await floor.call("GET", f"decisions/{probe['id']}"))["status"] == "rejected"
    assert floor.host.backoff == {"gmail.com/mta1", "gmail.com/mta2"}
    held = await floor.call("GET", f"decisions/{made['id']}")
    assert held["status_note"] == "held: nobody answered within 15 minutes; the safe side is to hold"
    await floor.go(20)
    (again,) = await floor.decisions("awaiting=true")
    await floor.call("POST", f"decisions/{again['id']}/approve", WHY)
    await floor.go(2)
    assert (await floor.call("GET", f"decisions/{again['id']}"))["status"] == "verified"
    assert floor.host.backoff == set()


@pytest.mark.parametrize("mode", [Mode.ACT])
async def test_a_mode_that_changes_before_the_command_went_out_makes_a_proposal_of_it(floor: Floor) -> None:
    await floor.refusals()
    floor.clock.advance(minutes=1)
    await floor.ingest().step()
    assert (await floor.throttle())["status"] == "approved"
    state = await floor.call("PUT", "governance/modes", {"agent": "throttle", "isp": "gmail", "mode": "observe", **WHY})
    assert [(one["agent"], one["isp"], one["mode"], one["by"]) for one in state["modes"]] == [
        ("throttle", "gmail", "observe", "ann")
    ]
    assert state["default_mode"] == "act"
    await floor.go(2)
    one = await floor.throttle()
    assert (one["status"], one["status_note"]) == (
        "proposed", "mode observe, before it was sent: recorded, not acted on",
    )  # fmt: skip
    assert not floor.limited


@pytest.mark.parametrize("mode", [Mode.OBSERVE])
async def test_a_persons_pause_is_applied_under_its_author_where_agents_only_look_on_and_becomes_a_probe(
    floor: Floor,
) -> None:
    await floor.go()
    assert floor.host.mutations == []
    mine = {"isp": "gmail", "action": "pause_queue", "target_type": "queue", "target": "gmail.com/mta1", "minutes": 20}
    made = await floor.call("POST", "decisions", {**mine, "parameters": {}, **WHY}, "bob", 201)
    assert (made["agent"], made["rule"], made["status"], made["by"], made["evidence"]) == (
        "emergency", "person@1", "approved", "bob", {"by": "bob", "reason": "seen by eye"},
    )  # fmt: skip
    twice = await floor.call("POST", "decisions", {**mine, **WHY}, expect=409)
    assert twice["detail"] == f"decision {made['id']} does that already: it can be released"
    await floor.go(2)
    one = await floor.call("GET", f"decisions/{made['id']}")
    assert (one["status"], one["by"]) == ("verified", "bob")
    assert floor.host.paused == {"gmail.com/mta1"}
    assert ("begun", "halt") in floor.phone.told
    await floor.go(22)
    (probe,) = await floor.decisions("action=probe")
    assert (probe["undoes"], probe["status"]) == (made["id"], "verified")
    assert floor.host.paused == set()


@pytest.mark.parametrize("mode", [Mode.ACT])
async def test_a_person_releases_what_an_agent_still_wants_and_the_agent_waits_its_dwell(floor: Floor) -> None:
    await floor.refusals()
    await floor.go(3)
    throttle = await floor.throttle()
    assert floor.limited
    released = await floor.call("POST", f"decisions/{throttle['id']}/release", WHY, "bob")
    assert (released["action"], released["undoes"], released["by"]) == ("release", throttle["id"], "bob")
    assert released["person_reason"] == "seen by eye"
    under_way = await floor.call("POST", f"decisions/{throttle['id']}/release", WHY, expect=409)
    assert "is being released already" in under_way["detail"]
    await floor.refusals()
    await floor.go(2)
    assert (await floor.call("GET", f"decisions/{throttle['id']}"))["status"] == "released"
    assert not floor.limited
    for _ in range(3):
        await floor.refusals()
        await floor.go(2)
    assert (await floor.throttle())["id"] == throttle["id"]
    for _ in range(4):
        await floor.refusals()
        await floor.go(2)
    assert (await floor.throttle())["id"] > throttle["id"]  # ten minutes after its release it may


WRONG: list[tuple[str, str, Any, int, str]] = [
    ("PUT", "governance/modes", {"agent": None, "isp": None, "reason": "x"}, 400, "body.mode: is missing"),
    ("PUT", "governance/modes", {"agent": "x", "isp": None, "mode": "act", "reason": "x"}, 400, "agent: must be one"),
    ("PUT", "governance/modes", {"agent": None, "isp": None, "mode": "x", "reason": "x"}, 400, "mode: must be one of"),
    ("PUT", "governance/modes", {"agent": None, "isp": None, "mode": None, "reason": "x"}, 404, "no such entry"),
    ("POST", "governance/stop", {"isp": "web.de", "reason": "x"}, 400, "isp: must be one of"),
    ("POST", "governance/stop", {"isp": None}, 400, "body.reason: is missing"),
    ("POST", "governance/stop", {"isp": None, "reason": "x" * 501}, 400, "reason: must have 1 to 500"),
    ("POST", "decisions/7/approve", WHY, 404, "no such decision"),
    ("POST", "decisions/99999999999999999999/release", WHY, 404, "no such decision"),
    ("GET", "decisions/7", None, 404, "no such decision"),
    (
        "POST", "decisions",
        {"isp": "gmail", "action": "pause_job", "target_type": "job", "target": "c9", "minutes": 5, "reason": "x"},
        400, "target: no such job is known",
    ),
    (
        "POST", "decisions",
        {"isp": "gmail", "action": "pause_queue", "target_type": "isp", "target": "gmail", "minutes": 0, "reason": "x"},
        400, "minutes: must be between 1 and 1440",
    ),
]  # fmt: skip


async def test_what_is_wrong_is_refused_with_the_field_and_changes_nothing(floor: Floor) -> None:
    for method, path, body, status, detail in WRONG:
        said = await floor.call(method, path, body, expect=status)
        assert detail in said["detail"], (path, said)
    assert await floor.decisions() == []
    state = await floor.call("GET", "governance")
    assert (state["modes"], state["stops"], state["pending"], state["default_mode"]) == ([], [], 0, "approve")
