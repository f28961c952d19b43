"""The 48 agents: each kind acts on its own evidence, alone; in calm weather nobody restricts anything."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import pytest

from governance_streams import IPS, START, calm, outcome, steady
from ignite_domain.governance.agents import HOST_WATCH, Agent, View, all_agents
from ignite_domain.governance.observed import Outcome, OutcomeKind
from ignite_domain.governance.reported import ReportedRate
from ignite_domain.governance.rules import RULES, faults
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.words import Action, AgentKind, Decision, TargetType
from ignite_domain.isps import Isp

COLD = {"192.0.2.14": "mta4"}


def wishes(outcomes: Iterable[Outcome], now: datetime) -> list[Decision]:
    signals = SignalProcessor()
    signals.observe(sorted(outcomes, key=lambda one: one.at))
    view = View(signals, COLD, now)
    return [wish for agent in (*all_agents(), HOST_WATCH) for wish in agent.evaluate(view)]


def later(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def test_there_are_48_agents_and_the_rule_table_is_sound() -> None:
    assert len({(agent.kind, agent.isp) for agent in all_agents()}) == 48
    assert faults(RULES) == []


def test_only_the_throttle_agent_acts_when_a_provider_names_a_rate_limit() -> None:
    stream = [*steady(60, 600)]
    stream += [
        outcome(n, later(6 + n / 60), OutcomeKind.DEFERRED, reply_kind="rate_limit", reply_rule="gmail-rate")
        for n in range(100, 112)
    ]
    found = wishes(stream, later(9))
    assert {(one.agent, one.action, one.isp) for one in found} == {(AgentKind.THROTTLE, Action.THROTTLE, Isp.GMAIL)}
    assert found[0].parameters == {"factor": 0.5}
    assert found[0].evidence["reply_rule"] == "gmail-rate"


def test_only_the_pool_agent_acts_when_one_address_is_refused() -> None:
    stream = [*steady(300, 600)]
    stream += [
        outcome(
            n,
            later(25 + n / 50),
            OutcomeKind.BOUNCED,
            ip=IPS[1],
            about_us=True,
            reply_kind="reputation",
            reply_rule="ip",
        )
        for n in range(400, 406)
    ]
    found = wishes(stream, later(34))
    assert {(one.agent, one.action, one.target) for one in found} == {(AgentKind.POOL, Action.QUARANTINE_IP, IPS[1])}


def test_the_pool_agent_quarantines_nobody_when_most_addresses_are_refused_together() -> None:
    stream = [*steady(300, 600)]
    stream += [
        outcome(n, later(25 + n / 50), OutcomeKind.BOUNCED, about_us=True, reply_kind="reputation", reply_rule="ip")
        for n in range(300, 330)
    ]
    found = [one for one in wishes(stream, later(32)) if one.agent is AgentKind.POOL]
    assert [(one.action, one.target_type) for one in found] == [(Action.THROTTLE, TargetType.ISP)]


def refused(count: int, addresses: int = 3, kind: str = "policy") -> list[Outcome]:
    """After six minutes of good mail from three addresses: refusals, from some of them, and good mail from the rest."""
    stream = [*steady(60, 600)]
    for n in range(count):
        one = outcome(100 + n, later(6 + n / 60))
        if IPS.index(one.ip) < addresses:
            one.kind, one.about_us, one.reply_kind, one.reply_rule = OutcomeKind.BOUNCED, True, kind, "blocked"
        stream.append(one)
    return stream


@pytest.mark.parametrize(
    ("stream", "throttled"),
    [
        (refused(8), True),  # 22 each: 176 of 169
        (refused(7), False),  # 154
        (refused(8, kind="auth"), False),  # ours to mend: a person is told, nothing is slowed
        (refused(60, addresses=1), False),  # one address alone: 20 refused, and 40 of the others' accepted
        (refused(60, addresses=2), True),  # two of three together are the provider's
    ],
    ids=["eight", "seven", "authentication", "one address", "most addresses"],
)
def test_a_rise_of_refusals_slows_the_provider_if_neither_we_nor_one_address_are_to_blame(
    stream: list[Outcome], throttled: bool
) -> None:
    found = [one for one in wishes(stream, later(8)) if one.agent is AgentKind.THROTTLE]
    assert [(one.action, one.target, one.rule) for one in found] == [
        (Action.THROTTLE, "gmail", "refusal-rise@1")
    ] * throttled


def test_of_addresses_that_are_refused_together_the_first_to_be_noticed_is_not_blamed() -> None:
    """A busy provider that closes: in ten minutes the others' good mail still covers up for them. The first address has
    6 of 26 refused, by hand at least 11.0 %; the others 3 of 23 each, at least 4.5 %, but all since it began."""
    stream = [*steady(60, 600)]
    moments = [later(6 + n / 60) for n in range(12)]
    for n, (at, ip) in enumerate(zip(moments, [IPS[0]] * 6 + [IPS[1]] * 3 + [IPS[2]] * 3, strict=True)):
        stream.append(
            outcome(200 + n, at, OutcomeKind.BOUNCED, ip=ip, about_us=True, reply_kind="reputation", reply_rule="ip")
        )
    alone = [one for one in stream if one.kind is OutcomeKind.DELIVERED or one.ip == IPS[0]]
    pool = [[one for one in wishes(mail, later(7)) if one.agent is AgentKind.POOL] for mail in (alone, stream)]
    assert [[(one.action, one.target) for one in many] for many in pool] == [
        [(Action.QUARANTINE_IP, IPS[0])],
        [(Action.THROTTLE, "gmail")],
    ]


def test_only_the_reputation_agent_acts_when_complaints_rise() -> None:
    stream = [*steady(2000, 4000, isp=Isp.YAHOO)]
    stream += [outcome(n, later(20 + n / 10), OutcomeKind.COMPLAINED, isp=Isp.YAHOO) for n in range(9)]
    found = wishes(stream, later(29))
    assert {one.agent for one in found} == {AgentKind.REPUTATION}


def test_only_the_warmup_agent_acts_when_a_young_address_is_deferred() -> None:
    stream = [*steady(1500, 3000)]
    cold = "192.0.2.14"
    stream += [outcome(n, later(n), ip=cold) for n in range(16)]
    stream += [
        outcome(50 + n, later(16 + n), OutcomeKind.DEFERRED, ip=cold, reply_kind="greylist", reply_rule="grey")
        for n in range(7)
    ]
    found = wishes(stream, later(29))
    assert {one.agent for one in found} == {AgentKind.WARMUP}
    assert {(one.target_type, one.target) for one in found} == {(TargetType.VMTA, "mta4")}


def test_only_the_emergency_agent_acts_when_addresses_turn_out_dead() -> None:
    # 11 events of +19 at one job reach 206 whatever lies between them
    stream = [*steady(200, 400), *steady(100, 200, job="c2")]
    stream += [
        outcome(
            n, later(29 + n / 100), OutcomeKind.BOUNCED, address_fault=True, reply_kind="invalid", reply_rule="unknown"
        )
        for n in range(14)
    ]
    found = wishes(stream, later(31))
    assert {one.agent for one in found} == {AgentKind.EMERGENCY}
    assert {(one.action, one.target) for one in found} == {(Action.PAUSE_JOB, "c1")}


def dead(first: int, count: int, minute: float, **more: object) -> list[Outcome]:
    return [
        outcome(
            n,
            later(minute + (n - first) / 10),
            OutcomeKind.BOUNCED,
            address_fault=True,
            reply_kind="invalid",
            reply_rule="unknown",
            **more,  # type: ignore[arg-type]  # named fields of Outcome
        )
        for n in range(first, first + count)
    ]


@pytest.mark.parametrize(
    ("others", "why", "action", "target"),
    [
        ([], "there is nothing to compare it with", Action.PAUSE_QUEUE, "gmail"),
        ([*steady(60, 180, isp=Isp.YAHOO)], "the same job does well elsewhere", Action.PAUSE_QUEUE, "gmail"),
        (
            [*steady(60, 180, isp=Isp.YAHOO), *dead(900, 8, 2, isp=Isp.YAHOO)],
            "the same job does badly elsewhere",
            Action.PAUSE_JOB,
            "c1",
        ),
        (
            [*steady(30, 90, job="c2"), *dead(900, 4, 2, job="c2")],
            "the other job does as badly here",
            Action.PAUSE_QUEUE,
            "gmail",
        ),
    ],
)
def test_a_job_is_paused_only_if_it_and_not_the_provider_is_to_blame(
    others: list[Outcome], why: str, action: Action, target: str
) -> None:
    stream = [*steady(120, 360), *dead(500, 14, 21), *others]
    found = [one for one in wishes(stream, later(29)) if one.isp is Isp.GMAIL]
    assert [(one.action, one.target) for one in found] == [(action, target)], why
    assert found[0].rule == ("bounce-rise-of-a-job@1" if action is Action.PAUSE_JOB else "bounce-rise@1")


def test_a_flood_of_dead_addresses_in_five_minutes_halts_the_provider() -> None:
    stream = [
        outcome(n, later(n / 10), OutcomeKind.BOUNCED, address_fault=True, reply_kind="invalid", reply_rule="unknown")
        for n in range(8)
    ]
    # below the CUSUM's level (8 x 19 = 152 of 206), above a quarter by Wilson's lower bound
    found = wishes(stream, later(2))
    assert [(one.agent, one.action, one.isp) for one in found] == [
        (AgentKind.EMERGENCY, Action.EMERGENCY_HALT, Isp.GMAIL)
    ]


def test_the_host_wide_rule_belongs_to_no_provider() -> None:
    stream = [
        outcome(
            n, later(n / 60), OutcomeKind.BOUNCED, isp=None, address_fault=True, reply_kind="invalid", reply_rule="u"
        )
        for n in range(60)
    ]
    found = wishes(stream, later(2))
    assert [(one.isp, one.agent, one.target_type) for one in found] == [(None, AgentKind.EMERGENCY, TargetType.HOST)]


def test_one_bounce_in_one_message_moves_nobody() -> None:
    stream = [outcome(0, START, OutcomeKind.BOUNCED, address_fault=True, reply_kind="invalid", reply_rule="unknown")]
    assert wishes(stream, later(1)) == []


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("count", "per_hour"), [(400, 120), (4000, 3000)])
def test_in_calm_weather_no_agent_wishes_a_restriction(seed: int, count: int, per_hour: int) -> None:
    signals = SignalProcessor()
    batch: list[Outcome] = []
    for one in calm(seed, count, per_hour, Isp.YAHOO):
        batch.append(one)
        if len(batch) == 50:
            signals.observe(batch)
            view = View(signals, {}, batch[-1].at)
            batch.clear()
            assert [
                wish for agent in all_agents() for wish in agent.evaluate(view) if wish.action is not Action.WARN
            ] == []


def test_signals_survive_a_restart() -> None:
    stream = list(calm(3, 500, 600, Isp.COMCAST))
    whole, first = SignalProcessor(), SignalProcessor()
    whole.observe(stream)
    first.observe(stream[:230])
    rows, _ = first.take_changes(stream[229].at)
    second = SignalProcessor(rows)
    second.observe(stream[230:])
    second_rows, _ = second.take_changes(stream[-1].at)
    by_key = {(r.isp, r.scope_type, r.scope, r.signal): (r.n, r.x, r.s) for r in (*rows, *second_rows)}
    whole_rows, _ = whole.take_changes(stream[-1].at)
    assert {
        (r.isp, r.scope_type, r.scope, r.signal): (r.n, r.x, r.s) for r in whole_rows if "reply" not in r.signal
    } == {key: value for key, value in by_key.items() if "reply" not in key[3]}


def test_an_alarm_that_stands_still_while_no_mail_goes_out_says_nothing_new() -> None:
    stream = [*steady(200, 400), *dead(0, 14, 29)]
    assert wishes(stream, later(31))
    assert wishes(stream, later(45)) == []


def test_each_kind_says_what_it_looks_at() -> None:
    signals = SignalProcessor()
    signals.observe(sorted([*steady(100, 200), *dead(0, 2, 29)], key=lambda one: one.at))
    view = View(signals, {}, later(31))
    said = {
        kind: Agent(kind, Isp.YAHOO if kind is AgentKind.REPUTATION else Isp.GMAIL).quiet_state(view)
        for kind in AgentKind
    }
    assert said[AgentKind.THROTTLE] == (
        "watching",
        "0 of 102 first attempts deferred in the last hour, 0 of 102 attempts not accepted in the last hour, "
        "0 connections refused in the last hour, "
        "0 of 102 first attempts refused for reasons of ours in the last hour; alarm at 0 % of its level",
    )
    assert said[AgentKind.EMERGENCY][1].startswith(
        "2 of 102 first attempts met dead addresses in the last hour, 0 complaints about 100 delivered in a day, "
        "0 of 102 attempts not accepted in the last hour; alarm"
    )
    assert said[AgentKind.SUPPRESSION] == ("watching", "2 of 102 first attempts met dead addresses in the last hour")
    assert said[AgentKind.WARMUP] == ("watching", "no mail here from an address that is warming up")
    assert said[AgentKind.REPUTATION] == ("watching", "no attempts in the last hour")


def turned_away(isps: Iterable[Isp], reply_kind: str) -> list[Outcome]:
    return [
        outcome(
            1000 + n,
            later(29 + n / 100),
            OutcomeKind.BOUNCED if reply_kind == "auth" else OutcomeKind.DEFERRED,
            isp=isp,
            about_us=reply_kind == "auth",
            reply_kind=reply_kind,
            reply_rule=reply_kind,
        )
        for isp in isps
        for n in range(12)
    ]


@pytest.mark.parametrize("reply_kind", ["auth", "network", "routing"])
@pytest.mark.parametrize(("providers", "halted"), [(8, True), (5, True), (4, False), (1, False)])
def test_many_providers_that_turn_us_away_together_are_a_fault_of_ours(
    reply_kind: str, providers: int, halted: bool
) -> None:
    """Eight providers have mail; sixty in a hundred of them must agree: five."""
    calm_mail = [one for isp in Isp for one in steady(4, 600, later(28), isp=isp)]
    stream = [*calm_mail, *turned_away(list(Isp)[:providers], reply_kind)]
    host = [one for one in wishes(stream, later(30)) if one.target_type is TargetType.HOST]
    assert [(one.action, one.rule) for one in host] == ([(Action.EMERGENCY_HALT, "own-fault@1")] if halted else [])


def test_many_providers_that_are_merely_busy_are_no_fault_of_ours() -> None:
    stream = turned_away(Isp, "load")
    assert not [one for one in wishes(stream, later(30)) if one.target_type is TargetType.HOST]


def test_an_address_is_not_blamed_for_what_is_refused_for_another_reason_in_the_main() -> None:
    """Two mentions of reputation among thirty refusals for our authentication quarantine nobody."""
    named = [
        outcome(n, later(29), OutcomeKind.BOUNCED, ip=IPS[0], about_us=True, reply_kind="reputation", reply_rule="ip")
        for n in range(2)
    ]
    others = [
        outcome(n, later(29), OutcomeKind.BOUNCED, ip=IPS[0], about_us=True, reply_kind="auth", reply_rule="auth")
        for n in range(2, 32)
    ]
    assert not [one for one in wishes([*named, *others], later(30)) if one.agent is AgentKind.POOL]
    assert [one for one in wishes(named, later(30)) if one.agent is AgentKind.POOL]


def test_a_provider_that_cannot_be_reached_is_a_matter_for_a_person_and_slows_nothing_down() -> None:
    lost = [outcome(n, later(29), OutcomeKind.DEFERRED, reply_kind="network", reply_rule="timeout") for n in range(30)]
    found = wishes([*steady(20, 600, later(27)), *lost], later(30))
    assert [(one.action, one.rule) for one in found] == [(Action.WARN, "unreachable@1")]


def test_complaints_about_one_job_pause_it_and_not_the_provider() -> None:
    about_c1 = [*steady(1200, 1200, isp=Isp.YAHOO), *steady(1200, 1200, isp=Isp.YAHOO, job="c2")]
    about_c1 += [outcome(n, later(70 + n), OutcomeKind.COMPLAINED, isp=Isp.YAHOO) for n in range(8)]
    found = [one for one in wishes(about_c1, later(78)) if one.agent is AgentKind.EMERGENCY]
    assert [(one.action, one.target, one.rule) for one in found] == [(Action.PAUSE_JOB, "c1", "complaints-of-a-job@1")]


@pytest.mark.parametrize(("rate", "warned"), [(0.0010, False), (0.0011, True)])
def test_a_provider_without_a_feedback_loop_is_judged_by_the_rate_it_reports(rate: float, warned: bool) -> None:
    told = ReportedRate(Isp.GMAIL, "mail.example", date(2026, 11, 1), rate)
    signals = SignalProcessor()
    signals.observe(list(steady(10, 600)))
    view = View(signals, {}, later(30), reported={"gmail": told})
    agent = Agent(AgentKind.REPUTATION, Isp.GMAIL)
    found = agent.evaluate(view)
    assert [(one.action, one.rule) for one in found] == ([(Action.WARN, "reported-complaints@1")] if warned else [])
    shown = {0.0010: "0.10", 0.0011: "0.11"}[rate]
    assert agent.quiet_state(view) == ("watching", f"{shown} % complaints reported for mail.example on 2026-11-01")
    assert Agent(AgentKind.REPUTATION, Isp.APPLE).quiet_state(view)[0] == "no_signal"
