"""The same mail counted by hand, told by every dimension."""

from collections import Counter
from datetime import timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance_streams import START, outcome
from ignite_domain.governance.dimensions import By, windows
from ignite_domain.governance.observed import OutcomeKind
from ignite_domain.governance.recovery import outcomes_of
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.streams import Seen
from ignite_domain.governance.words import PERSON_RULE, Action, AgentKind, Decision, Signal, TargetType
from ignite_domain.isps import Isp

NOW = START + timedelta(minutes=30)
POOLS = {"mta1": "warm", "mta2": "warm"}
# brand, queue, address, job, delivered, refused
MAIL = [
    (Isp.YAHOO, "yahoo.rollup/mta1", "192.0.2.11", "c1", 5, 1),
    (Isp.ATT, "yahoo.rollup/mta1", "192.0.2.11", "c1", 3, 0),
    (Isp.ATT, "yahoo.rollup/mta2", "192.0.2.12", "c2", 2, 2),
    (Isp.GMAIL, "gmail.com/mta2", "192.0.2.12", "c1", 4, 0),
    (Isp.GMAIL, "gmail.com/mta3", "192.0.2.13", "c1", 1, 0),
    (None, "x.example/mta1", "192.0.2.11", "c1", 7, 1),
]
EXPECTED: dict[By, list[tuple[str | None, str, int, int]]] = {
    By.PROVIDER: [
        ("elsewhere", "elsewhere", 8, 1), ("att", "att", 7, 2), ("yahoo", "yahoo", 6, 1), ("gmail", "gmail", 5, 0),
    ],
    By.LIMITER: [(None, "yahoo.rollup", 13, 3), (None, "x.example", 8, 1), (None, "gmail.com", 5, 0)],
    By.DOMAIN: [
        ("elsewhere", "x.example", 8, 1), ("att", "yahoo.rollup", 7, 2), ("yahoo", "yahoo.rollup", 6, 1),
        ("gmail", "gmail.com", 5, 0),
    ],
    By.VMTA: [
        ("elsewhere", "mta1", 8, 1), ("yahoo", "mta1", 6, 1), ("att", "mta2", 4, 2), ("gmail", "mta2", 4, 0),
        ("att", "mta1", 3, 0), ("gmail", "mta3", 1, 0),
    ],
    By.POOL: [("elsewhere", "warm", 8, 1), ("att", "warm", 7, 2), ("yahoo", "warm", 6, 1), ("gmail", "warm", 4, 0)],
    By.QUEUE: [
        ("elsewhere", "x.example/mta1", 8, 1), ("yahoo", "yahoo.rollup/mta1", 6, 1),
        ("att", "yahoo.rollup/mta2", 4, 2), ("gmail", "gmail.com/mta2", 4, 0),
        ("att", "yahoo.rollup/mta1", 3, 0), ("gmail", "gmail.com/mta3", 1, 0),
    ],
    By.IP: [
        ("elsewhere", "192.0.2.11", 8, 1), ("yahoo", "192.0.2.11", 6, 1), ("att", "192.0.2.12", 4, 2),
        ("gmail", "192.0.2.12", 4, 0), ("att", "192.0.2.11", 3, 0), ("gmail", "192.0.2.13", 1, 0),
    ],
    By.JOB: [
        ("elsewhere", "c1", 8, 1), ("yahoo", "c1", 6, 1), ("gmail", "c1", 5, 0), ("att", "c2", 4, 2),
        ("att", "c1", 3, 0),
    ],
}  # fmt: skip


def counted() -> SignalProcessor:
    signals = SignalProcessor()
    kinds = [
        (isp, queue, ip, job, kind)
        for isp, queue, ip, job, delivered, refused in MAIL
        for kind in [OutcomeKind.DELIVERED] * delivered + [OutcomeKind.BOUNCED] * refused
    ]
    signals.observe(
        [
            attrs.evolve(
                outcome(number, START + timedelta(seconds=number), kind, isp=isp, ip=ip, job=job),
                queue=queue,
                about_us=kind is OutcomeKind.BOUNCED,
            )
            for number, (isp, queue, ip, job, kind) in enumerate(kinds)
        ]
    )
    return signals


@pytest.mark.parametrize("by", By)
def test_mail_is_told_by_every_dimension(by: By) -> None:
    found = windows(counted(), by, NOW, pools=POOLS)
    told = [(one.isp, one.name, one.seen[Signal.ATTEMPT][3600].n, one.seen[Signal.ATTEMPT][3600].x) for one in found]
    assert told == EXPECTED[by]


def test_windows_end_and_one_provider_is_told_alone() -> None:
    (gmail,) = windows(counted(), By.PROVIDER, START + timedelta(minutes=30), isp="gmail")
    assert set(gmail.seen[Signal.ATTEMPT]) == {3600, 86_400}  # nothing in the last minute or five
    assert gmail.seen[Signal.REFUSAL] == {3600: Seen(5, 0), 86_400: Seen(5, 0)}
    assert windows(counted(), By.PROVIDER, START + timedelta(days=2), isp="gmail") == []


@given(
    st.lists(
        st.tuples(st.sampled_from([Isp.YAHOO, Isp.ATT]), st.sampled_from(["a", "b"]), st.sampled_from(["x", "y"])),
        max_size=40,
    )
)
def test_every_dimension_of_queues_adds_up_to_the_same(mail: list[tuple[Isp, str, str]]) -> None:
    signals = SignalProcessor()
    signals.observe(
        [
            attrs.evolve(outcome(number, START, isp=isp), queue=f"{domain}.example/{vmta}")
            for number, (isp, domain, vmta) in enumerate(mail)
        ]
    )
    totals = {
        by: sum(one.attempts for one in windows(signals, by, START, pools={"x": "p", "y": "p"}))
        for by in (By.LIMITER, By.DOMAIN, By.VMTA, By.POOL, By.QUEUE)
    }
    assert set(totals.values()) == {len(mail)}
    by_vmta = Counter[str]()
    for one in windows(signals, By.VMTA, START):
        by_vmta[one.name] += one.attempts
    assert by_vmta == Counter(vmta for _, _, vmta in mail)


def test_queues_beyond_the_brands_fill_no_memory_and_survive_a_restart() -> None:
    """800 domains, of which the first 500 have room; all mail is told by the address, which is one."""
    signals = SignalProcessor()
    mail = [outcome(0, START + timedelta(seconds=n), isp=None) for n in range(800)]
    signals.observe([attrs.evolve(one, queue=f"d{n}.example/mta1") for n, one in enumerate(mail)])
    rows, _ = signals.take_changes(NOW)
    for found in (signals, SignalProcessor(rows)):
        assert len(windows(found, By.QUEUE, NOW)) == 500
        assert [(one.name, one.attempts) for one in windows(found, By.IP, NOW)] == [("192.0.2.11", 800)]


def test_queues_beyond_the_brands_are_stored_when_people_are_shown_something_and_no_oftener() -> None:
    signals = SignalProcessor()
    for number, shown in enumerate((False, False, True)):
        one = attrs.evolve(outcome(0, START + timedelta(seconds=number), isp=None), queue="x.example/mta1")
        signals.observe([one])
        rows, _ = signals.take_changes(NOW, shown=shown)
        states = {row.scope_type for row in rows if row.signal == "state"}
        assert states == {"isp", "host", "ip", "job"} | ({"queue"} if shown else set())
    again = SignalProcessor(rows)
    assert again.seen("elsewhere", "queue", "x.example/mta1", Signal.ATTEMPT, 3600, NOW) == Seen(3, 0)


def test_what_a_person_decides_about_a_queue_beyond_the_brands_is_judged_by_its_own_mail() -> None:
    paused = Decision(
        at=START,
        until=NOW,
        isp=None,
        agent=AgentKind.EMERGENCY,
        action=Action.PAUSE_QUEUE,
        target_type=TargetType.QUEUE,
        target="x.example/mta1",
        reason="because",
        rule=PERSON_RULE,
        evidence={"by": "ann"},
    )
    assert outcomes_of(paused, counted(), START - timedelta(minutes=1)) == Seen(8, 1)


def test_mail_from_elsewhere_in_a_brands_queue_leaves_the_brand_its_own() -> None:
    signals = SignalProcessor()
    mail = [outcome(n, START, isp=isp) for n, isp in enumerate([Isp.GMAIL] + 3 * [None])]
    signals.observe([attrs.evolve(one, queue="gmail.com/mta2") for one in mail])
    assert signals.steered_by(Isp.GMAIL, NOW) is None
    assert signals.carried("gmail.com/mta2") == ["elsewhere", "gmail"]
