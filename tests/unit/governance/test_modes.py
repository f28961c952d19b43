"""Which mode holds where, whom a stop silences, and what may be said to the MTA for a decision that stands."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from ignite_domain.governance.modes import ModeEntry, Modes, Say, Stop, say
from ignite_domain.governance.words import (
    PERSON_RULE,
    Action,
    AgentKind,
    Decision,
    DecisionStatus,
    Mode,
    TargetType,
)
from ignite_domain.isps import Isp

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
THROTTLE, POOL = AgentKind.THROTTLE, AgentKind.POOL
GMAIL, YAHOO = Isp.GMAIL, Isp.YAHOO


def entry(agent: AgentKind | None, isp: Isp | None, mode: Mode) -> ModeEntry:
    return ModeEntry(agent, isp, mode, "ann", AT, "because")


TABLE = (
    entry(None, None, Mode.SHADOW),
    entry(None, GMAIL, Mode.APPROVE),
    entry(THROTTLE, None, Mode.ACT),
    entry(THROTTLE, GMAIL, Mode.OBSERVE),
)


@pytest.mark.parametrize(
    ("entries", "agent", "isp", "mode"),
    [
        ((), THROTTLE, GMAIL, Mode.OBSERVE),  # of settings
        (TABLE[:1], THROTTLE, GMAIL, Mode.SHADOW),
        (TABLE, POOL, YAHOO, Mode.SHADOW),
        (TABLE, POOL, GMAIL, Mode.APPROVE),
        (TABLE, THROTTLE, YAHOO, Mode.ACT),
        (TABLE, THROTTLE, GMAIL, Mode.OBSERVE),
        (TABLE[1:3], THROTTLE, GMAIL, Mode.ACT),  # the agent before the provider
        (TABLE, AgentKind.EMERGENCY, None, Mode.SHADOW),  # the watch of the whole host
        ((entry(AgentKind.EMERGENCY, None, Mode.ACT),), AgentKind.EMERGENCY, None, Mode.ACT),
    ],
)
def test_the_most_specific_entry_wins(
    entries: tuple[ModeEntry, ...], agent: AgentKind, isp: Isp | None, mode: Mode
) -> None:
    assert Modes(Mode.OBSERVE, entries).of(agent, isp) is mode
    assert Modes(Mode.OBSERVE, tuple(reversed(entries))).of(agent, isp) is mode


def stop(isp: Isp | None) -> Stop:
    return Stop(isp, "ann", AT, "list trouble")


@pytest.mark.parametrize(
    ("stops", "isp", "words"),
    [
        ((), GMAIL, ""),
        ((stop(YAHOO),), GMAIL, ""),
        ((stop(YAHOO), stop(GMAIL)), GMAIL, "a stop by ann at Gmail"),
        ((stop(None),), GMAIL, "a stop by ann everywhere"),
        ((stop(YAHOO),), None, "a stop by ann at Yahoo"),  # the whole host would be touched at yahoo too
    ],
)
def test_a_stop_silences_its_provider_and_whatever_is_about_the_whole_host(
    stops: tuple[Stop, ...], isp: Isp | None, words: str
) -> None:
    assert Modes(Mode.ACT, stops=stops).stop_of(isp) == words


AGENTS = Decision(
    at=AT,
    until=AT + timedelta(hours=1),
    isp=GMAIL,
    agent=POOL,
    action=Action.QUARANTINE_IP,
    target_type=TargetType.IP,
    target="192.0.2.11",
    reason="refused",
    rule="address-refused@2",
    evidence={"n": 9},
    status=DecisionStatus.APPROVED,
    id=1,
)
PERSONS = attrs.evolve(AGENTS, rule=PERSON_RULE, by="ann")
APPROVED = attrs.evolve(AGENTS, by="ann")  # an agent's wish that a person agreed to
PROBE = attrs.evolve(AGENTS, action=Action.PROBE, parameters={"of": 1}, id=2)
NOT_ACTING = (Mode.OBSERVE, Mode.SHADOW)
ACTING = (Mode.APPROVE, Mode.ACT)
ALL = (*NOT_ACTING, *ACTING)

CASES: list[tuple[str, Decision, Decision | None, tuple[Mode, ...], bool, bool, Say]] = [
    ("a person's, always", PERSONS, None, ALL, False, False, Say.CARRY),
    ("a person's, under a stop", PERSONS, None, ALL, True, False, Say.CARRY),
    ("an agent's that may act", AGENTS, None, ACTING, False, False, Say.CARRY),
    ("an agent's under a stop, never sent", AGENTS, None, ALL, True, False, Say.WITHHOLD),
    ("an agent's under a stop, sent before", AGENTS, None, ALL, True, True, Say.KEEP),
    ("an approved one under a stop", APPROVED, None, ALL, True, False, Say.WITHHOLD),
    ("an agent's that looks on, never sent", AGENTS, None, NOT_ACTING, False, False, Say.WITHHOLD),
    ("an agent's that looks on, sent before", AGENTS, None, NOT_ACTING, False, True, Say.LEAVE),
    ("the probe of a person's", PROBE, PERSONS, ALL, False, False, Say.CARRY),
    ("the probe of a person's under a stop", PROBE, PERSONS, ALL, True, False, Say.WITHHOLD),
    ("the probe of an agent's that looks on", PROBE, AGENTS, NOT_ACTING, False, False, Say.WITHHOLD),
]


@pytest.mark.parametrize(
    ("decision", "of", "modes", "stopped", "sent", "word"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_what_may_be_said_to_the_mta(
    decision: Decision, of: Decision | None, modes: tuple[Mode, ...], stopped: bool, sent: bool, word: Say
) -> None:
    for mode in modes:
        assert say(decision, of, Modes(mode, stops=(stop(GMAIL),) if stopped else ()), sent=sent) is word


FROZEN = "nothing is loosened while the log tells nothing (dead_man)"
RELEASE = attrs.evolve(PROBE, action=Action.RELEASE)


@pytest.mark.parametrize(
    ("decision", "stopped", "sent", "word"),
    [
        (PROBE, False, False, Say.WAIT),
        (attrs.evolve(PROBE, by="ann"), False, False, Say.WAIT),  # approved by a person, and an agent's all the same
        (RELEASE, False, False, Say.WAIT),
        (attrs.evolve(PROBE, status=DecisionStatus.FAILED), False, True, Say.WAIT),  # half of it may be out
        (attrs.evolve(PROBE, status=DecisionStatus.VERIFIED), False, True, Say.CARRY),  # it is out
        (attrs.evolve(RELEASE, rule=PERSON_RULE), False, False, Say.CARRY),
        (AGENTS, False, False, Say.CARRY),  # what restricts goes on
        (PROBE, True, False, Say.WITHHOLD),  # a stop says more: it is taken back
    ],
)
def test_nothing_is_loosened_at_the_mta_while_the_log_is_silent(
    decision: Decision, stopped: bool, sent: bool, word: Say
) -> None:
    modes = Modes(Mode.ACT, stops=(stop(GMAIL),) if stopped else ())
    assert say(decision, AGENTS, modes, sent=sent, frozen=FROZEN) is word
