"""From standing decisions to knobs, closed routes and the include file."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignite_domain.governance import desired as d
from ignite_domain.governance.include_file import render, rung
from ignite_domain.governance.shares import shares_of
from ignite_domain.governance.words import STANDING, Action, AgentKind, Decision, DecisionStatus, TargetType
from ignite_domain.isps import Isp

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
VMTAS = {"mta1": "192.0.2.11", "mta2": "192.0.2.12"}
TOPOLOGY = d.Topology(VMTAS, frozenset({"gmail.com", "yahoo.rollup", "hotmail.com", "tiny.example"}))


def decision(
    number: int,
    action: Action,
    target_type: TargetType,
    target: str,
    isp: Isp | None = Isp.GMAIL,
    status: DecisionStatus = DecisionStatus.APPROVED,
    **parameters: Any,
) -> Decision:
    return Decision(
        AT, AT + timedelta(minutes=30), isp, AgentKind.EMERGENCY, action, target_type, target,
        "because", "rule@1", {}, parameters, status, number,
    )  # fmt: skip


def wanted(*decisions: Decision, held: dict[str, int] | None = None) -> d.Desired:
    return d.desired(decisions, TOPOLOGY, base_rate=20000, held=held)


KNOBS = [
    (Action.PAUSE_QUEUE, TargetType.QUEUE, "gmail.com/mta1", Isp.GMAIL, ["queue:gmail.com/mta1"]),
    (Action.PAUSE_QUEUE, TargetType.QUEUE, "gmail.com/*", Isp.GMAIL, ["queue:gmail.com/*"]),
    (Action.EMERGENCY_HALT, TargetType.ISP, "yahoo", Isp.YAHOO, ["queue:yahoo.rollup/*"]),
    # the host shows no queue of Comcast: its best known domain stands in
    (Action.EMERGENCY_HALT, TargetType.ISP, "comcast", Isp.COMCAST, ["queue:comcast.net/*"]),
    (Action.EMERGENCY_HALT, TargetType.HOST, "127.0.0.1", None, ["queue:*/mta1", "queue:*/mta2"]),
    (Action.BACKOFF, TargetType.ISP, "gmail", Isp.GMAIL, ["mode:gmail.com/*"]),
    (Action.PAUSE_JOB, TargetType.JOB, "c12", Isp.GMAIL, ["job:c12"]),
    (Action.QUARANTINE_IP, TargetType.IP, "192.0.2.12", Isp.GMAIL, ["source:192.0.2.12 gmail.com/mta2"]),
    (Action.DISABLE_SOURCE, TargetType.VMTA, "mta1", Isp.MICROSOFT, ["source:192.0.2.11 hotmail.com/mta1"]),
    (Action.QUARANTINE_IP, TargetType.IP, "192.0.2.12", None, ["source:192.0.2.12 */mta2"]),
]  # fmt: skip


@pytest.mark.parametrize(("action", "target_type", "target", "isp", "knobs"), KNOBS)
def test_a_decision_means_these_knobs(
    action: Action, target_type: TargetType, target: str, isp: Isp | None, knobs: list[str]
) -> None:
    state = wanted(decision(7, action, target_type, target, isp))
    assert sorted(state.wants) == knobs
    assert state.knobs_of == {7: tuple(knobs)}
    assert [d.Knob.parse(name) for name in knobs] == [state.wants[name].knob for name in knobs]


REFUSED = [
    (Action.PAUSE_QUEUE, TargetType.QUEUE, "gmail.com/stranger", Isp.GMAIL),  # not our VMTA
    (Action.PAUSE_QUEUE, TargetType.QUEUE, "unheard.example/mta1", Isp.GMAIL),  # the host shows no such queue
    (Action.PAUSE_QUEUE, TargetType.QUEUE, "gmail.com/mta1;reboot", Isp.GMAIL),
    (Action.QUARANTINE_IP, TargetType.IP, "203.0.113.9", Isp.GMAIL),
    (Action.PAUSE_JOB, TargetType.JOB, "newsletter $(id)", Isp.GMAIL),
    (Action.PAUSE_QUEUE, TargetType.POOL, "warm", Isp.GMAIL),  # a pool is no documented queue address
    (Action.THROTTLE, TargetType.ISP, "gmail", Isp.GMAIL),  # by how much?
]


@pytest.mark.parametrize(("action", "target_type", "target", "isp"), REFUSED)
def test_what_is_not_known_here_is_refused_with_a_reason(
    action: Action, target_type: TargetType, target: str, isp: Isp
) -> None:
    state = wanted(decision(7, action, target_type, target, isp))
    assert not state.wants
    assert state.refused[7]
    assert target not in state.refused[7]


@pytest.mark.parametrize("status", sorted(set(DecisionStatus) - STANDING))
def test_a_decision_that_does_not_stand_wants_nothing(status: DecisionStatus) -> None:
    one = decision(7, Action.PAUSE_QUEUE, TargetType.QUEUE, "gmail.com/mta1", status=status)
    assert not wanted(one).wants
    assert not d.closed_vmtas([one], VMTAS)


def test_a_lifetime_that_ran_out_releases_nothing_and_the_backstop_is_two_lifetimes() -> None:
    state = wanted(decision(7, Action.QUARANTINE_IP, TargetType.IP, "192.0.2.12"))
    (want,) = state.wants.values()
    assert want.reenable_after == "60m"
    assert want.renewal == timedelta(minutes=30)


def test_a_probe_puts_a_low_rate_in_the_place_of_what_it_tries() -> None:
    halt = decision(7, Action.EMERGENCY_HALT, TargetType.ISP, "gmail")
    probe = decision(8, Action.PROBE, TargetType.ISP, "gmail", of=7, messages=50)
    state = wanted(halt, probe)
    assert not state.wants
    assert state.lifting == {7: 8}
    # 50 in a quarter of an hour are 200 an hour, over two queues 100 each; the rung below is 20000 / 1.2^30 = 84
    assert "    <domain gmail.com>\n        max-msg-rate 84/h\n" in state.include.text
    assert d.closed_vmtas([halt], VMTAS) == {("gmail", "mta1"), ("gmail", "mta2")}
    assert not d.closed_vmtas([halt, probe], VMTAS)


def test_a_release_takes_the_place_of_the_probe_that_earned_it() -> None:
    halt = decision(7, Action.EMERGENCY_HALT, TargetType.ISP, "gmail")
    probe = decision(8, Action.PROBE, TargetType.ISP, "gmail", of=7, messages=50)
    release = decision(9, Action.RELEASE, TargetType.ISP, "gmail", of=7)
    state = wanted(halt, probe, release)
    assert state.lifting == {7: 9}
    assert state.include == wanted().include


def test_what_another_decision_still_wants_survives_a_release() -> None:
    first = decision(7, Action.PAUSE_QUEUE, TargetType.QUEUE, "gmail.com/mta1")
    second = decision(8, Action.PAUSE_QUEUE, TargetType.QUEUE, "gmail.com/mta1")
    release = decision(9, Action.RELEASE, TargetType.QUEUE, "gmail.com/mta1", of=7)
    state = wanted(first, second, release)
    assert state.wants["queue:gmail.com/mta1"].decisions == (8,)


def test_a_knob_that_was_turned_stays_while_its_decision_stands_though_its_queue_is_empty() -> None:
    halt = decision(7, Action.EMERGENCY_HALT, TargetType.ISP, "microsoft", Isp.MICROSOFT)
    state = wanted(halt, held={"queue:live.com/*": 7, "queue:aol.com/*": 6})
    assert sorted(state.wants) == ["queue:hotmail.com/*", "queue:live.com/*"]


CLOSED = [
    (Action.QUARANTINE_IP, TargetType.IP, "192.0.2.12", Isp.GMAIL, {("gmail", "mta2")}),
    (Action.DISABLE_SOURCE, TargetType.VMTA, "mta1", Isp.YAHOO, {("yahoo", "mta1")}),
    (Action.QUARANTINE_IP, TargetType.IP, "192.0.2.12", None, {("*", "mta2")}),
    (Action.EMERGENCY_HALT, TargetType.HOST, "h", None, {("*", "mta1"), ("*", "mta2")}),
    (Action.PAUSE_QUEUE, TargetType.QUEUE, "yahoo.rollup/mta1", Isp.YAHOO, {("yahoo", "mta1")}),
    (Action.PAUSE_QUEUE, TargetType.QUEUE, "tiny.example/mta1", None, set()),
    (Action.BACKOFF, TargetType.ISP, "gmail", Isp.GMAIL, set()),
    (Action.PAUSE_JOB, TargetType.JOB, "c1", Isp.GMAIL, set()),
]


@pytest.mark.parametrize(("action", "target_type", "target", "isp", "pairs"), CLOSED)
def test_routes_close_at_once(
    action: Action, target_type: TargetType, target: str, isp: Isp | None, pairs: set[tuple[str, str]]
) -> None:
    assert d.closed_vmtas([decision(1, action, target_type, target, isp)], VMTAS) == pairs


BRANDS = [
    ("gmail.com", Isp.GMAIL),
    ("gmail.rollup", Isp.GMAIL),
    ("charter.rollup", Isp.CHARTER),
    ("hotmail.queue", Isp.MICROSOFT),
    ("microsoft-business.rollup", Isp.MICROSOFT),
    ("acme.rollup", None),
    ("acme.example", None),
]


@pytest.mark.parametrize(("queue", "brand"), BRANDS)
def test_a_queue_carries_the_mail_of_this_brand(queue: str, brand: Isp | None) -> None:
    assert d.brand_of(queue) is brand


RUNGS = [(20000, 20000), (30000, 20000), (19999, 16666), (16667, 16666), (16666, 13888), (14000, 13888), (0.001, 1)]


@pytest.mark.parametrize(("rate", "expected"), RUNGS)
def test_rates_are_rungs_of_a_ladder_of_1_2(rate: float, expected: int) -> None:
    assert rung(rate, 20000) == expected


def test_the_include_file_is_this_text() -> None:
    state = wanted(
        decision(3, Action.THROTTLE, TargetType.QUEUE, "gmail.com/mta2", factor=0.7),
        decision(4, Action.THROTTLE, TargetType.QUEUE, "gmail.com/mta2", factor=0.9),
    )
    assert state.include.decisions == (3, 4)
    assert (
        state.include.text
        == """\
# Generated by IGNITE. Do not edit: it is replaced as a whole.
<virtual-mta mta1>
    <domain *>
        max-msg-rate 20000/h
        max-smtp-out 20
        backoff-max-msg-rate 6000/h
        backoff-max-smtp-out 6
        backoff-to-normal-after 4h
    </domain>
</virtual-mta>
<virtual-mta mta2>
    <domain gmail.com>
        max-msg-rate 13888/h
        max-smtp-out 20
        backoff-max-msg-rate 4166/h
        backoff-max-smtp-out 6
        backoff-to-normal-after 4h
    </domain>
    <domain *>
        max-msg-rate 20000/h
        max-smtp-out 20
        backoff-max-msg-rate 6000/h
        backoff-max-smtp-out 6
        backoff-to-normal-after 4h
    </domain>
</virtual-mta>
# End of the generated file.
"""
    )


def test_a_limit_on_every_domain_lowers_the_listed_ones_too() -> None:
    text = render(["v"], 1000, {("*", "v"): 100, ("a.example", "v"): 500}).text
    assert text.count("max-msg-rate 100/h") == 2


def test_a_steered_throttle_is_one_rate_for_the_provider_over_its_queues() -> None:
    """20 a minute are 1200 an hour: 900 and 300 by shares, 600 each without. 20000 / 1.2^k is 751.2 for k = 18, and
    the 149 that are left go to the other: 449, 434.7 for k = 21. Without shares 521.7 (k = 20), then 626.0 (k = 19)."""
    given = {"factor": 0.5, "rate_per_min": 20.0, "rung": 16}
    known = decision(
        5, Action.THROTTLE, TargetType.ISP, "gmail", shares={"gmail.com/mta1": 0.75, "gmail.com/mta2": 0.25}, **given
    )
    state = wanted(known)
    assert rates_in(state.include.text) == {"mta1": 751, "mta2": 434}
    assert (state.rungs, state.knobs_of) == ({5: 16}, {5: ("include",)})
    equally = wanted(decision(5, Action.THROTTLE, TargetType.ISP, "gmail", **given))
    assert rates_in(equally.include.text) == {"mta1": 521, "mta2": 626}


def rates_in(text: str) -> dict[str, int]:
    """VMTA -> messages per hour of its queue gmail.com."""
    found = {}
    for block in text.split("<virtual-mta ")[1:]:
        queue = block.partition("<domain gmail.com>")[2]
        found[block.partition(">")[0]] = int(queue.partition("max-msg-rate ")[2].partition("/h")[0])
    return found


@given(st.floats(0.5, 5000), st.lists(st.integers(0, 50), min_size=1, max_size=8))
def test_all_queues_together_get_nearly_the_rate_and_never_much_more(rate: float, attempts: list[int]) -> None:
    """Floors exceed it by a tenth at most, and by an hour's single message a queue; rounding costs a sixth of the
    smallest part, or one message."""
    names = [f"m{n}" for n in range(len(attempts))]
    topology = d.Topology({name: f"192.0.2.{n}" for n, name in enumerate(names)}, frozenset({"gmail.com"}))
    shares = shares_of({f"gmail.com/{name}": count for name, count in zip(names, attempts, strict=True)})
    steered = decision(5, Action.THROTTLE, TargetType.ISP, "gmail", rate_per_min=rate, rung=1, shares=shares)
    state = d.desired([steered], topology, base_rate=10**7)
    total = sum(rates_in(state.include.text).values())
    assert total <= 1.11 * rate * 60 + len(names)
    assert total >= rate * 60 * 5 / 6 - 2
