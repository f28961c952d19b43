"""What waits for a person: who is asked, what silence means, and that nothing waits past its deadline."""

from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance_streams import IPS, START, steady
from ignite_domain.governance.approvals import ask
from ignite_domain.governance.attention import attention
from ignite_domain.governance.modes import ACTS, ModeEntry, Modes, Say, Stop, key_of, says
from ignite_domain.governance.orchestrator import Orchestrator, Settled
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.words import (
    OWNER,
    PERSON_RULE,
    STANDING,
    Action,
    AgentKind,
    Decision,
    DecisionStatus,
    Mode,
    OnDeadline,
    TargetType,
    awaits,
    is_persons,
)
from ignite_domain.isps import Isp

WAIT = timedelta(minutes=15)
MINUTE = timedelta(minutes=1)


def by(mode: Mode = Mode.APPROVE, **more: Any) -> Orchestrator:
    return Orchestrator(lambda kind, isp: mode, approval=WAIT, **more)


def wish(
    action: Action = Action.PAUSE_QUEUE,
    isp: Isp = Isp.GMAIL,
    target_type: TargetType = TargetType.ISP,
    target: str = "",
    at: datetime = START,
    agent: AgentKind | None = None,
    **more: Any,
) -> Decision:
    parameters = {"factor": 0.5} if action is Action.THROTTLE else {}
    given = {"parameters": parameters, "rule": "test@1"} | more
    return Decision(
        at=at,
        until=at + timedelta(minutes=30),
        isp=isp,
        agent=agent or OWNER[action],
        action=action,
        target_type=target_type,
        target=target or isp.value,
        reason="because",
        evidence={"n": 1},
        **given,
    )


def stands(decision: Decision, number: int = 1, status: DecisionStatus = DecisionStatus.VERIFIED) -> Decision:
    return attrs.evolve(decision, id=number, status=status)


def waiting(decision: Decision, number: int = 1, on_deadline: OnDeadline | None = None) -> Decision:
    return attrs.evolve(ask(decision, decision.at, WAIT, on_deadline), id=number)


def probe(of: int = 1, at: datetime = START, **more: Any) -> Decision:
    return wish(Action.PROBE, at=at, agent=AgentKind.EMERGENCY, parameters={"of": of, "messages": 30}, **more)


NOTHING = SignalProcessor()


def test_in_mode_approve_a_wish_waits_and_silence_applies_it() -> None:
    ((made, mode, note),) = by().settle([wish()], [], NOTHING, START).decisions
    assert (made.status, made.deadline, made.on_deadline) == (DecisionStatus.PROPOSED, START + WAIT, OnDeadline.APPLY)
    assert (mode, note) == (Mode.APPROVE, "waits for a person")


def test_a_warning_is_never_asked_about() -> None:
    ((made, _, _),) = by().settle([wish(Action.WARN)], [], NOTHING, START).decisions
    assert made.status is DecisionStatus.APPLIED


@pytest.mark.parametrize("mode", [Mode.ACT, Mode.APPROVE])
def test_stopping_too_much_mail_waits_for_a_person_and_silence_rejects_it(mode: Mode) -> None:
    signals = SignalProcessor()
    signals.observe(list(steady(90, 600)))  # three addresses, a third each
    now = START + timedelta(minutes=10)
    quarantine = wish(Action.QUARANTINE_IP, target_type=TargetType.IP, target=IPS[0], at=now)
    ((made, _, note),) = by(mode).settle([quarantine], [], signals, now).decisions
    assert (made.status, made.deadline, made.on_deadline) == (DecisionStatus.PROPOSED, now + WAIT, OnDeadline.REJECT)
    assert "33 %" in note


RESTRICTS = waiting(wish())
LOOSENS = waiting(probe(7), 8)
HELD = stands(wish(), 7)
ENDS: list[tuple[str, Decision, Mode, str, float, DecisionStatus | None, str]] = [
    ("still time", RESTRICTS, Mode.APPROVE, "", 14.9, None, ""),
    (
        "the deadline of a restriction", RESTRICTS, Mode.APPROVE, "", 15, DecisionStatus.APPROVED,
        "nobody answered within 15 minutes; the safe side is to restrict",
    ),
    (
        "the deadline of what would stop too much", waiting(wish(), 1, OnDeadline.REJECT), Mode.ACT, "", 15,
        DecisionStatus.REJECTED, "nobody answered within 15 minutes; so much mail is not stopped without a person",
    ),
    (
        "the deadline of a probe", LOOSENS, Mode.APPROVE, "", 15, DecisionStatus.REJECTED,
        "nobody answered within 15 minutes; the safe side is to hold",
    ),
    (
        "the deadline of what takes effect inside", waiting(wish(Action.HOLD_WARMUP)), Mode.APPROVE, "", 15,
        DecisionStatus.APPLIED, "nobody answered within 15 minutes; the safe side is to restrict",
    ),
    ("a stop while it waits", RESTRICTS, Mode.APPROVE, "a stop by ann", 1, DecisionStatus.REJECTED, "a stop by ann"),
    ("a mode that only looks on", RESTRICTS, Mode.OBSERVE, "", 1, DecisionStatus.REJECTED, "mode observe"),
    ("a mode that asks no more", RESTRICTS, Mode.ACT, "", 1, None, ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("decision", "mode", "stop", "minutes", "status", "note"), [case[1:] for case in ENDS], ids=[c[0] for c in ENDS]
)
def test_how_what_waits_ends(
    decision: Decision, mode: Mode, stop: str, minutes: float, status: DecisionStatus | None, note: str
) -> None:
    now = START + minutes * MINUTE
    done = by(mode, stop_of=lambda isp: stop).settle([], [decision, HELD], NOTHING, now)
    said = [(one.status, one.note) for one in done.changes if one.decision_id == decision.id]
    assert said == ([] if status is None else [(status, note)])


def test_what_is_accepted_lives_from_then_on_as_long_as_it_was_to_live() -> None:
    (change,) = by().settle([], [RESTRICTS], NOTHING, START + WAIT).changes
    assert change.until == START + WAIT + timedelta(minutes=30)


def test_a_probe_that_is_refused_holds_its_restriction_as_long_again_and_ends_the_one_before() -> None:
    first = stands(probe(7, at=START), 9)
    now = START + WAIT
    changes = {one.decision_id: one for one in by().settle([], [HELD, LOOSENS, first], NOTHING, now).changes}
    assert changes[7].until == now + timedelta(minutes=30)
    assert changes[7].note == "held: nobody answered within 15 minutes; the safe side is to hold"
    assert changes[9].status is DecisionStatus.EXPIRED


def test_in_mode_approve_the_end_of_a_lifetime_asks_for_the_probe_and_asks_once() -> None:
    over = START + timedelta(minutes=30)
    ((made, _, _),) = by().settle([], [HELD], NOTHING, over).decisions
    assert (made.action, made.on_deadline) == (Action.PROBE, OnDeadline.REJECT)
    assert by().settle([], [HELD, attrs.evolve(made, id=8)], NOTHING, over + MINUTE) == Settled()


def test_the_probe_that_follows_a_persons_decision_asks_nobody() -> None:
    mine = attrs.evolve(HELD, rule=PERSON_RULE, by="ann")
    for mode in Mode:
        ((made, _, _),) = by(mode).settle([], [mine], NOTHING, START + timedelta(minutes=30)).decisions
        assert (made.action, made.status) == (Action.PROBE, DecisionStatus.APPROVED)


def test_under_a_stop_what_stands_is_held_and_its_probe_not_judged() -> None:
    over = START + timedelta(minutes=30)
    stopped = by(Mode.ACT, stop_of=lambda isp: "a stop by ann at gmail")
    (change,) = stopped.settle([], [HELD], NOTHING, over).changes
    assert (change.status, change.until) == (None, over + timedelta(minutes=10))
    assert change.note == "held, neither probed nor released: a stop by ann at gmail"
    signals = SignalProcessor()
    signals.observe(list(steady(60, 1800)))
    assert stopped.settle([], [HELD, stands(probe(7), 8)], signals, over) == Settled()


def test_the_wish_of_another_agent_is_no_obstacle_to_the_owners() -> None:
    theirs = stands(wish(Action.THROTTLE, agent=AgentKind.POOL), status=DecisionStatus.PROPOSED)
    ((made, _, _),) = by(Mode.ACT).settle([wish(Action.THROTTLE)], [theirs], NOTHING, START).decisions
    assert (made.agent, made.status) == (AgentKind.THROTTLE, DecisionStatus.APPROVED)
    both = [wish(Action.THROTTLE, agent=AgentKind.POOL), wish(Action.THROTTLE)]
    made_of = {one.agent: one.status for one, _, _ in by(Mode.ACT).settle(both, [], NOTHING, START).decisions}
    assert made_of == {AgentKind.THROTTLE: DecisionStatus.APPROVED}  # the owner is heard first: the other is answered


def test_an_agents_own_proposal_is_superseded_once_it_may_act() -> None:
    old = stands(wish(), status=DecisionStatus.PROPOSED)
    settled = by(Mode.ACT).settle([wish()], [old], NOTHING, START)
    assert [(one.decision_id, one.status) for one in settled.changes] == [(1, DecisionStatus.SUPERSEDED)]
    assert [one.status for one, _, _ in settled.decisions] == [DecisionStatus.APPROVED]


def test_what_was_refused_is_not_wished_again_meanwhile_but_by_another_agent_it_may_be() -> None:
    quiet = by(Mode.ACT, refused=frozenset({key_of(wish())}))
    assert quiet.settle([wish()], [], NOTHING, START) == Settled()
    assert len(quiet.settle([wish(agent=AgentKind.REPUTATION)], [], NOTHING, START).decisions) == 1


def test_nothing_is_released_while_another_agent_wishes_it() -> None:
    signals = SignalProcessor()
    at = START + timedelta(minutes=33)
    signals.observe(list(steady(60, 33 * 60)))
    backoff = stands(wish(Action.BACKOFF), 7)
    out = stands(attrs.evolve(probe(7, at=START), agent=AgentKind.THROTTLE), 8)
    other = wish(Action.BACKOFF, agent=AgentKind.POOL, at=at)
    agreed = by(Mode.ACT).settle([], [backoff, out], signals, at)
    assert [one.action for one, _, _ in agreed.decisions] == [Action.RELEASE]
    signals.observe(list(steady(60, 33 * 60)))
    kept = by(Mode.ACT).settle([other], [backoff, out], signals, at)
    assert [one.action for one, _, _ in kept.decisions] == []
    assert "the pool agent still wants it" in kept.changes[0].note


# ---- every story


@attrs.define
class Story:
    """A desk of decisions, with people who answer, change modes and stop, and an executor that does what it may."""

    now: datetime = START
    modes: Modes = Modes(Mode.APPROVE)
    book: dict[int, Decision] = attrs.field(factory=dict)
    ended: set[int] = attrs.field(factory=set)
    sent: set[int] = attrs.field(factory=set)

    @property
    def standing(self) -> list[Decision]:
        return [one for number, one in self.book.items() if number not in self.ended]

    def may(self, decision: Decision) -> bool:
        of = self.book.get(decision.parameters.get("of", 0))
        if is_persons(decision):
            return True
        if self.modes.stop_of(decision.isp):
            return False
        return (of is not None and is_persons(of)) or self.modes.of(decision.agent, decision.isp) in ACTS

    def add(self, decision: Decision) -> None:
        number = len(self.book) + 1
        self.book[number] = attrs.evolve(decision, id=number)
        if decision.status is DecisionStatus.REJECTED:
            self.ended.add(number)

    def step(self, wishes: list[Decision]) -> None:
        """One step of the orchestrator, and what must be true of it."""
        desk = Orchestrator(self.modes.of, stop_of=self.modes.stop_of, approval=WAIT)
        settled = desk.settle(wishes, self.standing, SignalProcessor(), self.now)
        for change in settled.changes:
            old = self.book[change.decision_id]
            if change.status is DecisionStatus.APPROVED:
                assert old.deadline is not None
                assert old.deadline <= self.now
                assert old.on_deadline is OnDeadline.APPLY
                assert self.may(old)
            assert change.decision_id not in self.ended
            self.book[change.decision_id] = attrs.evolve(
                old, status=change.status or old.status, until=change.until or old.until
            )
            if change.status is not None and change.status not in STANDING:
                self.ended.add(change.decision_id)
        for one, mode, _ in settled.decisions:
            if one.status is DecisionStatus.APPROVED:
                assert self.may(one)
                of = self.book.get(one.parameters.get("of", 0))
                assert mode is not Mode.APPROVE or (of is not None and is_persons(of))
            self.add(one)
        for one in self.standing:
            assert not awaits(one) or (one.deadline is not None and self.now < one.deadline)

    def execute(self) -> None:
        pairs = [(one, one.id in self.sent) for one in self.standing if one.status in STANDING]
        for number, word in says(pairs, self.modes).items():
            one = self.book[number]
            if word is Say.CARRY and one.status is DecisionStatus.APPROVED:
                assert self.may(one)
                self.sent.add(number)
                self.book[number] = attrs.evolve(one, status=DecisionStatus.VERIFIED)
            elif number not in self.sent:
                assert word is Say.WITHHOLD
                self.ended.add(number)  # withdrawn

    def answer(self, yes: bool) -> None:
        for one in self.standing:
            if awaits(one) and one.id is not None and (not yes or self.may(one)):
                status = DecisionStatus.APPROVED if yes else DecisionStatus.REJECTED
                self.book[one.id] = attrs.evolve(one, status=status, by="ann")
                if not yes:
                    self.ended.add(one.id)
                return


WISHES = [
    wish(),
    wish(Action.THROTTLE),
    wish(Action.BACKOFF, Isp.YAHOO),
    wish(Action.QUARANTINE_IP, target_type=TargetType.IP, target=IPS[0]),
    wish(Action.THROTTLE, agent=AgentKind.POOL),
]
PLACES = st.tuples(st.sampled_from([None, AgentKind.EMERGENCY, AgentKind.THROTTLE]), st.sampled_from([None, Isp.GMAIL]))
DEEDS = st.one_of(
    st.tuples(st.just("wish"), st.lists(st.sampled_from(WISHES), max_size=3)),
    st.tuples(st.just("wait"), st.sampled_from([1, 10, 15, 40])),
    st.tuples(st.just("mode"), st.tuples(PLACES, st.sampled_from(list(Mode)))),
    st.tuples(st.just("stop"), st.sampled_from([None, Isp.GMAIL])),
    st.tuples(st.just("resume"), st.just(None)),
    st.tuples(st.just("answer"), st.booleans()),
    st.tuples(st.just("person"), st.just(None)),
    st.tuples(st.just("execute"), st.just(None)),
)


@given(st.lists(DEEDS, min_size=1, max_size=30))
@settings(max_examples=200, deadline=None)
def test_nothing_waits_past_its_deadline_and_nothing_of_an_agent_goes_out_where_it_must_not(
    deeds: list[tuple[str, Any]],
) -> None:
    story = Story()
    for name, what in deeds:
        wishes: list[Decision] = []
        match name:
            case "wish":
                wishes = [attrs.evolve(one, at=story.now, until=story.now + 30 * MINUTE) for one in what]
            case "wait":
                story.now += what * MINUTE
            case "mode":
                (agent, isp), mode = what
                kept = [one for one in story.modes.entries if (one.agent, one.isp) != (agent, isp)]
                entry = ModeEntry(agent, isp, mode, "ann", story.now, "because")
                story.modes = Modes(Mode.APPROVE, (*kept, entry), story.modes.stops)
            case "stop":
                stop = Stop(what, "ann", story.now, "because")
                story.modes = Modes(Mode.APPROVE, story.modes.entries, (stop,))
            case "resume":
                story.modes = Modes(Mode.APPROVE, story.modes.entries)
            case "answer":
                story.answer(what)
            case "person":
                mine = wish(Action.PAUSE_QUEUE, Isp.COX, at=story.now, rule=PERSON_RULE, by="ann")
                if not any(key_of(one) == key_of(mine) for one in story.standing):
                    story.add(attrs.evolve(mine, status=DecisionStatus.APPROVED))
            case "execute":
                story.execute()
        story.step(wishes)


# ---- alerts


def test_halts_waiting_decisions_and_stops_are_alerts_and_the_same_wish_is_the_same_alert() -> None:
    stop = Stop(Isp.YAHOO, "ann", START, "too eager")
    first = attention([stands(wish(), 4), waiting(wish(isp=Isp.COX), 5)], Modes(Mode.ACT, stops=(stop,)))
    assert {(one.kind, one.subject): one.text for one in first} == {
        ("halt", "gmail pause_queue gmail"): "Gmail: pause queue since 09:00 UTC by the emergency agent (decision 4): "
        "because",
        ("approval_waiting", "cox pause_queue cox"): "Cox: decision 5 (pause queue) waits for a person until 09:15 "
        "UTC, then it is carried out: because",
        ("stopped", "yahoo"): "the agents are stopped at Yahoo since 09:00 UTC by ann: too eager",
    }
    assert attention([waiting(wish(isp=Isp.COX), 9)], Modes(Mode.ACT))[0] == first[0]
    assert attention([stands(wish(Action.BACKOFF)), stands(wish(), 1, DecisionStatus.PROPOSED)], Modes(Mode.ACT)) == []
