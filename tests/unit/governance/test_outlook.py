"""How far rules are from acting, and what the end of a lifetime asks."""

import math
from datetime import timedelta

import attrs
import pytest

from governance_streams import START, outcome
from ignite_domain.governance.observed import Outcome, OutcomeKind
from ignite_domain.governance.outlook import Prospect, ahead, prospects
from ignite_domain.governance.reported import ReportedRate
from ignite_domain.governance.rules import RULES
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.steering import Steering
from ignite_domain.governance.words import Action, AgentKind, Decision, DecisionStatus, OnDeadline, TargetType
from ignite_domain.isps import Isp

LATER = START + timedelta(minutes=2)
LIMITED = {"reply_kind": "rate_limit", "reply_rule": "gmail-rate"}


def seen(*kinds: OutcomeKind, **more: object) -> SignalProcessor:
    signals = SignalProcessor()
    signals.observe([outcome(n, START + timedelta(seconds=n), kind, **more) for n, kind in enumerate(kinds)])
    return signals


def near(
    signals: SignalProcessor, name: str, cold: dict[str, str] | None = None, rate: float | None = None
) -> Prospect:
    reported = {} if rate is None else {"gmail": ReportedRate(Isp.GMAIL, "mail.example", START.date(), rate)}
    found = prospects(Isp.GMAIL, RULES, signals, cold or {}, reported, LATER)
    return next(one for one in found if one.rule.name == name)


def test_every_rule_of_a_provider_is_told_once_in_the_tables_order_and_the_hosts_are_not() -> None:
    told = [one.rule.name for one in prospects(Isp.GMAIL, RULES, SignalProcessor(), {}, {}, LATER)]
    assert told == [rule.name for rule in RULES if rule.name not in ("own-fault", "host-bounce-flood")]


def test_an_alarm_is_told_as_s_of_h_and_how_many_events_in_a_row_are_missing() -> None:
    one = near(seen(*[OutcomeKind.DEFERRED] * 5), "deferral-rise")
    assert [(m.what, m.have, m.need) for m in one.measures] == [("S", 20, 40)]  # + 4 on an event, H of the first row
    assert one.way == 0.5
    assert one.note == "5 more in a row would reach it"
    assert (one.scope, one.seen.n, one.seen.x) == ("gmail", 5, 5)


def test_what_is_accepted_silences_a_rule_that_asks_for_silence() -> None:
    deferred = [OutcomeKind.DEFERRED] * 5
    quiet = near(seen(*deferred), "nothing-accepted")
    assert quiet.way == 0.5  # 5 of 10
    loud = near(seen(*deferred, OutcomeKind.DELIVERED), "nothing-accepted")
    assert loud.way == 0
    assert loud.note == "1 accepted in the same time: it acts only when nothing is"


def test_a_reply_rule_needs_recipients_and_a_share_and_the_lesser_of_both_is_the_way() -> None:
    one = near(seen(OutcomeKind.DEFERRED, **LIMITED), "rate-limit-reply")
    recipients, bound = one.measures
    assert (recipients.have, recipients.need) == (1, 2)
    # Wilson's lower bound of 1 in 1 at z: 1 / (1 + z²)
    assert bound.have == pytest.approx(1 / (1 + 2.58**2))
    assert one.way == recipients.way == 0.5


def test_of_several_addresses_the_nearest_is_told_and_without_any_so_is_that() -> None:
    signals = SignalProcessor()
    refused = {"about_us": True, "reply_kind": "reputation", "reply_rule": "gmail-block"}
    mail: list[Outcome] = [outcome(n, START + timedelta(seconds=n), ip="192.0.2.11") for n in range(20)]
    mail += [outcome(40 + n, START + timedelta(seconds=40 + n), OutcomeKind.BOUNCED, ip="192.0.2.12", **refused)
             for n in range(2)]  # fmt: skip
    signals.observe(mail)
    one = near(signals, "address-refused")
    assert (one.scope, one.places, one.way) == ("192.0.2.12", 2, 1.0)
    none = near(signals, "cold-congestion")
    assert (none.scope, none.way, none.note) == ("", 0.0, "no address under the warm-up ladder is counted here")
    assert near(signals, "cold-congestion", {"192.0.2.11": "mta1"}).scope == "192.0.2.11"


def test_a_reported_rate_is_held_against_its_limit() -> None:
    assert near(SignalProcessor(), "reported-complaints").note == "no rate was imported for the last week"
    assert near(SignalProcessor(), "reported-complaints", rate=0.0005).way == pytest.approx(0.5)
    assert near(SignalProcessor(), "reported-complaints", rate=0.004).way == 1


QUARANTINE = Decision(
    at=START,
    until=START + timedelta(hours=1),
    isp=Isp.GMAIL,
    agent=AgentKind.POOL,
    action=Action.QUARANTINE_IP,
    target_type=TargetType.IP,
    target="192.0.2.11",
    reason="refused",
    rule="address-refused@2",
    evidence={},
    status=DecisionStatus.VERIFIED,
    id=7,
)
PROBE = attrs.evolve(
    QUARANTINE, action=Action.PROBE, parameters={"of": 7, "messages": 30}, id=8, at=START - timedelta(minutes=1)
)


def test_a_probe_is_told_under_what_it_undoes_with_the_weight_of_its_outcomes() -> None:
    signals = SignalProcessor()
    signals.observe([outcome(n, START + timedelta(seconds=n), ip="192.0.2.11") for n in range(3)])
    (told,) = ahead(Isp.GMAIL, [QUARANTINE, PROBE], signals, Steering(), LATER)
    assert told.decision is QUARANTINE
    assert told.probe is PROBE
    assert told.seen is not None
    assert (told.seen.n, told.seen.x) == (3, 0)
    assert told.weight == pytest.approx(3 * math.log(0.70 / 0.95))
    assert told.verdict is None


@pytest.mark.parametrize(
    ("standing", "then"),
    [
        ([QUARANTINE], "a probe: 30 messages will tell whether to release it"),
        ([attrs.evolve(QUARANTINE, status=DecisionStatus.PROPOSED)], "it ends; nothing is turned at the MTA"),
        (
            [
                attrs.evolve(
                    QUARANTINE, status=DecisionStatus.PROPOSED, deadline=LATER, on_deadline=OnDeadline.APPLY
                )
            ],
            "it waits for a person; at its deadline it is carried out",
        ),
        (
            [QUARANTINE, attrs.evolve(PROBE, status=DecisionStatus.PROPOSED, deadline=LATER)],
            "its probe (decision 8) waits for a person; meanwhile it stays",
        ),
        ([QUARANTINE, attrs.evolve(PROBE, action=Action.RELEASE)], "its release is on the way to the MTA"),
    ],
)  # fmt: skip
def test_what_follows_a_decision_is_told_in_words(standing: list[Decision], then: str) -> None:
    assert [one.then for one in ahead(Isp.GMAIL, standing, SignalProcessor(), Steering(), LATER)] == [then]


def test_decisions_of_other_providers_are_not_told() -> None:
    assert ahead(Isp.YAHOO, [QUARANTINE, PROBE], SignalProcessor(), Steering(), LATER) == []
