"""Laws that hold for any decisions: everything done can be undone, said twice changes nothing, precedence is total,
and a lifetime ends in a probe, whatever came before.

The host is the memory twin of PMTA. What the outbox would know of it is kept here, by hand, in a few lines.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import attrs
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from governance_streams import START, outcome
from ignite_adapters.memory.pmta import MemoryPmta
from ignite_domain.governance import desired as d
from ignite_domain.governance import reconcile as r
from ignite_domain.governance.approvals import after
from ignite_domain.governance.commands import Verb
from ignite_domain.governance.host_state import QUESTIONS, HostState, read
from ignite_domain.governance.observed import OutcomeKind
from ignite_domain.governance.orchestrator import Orchestrator
from ignite_domain.governance.recovery import LEVERS
from ignite_domain.governance.rules import PROBE_FEW_OUTCOMES
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.words import OWNER, Action, AgentKind, Decision, DecisionStatus, Mode, TargetType
from ignite_domain.isps import Isp

VMTAS = {"mta1": "192.0.2.11", "mta2": "192.0.2.12"}
DOMAINS = {Isp.GMAIL: "gmail.com", Isp.YAHOO: "yahoo.rollup"}
QUEUES = tuple(f"{domain}/{vmta}" for domain in DOMAINS.values() for vmta in VMTAS)
TOPOLOGY = d.Topology(VMTAS, frozenset(DOMAINS.values()))
HOUR = timedelta(hours=1)


def lever(isp: Isp) -> st.SearchStrategy[Decision]:
    """Any restriction that this host can carry out, by any agent."""
    domain = DOMAINS[isp]
    shapes = [
        *((Action.PAUSE_QUEUE, TargetType.QUEUE, f"{domain}/{vmta}", {}) for vmta in VMTAS),
        (Action.PAUSE_QUEUE, TargetType.QUEUE, f"{domain}/*", {}),
        (Action.EMERGENCY_HALT, TargetType.ISP, isp.value, {}),
        (Action.BACKOFF, TargetType.ISP, isp.value, {}),
        (Action.PAUSE_JOB, TargetType.JOB, "c1", {}),
        (Action.QUARANTINE_IP, TargetType.IP, "192.0.2.12", {}),
        (Action.DISABLE_SOURCE, TargetType.VMTA, "mta1", {}),
        (Action.THROTTLE, TargetType.ISP, isp.value, {"factor": 0.5}),
        (Action.THROTTLE, TargetType.ISP, isp.value, {"factor": 0.1}),
    ]
    return st.builds(
        lambda shape, agent: Decision(
            START, START + HOUR, isp, agent, shape[0], shape[1], shape[2], "because", "rule@1", {"n": 1}, shape[3]
        ),
        st.sampled_from(shapes),
        st.sampled_from(AgentKind),
    )


ANY_LEVER = st.sampled_from(sorted(DOMAINS)).flatmap(lever)
SOME = st.lists(ANY_LEVER, max_size=6)


def numbered(decisions: Sequence[Decision], status: DecisionStatus = DecisionStatus.VERIFIED) -> list[Decision]:
    return [attrs.evolve(one, id=number, status=status) for number, one in enumerate(decisions, 1)]


@attrs.define
class Governed:
    """A host, and what the outbox knows of its knobs."""

    host: MemoryPmta = attrs.field(factory=lambda: MemoryPmta(*QUEUES))
    turned: dict[str, r.Turned] = attrs.field(factory=dict)

    def shown(self) -> HostState:
        return read({name: asyncio.run(self.host.run(question)).output for name, question in QUESTIONS.items()})

    def bring_to(self, decisions: Sequence[Decision], now: datetime) -> list[str]:
        """Carry out what is due; returns the lines."""
        held = {name: one.decision for name, one in self.turned.items() if one.on and one.decision is not None}
        wanted = d.desired(decisions, TOPOLOGY, base_rate=20_000, held=held)
        assert not wanted.refused
        due = r.plan(wanted, self.shown(), self.turned, now)
        for one in due:
            assert asyncio.run(self.host.run(one.command)).exit_status == 0
            sha = wanted.include.sha256 if one.command.verb is Verb.PUT_INCLUDE else None
            self.turned[one.knob] = r.Turned(r.turns_on(one.command.argv), now, one.decision, 1, sha)
        return [" ".join(one.command.argv) for one in due]

    def marks(self) -> tuple[object, ...]:
        host = self.host
        return (
            frozenset(host.paused),
            frozenset(host.backoff),
            frozenset(host.jobs),
            frozenset(host.disabled),
            host.loaded,
        )


@settings(max_examples=150, deadline=None)
@given(SOME)
def test_whatever_was_done_is_undone_when_nothing_stands_any_more(decisions: list[Decision]) -> None:
    governed = Governed()
    governed.bring_to([], START)
    untouched = governed.marks()
    governed.bring_to(numbered(decisions), START + timedelta(minutes=2))
    assert (governed.marks() != untouched) is bool(decisions)
    governed.bring_to([], START + timedelta(minutes=4))
    assert governed.marks() == untouched


@settings(max_examples=150, deadline=None)
@given(SOME)
def test_saying_it_again_changes_nothing_and_is_not_even_said(decisions: list[Decision]) -> None:
    governed = Governed()
    governed.bring_to(numbered(decisions), START)
    first = governed.marks()
    assert governed.bring_to(numbered(decisions), START + timedelta(minutes=5)) == []
    governed.turned = {}  # an outbox that was lost: everything is said once more
    governed.bring_to(numbered(decisions), START + timedelta(minutes=10))
    assert governed.marks() == first


@settings(max_examples=100, deadline=None)
@given(SOME, SOME)
def test_the_way_from_one_set_of_decisions_to_another_does_not_matter(
    one: list[Decision], other: list[Decision]
) -> None:
    direct, around = Governed(), Governed()
    target = [attrs.evolve(d, id=100 + (d.id or 0)) for d in numbered(other)]
    direct.bring_to(target, START + timedelta(minutes=5))
    around.bring_to(numbered(one), START)
    around.bring_to(target, START + timedelta(minutes=5))
    assert around.marks() == direct.marks()


ACT = Orchestrator(lambda kind, isp: Mode.ACT)


@settings(max_examples=150, deadline=None)
@given(SOME, st.randoms(use_true_random=False))
def test_which_wish_wins_does_not_depend_on_who_speaks_first(wishes: list[Decision], dice: object) -> None:
    shuffled = list(wishes)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random

    def settled(of: Sequence[Decision]) -> set[tuple[object, ...]]:
        found = ACT.settle(of, [], SignalProcessor(), START).decisions
        return {
            (one.action, one.agent, one.target_type, one.target, str(one.parameters), one.status) for one, _, _ in found
        }

    # of wishes that are alike but for their factor the first one counts, as agents have one rule at a time for it
    alike = {(one.action, one.agent, one.target, one.isp) for one in wishes}
    if len(alike) == len(wishes):
        assert settled(shuffled) == settled(wishes)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.integers(1, 12), min_size=2, max_size=8),
    st.lists(st.lists(st.integers(0, 7), max_size=8), min_size=1, max_size=5),
    st.sampled_from((Mode.ACT, Mode.APPROVE)),
)
def test_no_agent_stops_more_than_a_quarter_of_the_host_without_a_person(
    mail: list[int], rounds: list[list[int]], mode: Mode
) -> None:
    """Whatever it wishes, in whatever order and however often; in mode approve everybody keeps silent."""
    signals = SignalProcessor()
    ips = [f"192.0.2.{20 + number}" for number in range(len(mail))]
    sent = [ip for ip, many in zip(ips, mail, strict=True) for _ in range(many)]
    signals.observe([outcome(number, START, isp=Isp.GMAIL, ip=ip) for number, ip in enumerate(sent)])
    desk = Orchestrator(lambda kind, isp: mode, approval=timedelta(minutes=5))
    standing: list[Decision] = []
    for number, wished in enumerate([*rounds, []]):
        now = START + timedelta(minutes=2 + 6 * number)
        wishes = [
            Decision(
                now,
                now + 2 * HOUR,
                Isp.GMAIL,
                AgentKind.POOL,
                Action.QUARANTINE_IP,
                TargetType.IP,
                ips[one],
                "because",
                "rule@1",
                {"n": 1},
            )
            for one in wished
            if one < len(ips)
        ]
        settled = desk.settle(wishes, standing, signals, now)
        standing = after(standing, settled.changes)
        standing += [
            attrs.evolve(one, id=100 * number + place) for place, (one, _, _) in enumerate(settled.decisions, 1)
        ]
        stopped = {one.target for one in standing if one.status is DecisionStatus.APPROVED}
        assert 4 * sum(many for ip, many in zip(ips, mail, strict=True) if ip in stopped) <= sum(mail)


@settings(max_examples=150, deadline=None)
@given(ANY_LEVER, st.booleans(), st.integers(0, 40), st.integers(0, 300), st.sampled_from((Mode.ACT, Mode.APPROVE)))
def test_nothing_is_loosened_while_the_dead_man_holds(
    restriction: Decision, out: bool, accepted: int, minutes: int, mode: Mode
) -> None:
    """Whatever stands, and however well its probe was taken: lifetimes are held, and nothing begins the way back."""
    (standing,) = numbered([restriction])
    now = standing.until + timedelta(minutes=minutes)
    probe = attrs.evolve(
        standing, id=2, at=standing.until, until=now, action=Action.PROBE, parameters={"of": 1, "messages": 30}
    )
    signals = SignalProcessor()
    signals.observe(
        [
            attrs.evolve(outcome(number, now, isp=standing.isp, job="c1"), queue=standing.target)
            for number in range(accepted)
        ]
    )
    here = [standing, probe] if out else [standing]
    free = Orchestrator(lambda kind, isp: mode, approval=timedelta(minutes=15))
    settled = attrs.evolve(free, frozen="the log is silent").settle([], here, signals, now)
    assert settled.decisions == ()
    assert all(change.status is None for change in settled.changes)
    if not out:
        ((change),) = settled.changes
        assert change.until is not None
        assert change.until > now
        assert "the log is silent" in change.note
        assert free.settle([], here, signals, now).decisions  # and would begin at once if records came


@settings(max_examples=150, deadline=None)
@given(ANY_LEVER, st.booleans())
def test_a_proposal_on_anothers_knob_is_answered_by_its_owner(wish: Decision, refused: bool) -> None:
    """By the owner's decision, if it slows mail and the owner's records bear it out, else by the reason why not."""
    assume(wish.agent is not OWNER[wish.action])
    kind = OutcomeKind.BOUNCED if refused else OutcomeKind.DELIVERED
    signals = SignalProcessor()
    signals.observe([outcome(number, START, kind, isp=wish.isp, about_us=refused) for number in range(40)])
    ((made, _, note),) = ACT.settle([wish], [], signals, START).decisions
    if refused and wish.action in (Action.THROTTLE, Action.BACKOFF):
        assert (made.agent, made.status) == (AgentKind.THROTTLE, DecisionStatus.APPROVED)
        assert wish.agent.value in made.evidence["proposed_by"]
    else:
        assert (made.agent, made.status) == (wish.agent, DecisionStatus.PROPOSED)
        assert f"the {OWNER[wish.action]} agent, which owns this; " in note


@settings(max_examples=150, deadline=None)
@given(ANY_LEVER, st.integers(0, 60), st.integers(0, 60), st.integers(0, 300))
def test_a_lifetime_ends_in_a_probe_and_no_probe_ends_well_on_silence(
    restriction: Decision, accepted: int, refused: int, minutes: int
) -> None:
    (standing,) = numbered([restriction])
    signals = SignalProcessor()
    over = standing.until + timedelta(minutes=1)
    back = ACT.settle([], [standing], signals, over)
    (probe,) = [one for one, _, _ in back.decisions]
    assert standing.action in LEVERS
    assert (probe.action, probe.parameters["of"], probe.target) == (Action.PROBE, standing.id, standing.target)

    assert standing.isp is not None
    kinds = [OutcomeKind.DELIVERED] * accepted + [OutcomeKind.BOUNCED] * refused
    ip = VMTAS["mta1" if standing.target in ("mta1", f"{DOMAINS[standing.isp]}/mta1") else "mta2"]
    signals.observe(
        [
            attrs.evolve(
                outcome(number, over + timedelta(seconds=number + 1), kind, isp=standing.isp, ip=ip, job="c1"),
                queue=standing.target if standing.target_type is TargetType.QUEUE else f"{DOMAINS[standing.isp]}/mta1",
                about_us=kind is OutcomeKind.BOUNCED,
                reply_kind="" if kind is OutcomeKind.DELIVERED else "policy",
                reply_rule="" if kind is OutcomeKind.DELIVERED else "blocked",
            )
            for number, kind in enumerate(kinds)
        ]
    )
    out = attrs.evolve(probe, id=2, status=DecisionStatus.VERIFIED)
    after = ACT.settle([], [standing, out], signals, over + timedelta(minutes=minutes + 5))
    releases = [one for one, _, _ in after.decisions if one.action is Action.RELEASE]
    if releases:
        assert accepted + refused >= PROBE_FEW_OUTCOMES
        assert accepted > refused
    if accepted + refused == 0:
        assert not after.decisions
