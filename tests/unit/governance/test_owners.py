"""Whose a wish is: the owner of a knob takes over what its own records bear out, and says why where it does not."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import attrs
import pytest

from governance_streams import START, outcome
from ignite_domain.governance.approvals import after
from ignite_domain.governance.desired import Topology, closed_vmtas, desired
from ignite_domain.governance.observed import Outcome, OutcomeKind
from ignite_domain.governance.orchestrator import Orchestrator, Settled
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.words import Action, AgentKind, Decision, DecisionStatus, Mode, TargetType
from ignite_domain.isps import Isp

NOW = START + timedelta(minutes=10)
ACT = Orchestrator(lambda kind, isp: Mode.ACT)


def wish(
    action: Action = Action.THROTTLE, agent: AgentKind = AgentKind.POOL, isp: Isp = Isp.GMAIL, **more: Any
) -> Decision:
    given: dict[str, Any] = {
        "target_type": TargetType.ISP,
        "target": isp.value,
        "rule": "address-refused@2",
        "parameters": {"factor": 0.5} if action is Action.THROTTLE else {},
    } | more
    return Decision(
        at=NOW,
        until=NOW + timedelta(hours=1),
        isp=isp,
        agent=agent,
        action=action,
        reason="because",
        evidence={"n": 1},
        **given,
    )


def mail(isp: Isp, accepted: int, refused: int, queue: str = "") -> Iterator[Outcome]:
    for number in range(accepted + refused):
        one = outcome(number, START + timedelta(seconds=60 + 5 * number), isp=isp)
        if number >= accepted:
            one.kind, one.about_us, one.reply_kind, one.reply_rule = OutcomeKind.BOUNCED, True, "reputation", "s3150"
        if queue:
            one.queue = queue
        yield one


def seen(*streams: Iterator[Outcome]) -> SignalProcessor:
    signals = SignalProcessor()
    signals.observe(sorted((one for many in streams for one in many), key=lambda one: one.at))
    return signals


def settle(signals: SignalProcessor, *wishes: Decision, by: Orchestrator = ACT, standing: Any = ()) -> Settled:
    return by.settle(wishes, standing, signals, NOW)


def test_the_throttle_agent_takes_over_what_its_own_records_bear_out() -> None:
    (made, _, _), *rest = settle(seen(mail(Isp.GMAIL, 0, 40)), wish()).decisions
    assert not rest
    assert (made.agent, made.status, made.target) == (AgentKind.THROTTLE, DecisionStatus.APPROVED, "gmail")
    assert made.evidence["proposed_by"] == "the Gmail pool agent"
    assert (made.evidence["owner_x"], made.evidence["owner_n"]) == (40, 40)
    assert made.rule == "address-refused@2"


@pytest.mark.parametrize(
    ("accepted", "refused", "action", "why"),
    [
        (36, 4, Action.THROTTLE, "4 of 40 not accepted, too few"),
        (0, 0, Action.THROTTLE, "0 of 0 not accepted, too few"),
        (0, 40, Action.PAUSE_QUEUE, "on its own evidence alone"),
    ],
)
def test_what_the_owner_does_not_take_over_stays_a_proposal_and_says_why(
    accepted: int, refused: int, action: Action, why: str
) -> None:
    """4 of 40 are 10 %, and by Wilson's bound at least 4 %: not above 10 %."""
    ((made, _, note),) = settle(seen(mail(Isp.GMAIL, accepted, refused)), wish(action)).decisions
    assert (made.agent, made.status) == (AgentKind.POOL, DecisionStatus.PROPOSED)
    assert why in note


def test_the_owner_acts_under_its_own_mode_and_its_own_refusals() -> None:
    signals = seen(mail(Isp.GMAIL, 0, 40))
    watching = Orchestrator(lambda kind, isp: Mode.OBSERVE if kind is AgentKind.THROTTLE else Mode.ACT)
    ((made, mode, _),) = settle(signals, wish(), by=watching).decisions
    assert (made.agent, made.status, mode) == (AgentKind.THROTTLE, DecisionStatus.PROPOSED, Mode.OBSERVE)
    once = attrs.evolve(made, id=1)
    assert settle(signals, wish(), by=watching, standing=[once]) == Settled()


def test_a_proposal_is_over_once_its_owner_has_decided_it() -> None:
    first = settle(seen(), wish())
    proposal = attrs.evolve(first.decisions[0][0], id=1)
    assert settle(seen(), wish(), standing=[proposal]) == Settled()  # still no, and said once
    settled = settle(seen(mail(Isp.GMAIL, 0, 40)), wish(), standing=[proposal])
    assert [(one.decision_id, one.status) for one in settled.changes] == [(1, DecisionStatus.SUPERSEDED)]
    assert after([proposal], settled.changes) == []
    decided = attrs.evolve(settled.decisions[0][0], id=2)
    assert settle(seen(mail(Isp.GMAIL, 0, 40)), wish(), standing=[decided]) == Settled()


def shared(cox_accepted: int, cox_refused: int, yahoo_accepted: int, yahoo_refused: int) -> SignalProcessor:
    """Cox's mail runs in Yahoo's queue, which carries more of Yahoo's own."""
    queue = "yahoo.com/mta"
    return seen(mail(Isp.COX, cox_accepted, cox_refused, queue), mail(Isp.YAHOO, yahoo_accepted, yahoo_refused, queue))


@pytest.mark.parametrize("action", [Action.PAUSE_JOB, Action.PAUSE_QUEUE, Action.EMERGENCY_HALT])
def test_what_stops_a_brand_or_a_job_before_any_queue_is_its_own_whoever_has_the_queue(action: Action) -> None:
    signals = shared(20, 0, 60, 0)
    assert signals.steered_by(Isp.COX, NOW) is Isp.YAHOO
    more = {"target_type": TargetType.JOB, "target": "c1"} if action is Action.PAUSE_JOB else {}
    ((made, _, _),) = settle(signals, wish(action, AgentKind.EMERGENCY, Isp.COX, **more)).decisions
    assert (made.isp, made.status) == (Isp.COX, DecisionStatus.APPROVED)


@pytest.mark.parametrize(
    ("mailed", "decided"),
    [
        ((0, 20, 0, 60), (Isp.YAHOO, "yahoo", DecisionStatus.APPROVED)),  # all of them together
        ((0, 20, 60, 0), (Isp.YAHOO, "yahoo", DecisionStatus.APPROVED)),  # 20 of 80: at least 16.8 %
        ((15, 5, 60, 0), (Isp.COX, "cox", DecisionStatus.PROPOSED)),  # 5 of 80
    ],
)
def test_the_rate_of_a_shared_queue_is_its_owners_who_looks_at_all_the_mail_in_it(
    mailed: tuple[int, int, int, int], decided: tuple[Isp, str, DecisionStatus]
) -> None:
    ((made, _, note),) = settle(shared(*mailed), wish(agent=AgentKind.THROTTLE, isp=Isp.COX)).decisions
    assert (made.isp, made.target, made.status) == decided
    if made.isp is Isp.COX:
        assert (
            note
            == "steered by Yahoo: its queues carry this provider's mail; there 5 of 80 not accepted, too few to act on"
        )


def test_an_address_of_a_shared_queue_is_quarantined_for_its_owner() -> None:
    quarantine = wish(Action.QUARANTINE_IP, isp=Isp.COX, target_type=TargetType.IP, target="192.0.2.12")
    everywhere = seen(
        *(mail(isp, 60, 0) for isp in (Isp.GMAIL, Isp.APPLE)),
        mail(Isp.COX, 0, 9, "yahoo.com/mta"),
        mail(Isp.YAHOO, 0, 30, "yahoo.com/mta"),
    )
    ((made, _, _),) = settle(everywhere, quarantine).decisions
    assert (made.isp, made.target, made.status) == (Isp.YAHOO, "192.0.2.12", DecisionStatus.APPROVED)


def test_a_halt_of_a_brand_in_anothers_queues_closes_its_mail_and_names_none_of_them() -> None:
    ((made, _, _),) = settle(shared(20, 0, 60, 0), wish(Action.EMERGENCY_HALT, AgentKind.EMERGENCY, Isp.COX)).decisions
    halt, vmtas = attrs.evolve(made, id=1), {"mta1": "192.0.2.11"}
    assert closed_vmtas([halt], vmtas) == {("cox", "mta1")}
    wanted = desired([halt], Topology(vmtas, frozenset({"yahoo.rollup"})), base_rate=20_000)
    assert [one.knob.target for one in wanted.wants.values()] == ["cox.net/*"]
