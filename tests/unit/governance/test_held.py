"""Mail that waits behind a decision: what is said of it, when somebody is told, and what it does to a lifetime."""

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from ignite_adapters.memory.governance import MemoryGovernanceStore, Person
from ignite_domain.governance.accounting import LineReader
from ignite_domain.governance.desired import Topology, desired, stand_ins
from ignite_domain.governance.gatherer import Gatherer
from ignite_domain.governance.held import HELD, MARK, expiring, held, held_of, note_of
from ignite_domain.governance.ingestor import Ingestor
from ignite_domain.governance.orchestrator import Orchestrator
from ignite_domain.governance.outlook import ahead
from ignite_domain.governance.ports import FeedBatch, Position, SendFacts
from ignite_domain.governance.recovery import EARLY, WAITS, WayBack, way_back
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.steering import Steering
from ignite_domain.governance.words import PERSON_RULE, Action, AgentKind, Decision, DecisionStatus, Mode, TargetType
from ignite_domain.isps import Isp

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
DWELL = timedelta(minutes=10)
DAYS = timedelta(hours=108)
VMTAS = {"mta1": "192.0.2.11", "mta2": "192.0.2.12", "mta3": "192.0.2.13", "mta4": "192.0.2.14"}


def decision(
    number: int = 1,
    action: Action = Action.QUARANTINE_IP,
    target: str = "192.0.2.11",
    kind: TargetType = TargetType.IP,
    isp: Isp | None = Isp.GMAIL,
    rule: str = "address-refused@2",
    hours: float = 1,
    **parameters: Any,
) -> Decision:
    return Decision(
        AT, AT + timedelta(hours=hours), isp, AgentKind.POOL, action, kind, target,
        "because", rule, {}, parameters, DecisionStatus.VERIFIED, number,
    )  # fmt: skip


def include(*decisions: Decision, pools: dict[str, tuple[str, ...]] | None = None) -> dict[str, str]:
    """The VMTAs that carry others' mail, as the include file has it: "domain/vmta" -> the other."""
    members = pools or stand_ins(
        [("mta1", "a", False), ("mta2", "a", False), ("mta3", "a", False), ("mta4", "a", True)]
    )
    text = desired(decisions, Topology(VMTAS, frozenset({"gmail.com"}), members), base_rate=20_000).include.text
    found, vmta, domain = {}, "", ""
    for line in text.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "<virtual-mta":
            vmta = rest.rstrip(">")
        elif word == "<domain":
            domain = rest.rstrip(">")
        elif word == "reroute-to-virtual-mta":
            found[f"{domain}/{vmta}"] = rest
    return found


QUARANTINE = decision()
REROUTES: list[tuple[str, list[Decision], dict[str, str]]] = [
    ("nothing stands", [], {}),
    ("the next member of the pool carries it", [QUARANTINE], {"gmail.com/mta1": "mta2"}),
    (
        "not one that is quarantined too",
        [QUARANTINE, decision(2, target="192.0.2.12")],
        {"gmail.com/mta1": "mta3", "gmail.com/mta2": "mta3"},
    ),
    (
        "all are: it waits",
        [QUARANTINE, decision(2, target="192.0.2.12"), decision(3, target="192.0.2.13")],
        {},
    ),
    (
        "nothing goes to a provider that is halted",
        [QUARANTINE, decision(2, Action.EMERGENCY_HALT, "gmail", TargetType.ISP)],
        {},
    ),
    (
        "nor to a single paused queue",
        [QUARANTINE, decision(2, Action.PAUSE_QUEUE, "gmail.com/mta2", TargetType.QUEUE)],
        {"gmail.com/mta1": "mta3"},
    ),
    (
        "nor to one that is being probed",
        [QUARANTINE, decision(2, target="192.0.2.12"), decision(3, Action.PROBE, "192.0.2.12", of=2, messages=30)],
        {"gmail.com/mta1": "mta3"},
    ),
    (
        "while it is probed its mail is its own",
        [QUARANTINE, decision(2, Action.PROBE, of=1, messages=30)],
        {},
    ),
    ("complaints are about the mail: it waits", [decision(1, Action.DISABLE_SOURCE)], {}),
    ("an address that warms up gives nothing away", [decision(target="192.0.2.14")], {}),
    ("everywhere, for a quarantine of every provider", [decision(isp=None)], {"*/mta1": "mta2"}),
]


@pytest.mark.parametrize(("name", "decisions", "expected"), REROUTES, ids=[row[0] for row in REROUTES])
def test_mail_of_a_quarantined_address_goes_out_by_an_open_one_of_its_pool(
    name: str, decisions: list[Decision], expected: dict[str, str]
) -> None:
    assert include(*decisions) == expected


def test_without_the_setting_or_another_member_the_file_says_nothing_of_it() -> None:
    assert include(QUARANTINE, pools={"mta1": ()}) == {}
    plain = desired([QUARANTINE], Topology(VMTAS, frozenset({"gmail.com"})), base_rate=20_000)
    assert "reroute" not in plain.include.text
    assert plain.include.decisions == ()


def test_pools_give_to_nobody_else() -> None:
    assert stand_ins([("a", "x", False), ("b", "y", False), ("c", "x", False), ("d", "", True)]) == {
        "a": ("c",),
        "c": ("a",),
        "b": (),
    }


def test_the_backstop_of_a_block_that_lasts_stays_two_days() -> None:
    lasting = decision(hours=24 * 9)
    (want,) = desired([lasting], Topology(VMTAS, frozenset({"gmail.com"})), base_rate=20_000).wants.values()
    assert want.reenable_after == "2880m"
    assert want.renewal == timedelta(hours=24)


def test_what_waits_is_said_with_count_since_and_end_and_replaces_what_was_said_before() -> None:
    waiting = held({"gmail.com/mta1": 1200, "yahoo.rollup/mta1": 0, "tiny.example/mta1": 3}, AT, DAYS)
    assert waiting is not None
    said = (
        "held mail: 1,200 in gmail.com/mta1, 3 in tiny.example/mta1, the oldest since 02 Nov 09:00 UTC; it expires at "
        "06 Nov 21:00 UTC"
    )
    assert note_of("", waiting) == said
    assert note_of("the probe was refused: 9 of 10", waiting) == f"the probe was refused: 9 of 10; {said}"
    assert note_of(f"the probe was refused: 9 of 10; {said}", None) == "the probe was refused: 9 of 10"
    assert note_of(said, waiting) == said
    assert note_of(said, None) == ""
    assert MARK in said
    assert held_of(decision(**{HELD: waiting.values()})) == waiting
    assert held({"gmail.com/mta1": 0}, AT, DAYS) is None


@pytest.mark.parametrize(("hours", "told"), [(83.9, False), (84, True), (107, True)])  # a day before the 108th hour
def test_a_person_is_told_before_the_oldest_expires(hours: float, told: bool) -> None:
    waiting = held({"gmail.com/mta1": 1200}, AT, DAYS)
    assert waiting is not None
    found = expiring([decision(**{HELD: waiting.values()})], AT + timedelta(hours=hours))
    assert bool(found) is told
    if told:
        assert "1,200 in gmail.com/mta1" in found[0].text
        assert "06 Nov 21:00" in found[0].text
    over = attrs.evolve(decision(**{HELD: waiting.values()}), status=DecisionStatus.RELEASED)
    assert not expiring([over], AT + timedelta(hours=hours))


async def test_mail_that_expired_settles_in_the_ledger_under_a_word_of_its_own() -> None:
    ledger = {
        number: SendFacts(number, 1, number, None, Isp.GMAIL, "mta1", 0, True, f"m{number}") for number in (1, 2, 3)
    }
    store = MemoryGovernanceStore(ledger=ledger, people={number: Person(0.75) for number in ledger})
    said = "smtp;554 5.4.7 [internal] message expired: delivery time expired; last reply: 550 5.1.1 user unknown"
    lines = ("b,ig1,5.4.7 (delivery time expired)," + said, "b,ig2,4.2.2,smtp;452 full", "b,ig3,5.1.1,smtp;550 unknown")
    header = "type,envId,dsnStatus,dsnDiag,timeLogged,rcpt,queue,vmta,jobId\n"
    rest = ",2026-11-02 09:00:00+0000,ann@gmail.com,gmail.com/mta1,mta1,c1\n"
    entries, _ = LineReader().take((header + "".join(line + rest for line in lines)).encode())
    ingestor = Ingestor(
        Gatherer(store, frozenset()), Orchestrator(lambda kind, isp: Mode.OBSERVE), SignalProcessor(), {}
    )
    await ingestor([FeedBatch(Position("f", "f"), entries)], AT + timedelta(minutes=1), caught_up=True)
    assert store.outcomes == {1: "expired", 2: "soft_bounced", 3: "hard_bounced"}
    assert [one.score for one in store.people.values()] == [0.75, 0.75, 0.0]


def back(standing: list[Decision], now: datetime) -> WayBack:
    return way_back(standing, SignalProcessor(), now, Steering(), now, DWELL)


def test_an_address_is_probed_before_its_mail_expires_once_and_not_before_its_dwell() -> None:
    waiting = held({"gmail.com/mta1": 10}, AT - timedelta(minutes=60), timedelta(hours=2))  # alert at 9:30
    assert waiting is not None
    quarantine = decision(hours=6, **{HELD: waiting.values()})
    assert not back([quarantine], AT + timedelta(minutes=29)).decisions
    found = back([quarantine], AT + timedelta(minutes=30))
    ((probe, note),) = found.decisions
    assert probe.action is Action.PROBE
    assert "would expire" in note
    (marked,) = found.changes
    assert (marked.decision_id, marked.status, marked.until) == (1, None, None)
    again = attrs.evolve(quarantine, parameters={**quarantine.parameters, **marked.parameters})
    assert EARLY in again.parameters
    assert not back([again], AT + timedelta(minutes=59)).decisions
    assert not back([attrs.evolve(quarantine, rule=PERSON_RULE)], AT + timedelta(minutes=59)).decisions
    late = held({"gmail.com/mta1": 10}, AT - timedelta(minutes=110), timedelta(hours=2))
    assert late is not None
    young = decision(hours=6, **{HELD: late.values()})
    assert not back([young], AT + timedelta(minutes=9)).decisions
    assert back([young], AT + timedelta(minutes=10)).decisions


def test_a_probe_that_no_mail_comes_for_says_so_once_and_stays_a_probe() -> None:
    quarantine = decision()
    probe = decision(2, Action.PROBE, hours=1 / 3, of=1, messages=30)
    assert not back([quarantine, probe], AT + timedelta(minutes=19)).changes
    found = back([quarantine, probe], AT + timedelta(minutes=20))
    (change,) = found.changes
    assert not found.decisions
    assert change.status is None
    assert change.note.startswith("waits for mail: none since 02 Nov 09:00 UTC")
    waiting = attrs.evolve(probe, parameters={**probe.parameters, **change.parameters})
    assert waiting.parameters[WAITS]
    for days in (1, 30):
        later = back([quarantine, waiting], AT + timedelta(days=days))
        assert (later.changes, later.decisions, later.ended) == ([], [], set())
    (told,) = ahead(Isp.GMAIL, [quarantine, waiting], SignalProcessor(), Steering(), AT)
    assert told.then == "waits for mail; when some comes: accepted: released; refused: held twice as long"
