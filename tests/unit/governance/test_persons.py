"""What people may decide: which action on which target, and what can be released."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from ignite_domain.errors import BadInput, Conflict
from ignite_domain.governance.desired import Topology
from ignite_domain.governance.persons import Wanted, decide, reason_in, release
from ignite_domain.governance.words import (
    Action,
    AgentKind,
    DecisionStatus,
    TargetType,
)
from ignite_domain.isps import Isp

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
HOST = Topology({"mta1": "192.0.2.11"}, frozenset({"gmail.com", "small.example"}))


def wanted(
    action: Action,
    target_type: TargetType,
    target: str,
    isp: Isp | None = Isp.GMAIL,
    parameters: Mapping[str, Any] | None = None,
    minutes: int = 30,
    reason: str = "list trouble",
) -> Wanted:
    return Wanted(isp, action, target_type, target, minutes, parameters or {}, reason)


HALF = {"factor": 0.5}
GOOD = [
    (wanted(Action.THROTTLE, TargetType.ISP, "gmail", parameters=HALF), AgentKind.THROTTLE),
    (wanted(Action.THROTTLE, TargetType.QUEUE, "gmail.com/mta1", parameters={"factor": 0.05}), AgentKind.THROTTLE),
    (wanted(Action.BACKOFF, TargetType.QUEUE, "gmail.com/*"), AgentKind.THROTTLE),
    (wanted(Action.PAUSE_QUEUE, TargetType.ISP, "gmail"), AgentKind.EMERGENCY),
    (wanted(Action.PAUSE_QUEUE, TargetType.QUEUE, "small.example/mta1", None), AgentKind.EMERGENCY),
    (wanted(Action.PAUSE_JOB, TargetType.JOB, "c7"), AgentKind.EMERGENCY),
    (wanted(Action.QUARANTINE_IP, TargetType.IP, "192.0.2.11"), AgentKind.POOL),
    (wanted(Action.DISABLE_SOURCE, TargetType.VMTA, "mta1"), AgentKind.REPUTATION),
    (wanted(Action.EMERGENCY_HALT, TargetType.ISP, "gmail", minutes=1440), AgentKind.EMERGENCY),
    (wanted(Action.EMERGENCY_HALT, TargetType.HOST, "host", None, minutes=1), AgentKind.EMERGENCY),
]


@pytest.mark.parametrize(("asked", "owner"), GOOD)
def test_a_persons_decision_stands_at_once_under_its_knobs_owner_and_names_who_and_why(
    asked: Wanted, owner: AgentKind
) -> None:
    made = decide(asked, "ann", AT, HOST)
    assert (made.agent, made.status, made.rule) == (owner, DecisionStatus.APPROVED, "person@1")
    assert made.until - made.at == timedelta(minutes=asked.minutes)
    assert made.evidence == {"by": "ann", "reason": "list trouble"}
    assert (made.by, made.person_reason) == ("ann", "list trouble")


BAD = [
    (wanted(Action.WARN, TargetType.ISP, "gmail"), "action: must be one of"),
    (wanted(Action.RELEASE, TargetType.ISP, "gmail"), "action: must be one of"),
    (wanted(Action.PAUSE_JOB, TargetType.ISP, "gmail"), "target_type: of pause_job must be one of job"),
    (wanted(Action.QUARANTINE_IP, TargetType.QUEUE, "gmail.com/*"), "target_type: of quarantine_ip must be one of ip"),
    (wanted(Action.QUARANTINE_IP, TargetType.IP, "192.0.2.99"), "target: not one of our virtual MTAs"),
    (wanted(Action.DISABLE_SOURCE, TargetType.VMTA, "mta9"), "target: not one of our virtual MTAs"),
    (wanted(Action.PAUSE_QUEUE, TargetType.QUEUE, "gmail.com/mta9"), "target: not one of our virtual MTAs"),
    (wanted(Action.PAUSE_QUEUE, TargetType.QUEUE, "never.example/*", None), "target: the host shows no queue"),
    (wanted(Action.PAUSE_QUEUE, TargetType.QUEUE, "gmail.com; rm -rf", Isp.GMAIL), "isp: that queue carries"),
    (wanted(Action.PAUSE_QUEUE, TargetType.QUEUE, "gmail.com", Isp.GMAIL), "target: "),
    (wanted(Action.PAUSE_QUEUE, TargetType.QUEUE, "gmail.com/mta1", Isp.YAHOO), "isp: that queue carries the mail of"),
    (wanted(Action.PAUSE_JOB, TargetType.JOB, "c7; reboot"), "target: "),
    (wanted(Action.PAUSE_JOB, TargetType.JOB, "c7", None), "isp: a target of type job needs a provider"),
    (wanted(Action.EMERGENCY_HALT, TargetType.HOST, "host"), "target: what is about the host has no isp"),
    (wanted(Action.EMERGENCY_HALT, TargetType.ISP, "yahoo"), "target: must be the provider named as isp"),
    (wanted(Action.PAUSE_QUEUE, TargetType.ISP, "gmail", minutes=0), "minutes: must be between 1 and 1440"),
    (wanted(Action.PAUSE_QUEUE, TargetType.ISP, "gmail", minutes=1441), "minutes: must be between 1 and 1440"),
    (wanted(Action.THROTTLE, TargetType.ISP, "gmail"), "parameters.factor: a number from 0.05 to below 1"),
    (wanted(Action.THROTTLE, TargetType.ISP, "gmail", parameters={"factor": 1}), "parameters.factor"),
    (wanted(Action.THROTTLE, TargetType.ISP, "gmail", parameters={"factor": True}), "parameters.factor"),
    (wanted(Action.THROTTLE, TargetType.ISP, "gmail", parameters={"factor": "0.5"}), "parameters.factor"),
    (wanted(Action.THROTTLE, TargetType.ISP, "gmail", parameters=HALF | {"rung": 3}), "parameters.rung: no such"),
    (wanted(Action.PAUSE_QUEUE, TargetType.ISP, "gmail", parameters=HALF), "parameters.factor: no such parameter"),
    (wanted(Action.PAUSE_QUEUE, TargetType.ISP, "gmail", reason="  "), "reason: must have 1 to 500 characters"),
]


@pytest.mark.parametrize(("asked", "why"), BAD)
def test_what_cannot_be_said_to_the_host_is_refused_with_the_field(asked: Wanted, why: str) -> None:
    with pytest.raises(BadInput, match=f"^{why}"):
        decide(asked, "ann", AT, HOST)


def test_a_reason_has_1_to_500_characters_and_none_that_control_a_terminal() -> None:
    assert reason_in("  x\ny ") == "x\ny"
    assert reason_in("x" * 500) == "x" * 500
    for bad in ("", " \n", "x" * 501, "\x1b[2J", "\0"):
        with pytest.raises(BadInput):
            reason_in(bad)


STANDS = attrs.evolve(decide(GOOD[3][0], "bob", AT, HOST), id=12, status=DecisionStatus.VERIFIED)


def test_a_release_says_what_it_undoes_and_who_wants_it() -> None:
    made = release(STANDS, "ann", "it is over", AT)
    assert (made.action, made.parameters, made.by, made.person_reason) == (
        Action.RELEASE,
        {"of": 12},
        "ann",
        "it is over",
    )
    assert made.status is DecisionStatus.APPROVED
    hold = attrs.evolve(STANDS, action=Action.HOLD_WARMUP, status=DecisionStatus.APPLIED)
    assert release(hold, "ann", "it is over", AT).status is DecisionStatus.RELEASED  # nothing for the MTA to do


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"status": DecisionStatus.PROPOSED}, "decide it yourself"),
        ({"status": DecisionStatus.PROPOSED, "deadline": AT}, "approve or reject it"),
        ({"action": Action.SUPPRESS, "status": DecisionStatus.APPLIED}, "releasing it lifts every entry"),
        ({"action": Action.PROBE}, "it ends by itself"),
    ],
)
def test_what_cannot_be_released_says_what_is_possible_instead(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(Conflict, match=f"decision 12 .*{why}"):
        release(attrs.evolve(STANDS, **changes), "ann", "it is over", AT)
