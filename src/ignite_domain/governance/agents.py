"""The 48 agents: six kinds for each of eight providers. Each looks at the signals and may wish something.

An agent decides for itself alone: whether its evidence holds, what it is about (an address, a job, the
provider), and why. It never looks at other agents; `orchestrator` settles what they wish.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

import attrs

from ignite_domain.governance.blame import are_alone, company
from ignite_domain.governance.identity import address_of, carries, named_in, names_netblock
from ignite_domain.governance.reported import ReportedRate
from ignite_domain.governance.rules import (
    BLAME,
    BY_AGENT,
    Blame,
    Rule,
    Scope,
    Test,
)
from ignite_domain.governance.signals import ELSEWHERE, HOST, SignalProcessor
from ignite_domain.governance.streams import Seen
from ignite_domain.governance.told import REPLIES_KEPT
from ignite_domain.governance.words import Action, AgentKind, Decision, Signal, TargetType
from ignite_domain.inference import wilson_lower
from ignite_domain.isps import Isp

NO_FEEDBACK: Final = frozenset({Isp.GMAIL, Isp.APPLE})
"""Providers that report no single complaint: "no signal", never "0 %" (ISP facts, complaint denominators)."""

_FRESH_S: Final = 600
_ABOUT_ADDRESS: Final = frozenset({"invalid", "inactive", "full", "recipient_limit"})
_TOLD: Final = 2
"""Distinct recipients before a reply is more than one mailbox's trouble (governance page, "Deterministic lane")."""
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400

_TARGET: Final[Mapping[Scope, TargetType]] = {
    Scope.ISP: TargetType.ISP,
    Scope.IP: TargetType.IP,
    Scope.JOB: TargetType.JOB,
    Scope.COLD: TargetType.VMTA,
    Scope.HOST: TargetType.HOST,
}


@attrs.frozen
class View:
    """What agents may look at. `cold` maps the addresses under the warm-up ladder to their VMTAs.

    Windows end at `edge`: now, or, while the log has not been read to its end, the last record read. `rules` is
    the table agents go by: the shipped one unless a backtest tries another. `reported`: the newest complaint rate
    that a provider itself reported lately, by provider. `blame`: the constants of attribution.
    """

    signals: SignalProcessor
    cold: Mapping[str, str]
    now: datetime
    read_to: datetime | None = None
    rules: Mapping[AgentKind, Sequence[Rule]] = BY_AGENT
    reported: Mapping[str, ReportedRate] = attrs.field(factory=dict)
    blame: Blame = BLAME

    @property
    def edge(self) -> datetime:
        return min(self.now, self.read_to) if self.read_to else self.now


@attrs.frozen
class Finding:
    """A rule whose evidence holds at `scope` (an address, job, provider)."""

    rule: Rule
    scope: str
    evidence: Mapping[str, Any]
    text: str


@attrs.frozen
class Agent:
    """One of the 48, or (isp None) the orchestrator's own host-wide watch."""

    kind: AgentKind
    isp: Isp | None
    label: str = attrs.field(init=False, eq=False, repr=False)  # asked for at every record that something happened in

    @label.default
    def _label(self) -> str:
        return self.isp.value if self.isp else HOST

    def evaluate(self, view: View) -> list[Decision]:
        """Return what this agent wishes now; empty while everything is within what it tolerates."""
        for rule in view.rules[self.kind]:
            if (rule.scope is Scope.HOST) is not (self.isp is None):
                continue
            look = self.test_of(rule)
            found = [finding for scope in self._scopes(rule, view) if (finding := look(scope, view))]
            if found and (wishes := self._attribute(rule, found, view)):
                return wishes
        return []

    def test_of(self, rule: Rule) -> Callable[[str, View], Finding | None]:
        """What looks at an address, job or the provider for a rule's evidence, whoever is to blame for it."""
        scope_type = "ip" if rule.scope is Scope.COLD else rule.scope.value
        return partial(_TESTS[rule.test], rule, self.label, scope_type)

    def quiet_state(self, view: View) -> tuple[str, str]:
        """State and reason of an agent that wishes nothing: what it looks at, and how much of it there is."""
        if self.kind is AgentKind.REPUTATION and self.isp in NO_FEEDBACK:
            if told := view.reported.get(self.label):
                return "watching", f"{100 * told.rate:.2f} % complaints reported for {told.domain} on {told.day}"
            return "no_signal", "this provider reports no complaints; other agents watch it"
        rules = [rule for rule in view.rules[self.kind] if rule.scope is not Scope.HOST]
        where = {rule.scope for rule in rules}
        if where == {Scope.COLD}:
            cold = [ip for ip in view.signals.scopes(self.label, "ip") if ip in view.cold]
            if not cold:
                return "watching", "no mail here from an address that is warming up"
            seen = [view.signals.seen(self.label, "ip", ip, Signal.DEFERRAL, _HOUR_S, view.now) for ip in cold]
            counted = f"{sum(one.x for one in seen)} of {sum(one.n for one in seen)} deferred"
            return "watching", f"{len(cold)} warming address{'es' * (len(cold) > 1)}: {counted} in the last hour"
        watched = dict.fromkeys(rule.signal for rule in rules) or {Signal.BOUNCE: None}
        attempts = view.signals.seen(self.label, "isp", self.label, Signal.ATTEMPT, _HOUR_S, view.now)
        if not attempts.n:
            return "watching", "no attempts in the last hour"
        parts = [self._part(signal, view) for signal in watched]
        levels = [
            100
            * view.signals.statistic(self.label, "isp", self.label, rule.signal)
            // view.signals.level(self.label, "isp", self.label, rule.signal).alarm
            for rule in rules
            if rule.test is Test.CUSUM
        ]
        level = f"; alarm at {max(levels)} % of its level" if levels else ""
        return "watching", f"{', '.join(parts)}{level}"

    def _part(self, signal: Signal, view: View) -> str:
        window = _DAY_S if signal is Signal.COMPLAINT else _HOUR_S
        seen = view.signals.seen(self.label, "isp", self.label, signal, window, view.now)
        return _WATCHED[signal].format(n=seen.n, x=seen.x)

    def _scopes(self, rule: Rule, view: View) -> Collection[str]:
        match rule.scope:
            case Scope.ISP | Scope.HOST:
                return (self.label,)
            case Scope.COLD:
                return [ip for ip in view.signals.scopes(self.label, "ip") if ip in view.cold]
            case Scope.IP:
                return view.signals.scopes(self.label, "ip")
            case Scope.JOB:
                return view.signals.scopes(self.label, "job")

    def _attribute(self, rule: Rule, found: list[Finding], view: View) -> list[Decision]:
        """One address or job: that one. Most of them together: the provider, and nobody is quarantined."""
        if rule.scope is Scope.IP:
            if blocks := [one for one in found if names_netblock(one.evidence)]:
                return [self._slow_down(blocks[0], "a whole netblock is refused", view)]
            sent_from = {one.scope for one in found}
            found = _by_named_address(found, view.signals.scopes(self.label, "ip"))
            blamed = sent_from | {one.scope for one in found}
            active = [
                ip
                for ip in view.signals.scopes(self.label, "ip")
                if view.signals.seen(self.label, "ip", ip, Signal.ATTEMPT, rule.window_s, view.edge).n
            ]
            together = len(found) > 1 and len(found) >= view.blame.wide_share * len(active)
            rest = None
            if rule.test is Test.REPLY and not together:
                rest = company(view.signals, self.label, blamed, rule.replies, rule.window_s, view.edge, view.blame)
            if together or rest is not None:
                many = f"{len(found)} of {len(active)} addresses are refused together"
                if rest is not None:
                    many = f"the other addresses are refused too ({_share(rest)})"
                return [self._slow_down(found[0], many, view)]
        if rule.scope is Scope.ISP and rule.signal is Signal.REFUSAL:
            level = view.signals.level(self.label, "isp", self.label, rule.signal)
            if are_alone(view.signals, self.label, level, view.edge, view.blame):
                return []  # what is said about an address is its own agent's business
        if rule.scope is Scope.JOB and rule.test is Test.REPLY:
            found = [one for one in found if carries(view.signals, self.label, one.scope, rule, view.edge, view.blame)]
        elif rule.scope is Scope.JOB:
            guilty = [one for one in found if self._stands_out(rule, one.scope, view)]
            if not guilty:
                same = (
                    one
                    for one in view.rules[self.kind]
                    if (one.scope, one.test, one.signal) == (Scope.ISP, rule.test, rule.signal)
                )
                wide = next(same, None)
                if wide is None:
                    return []  # a table without the provider's rule leaves it alone
                text = f"{wide.says}: {found[0].text.partition(': ')[2]}"
                blamed_by_all = attrs.evolve(found[0], rule=wide, text=text)
                return [self._wish(blamed_by_all, wide.action, TargetType.ISP, self.label, {}, view)]
            found = guilty[:1]
        return [
            self._wish(
                one,
                rule.action,
                _TARGET[rule.scope],
                view.cold.get(one.scope, one.scope) if rule.scope is Scope.COLD else one.scope,
                rule.parameters,
                view,
            )
            for one in found
        ]

    def _slow_down(self, finding: Finding, why: str, view: View) -> Decision:
        """What is no one address's doing: the provider's rate."""
        finding = attrs.evolve(finding, text=f"{why}, so it is the provider: {finding.text}")
        return self._wish(finding, Action.THROTTLE, TargetType.ISP, self.label, {"factor": 0.5}, view)

    def _stands_out(self, rule: Rule, job: str, view: View) -> bool:
        """Whether it is this job and not the provider: the other jobs do much better here, or it does badly
        elsewhere as well. With nothing to compare it with it is the provider, which stops less."""

        def total(scopes: Iterable[tuple[str, str]]) -> Seen:
            seen = [view.signals.seen(isp, "job", name, rule.signal, 3600, view.edge) for isp, name in scopes]
            return Seen(sum(one.n for one in seen), sum(one.x for one in seen))

        own = total([(self.label, job)])
        here = total((self.label, name) for name in view.signals.scopes(self.label, "job") if name != job)
        if here.n >= view.blame.comparable:
            return here.share * view.blame.stands_out <= own.share
        elsewhere = total((isp, job) for isp in labels() if isp not in (self.label, HOST))
        if elsewhere.n < view.blame.comparable:
            return False
        return elsewhere.share >= view.signals.level(self.label, "job", job, rule.signal).p1

    def _wish(
        self,
        finding: Finding,
        action: Action,
        target_type: TargetType,
        target: str,
        parameters: Mapping[str, Any],
        view: View,
    ) -> Decision:
        return Decision(
            at=view.now,
            until=view.now + finding.rule.lifetime,
            isp=self.isp,
            agent=self.kind,
            action=action,
            target_type=target_type,
            target=target,
            reason=finding.text,
            rule=finding.rule.id,
            evidence=finding.evidence,
            parameters=dict(parameters),
        )


def all_agents() -> tuple[Agent, ...]:
    """The 48, by kind and provider."""
    return tuple(Agent(kind, isp) for kind in AgentKind for isp in Isp)


HOST_WATCH: Final = Agent(AgentKind.EMERGENCY, None)
"""The host-wide emergency rule; owned by the orchestrator, not one of the 48."""


def _figures(rule: Rule, seen: Seen) -> dict[str, Any]:
    return {"n": seen.n, "x": seen.x, "window_s": rule.window_s}


def _cusum(rule: Rule, isp: str, scope_type: str, scope: str, view: View) -> Finding | None:
    if not view.signals.may_alarm(isp, scope_type, scope, rule.signal):
        return None
    level = view.signals.level(isp, scope_type, scope, rule.signal)
    statistic = view.signals.statistic(isp, scope_type, scope, rule.signal)
    if statistic < level.alarm:
        return None
    if rule.replies and _said_in_the_main(rule, isp, scope_type, scope, view) is None:
        return None
    window = _DAY_S if rule.signal is Signal.COMPLAINT else _HOUR_S  # complaints come late
    seen = view.signals.seen(isp, scope_type, scope, rule.signal, window, view.edge)
    fresh = view.signals.seen(isp, scope_type, scope, rule.signal, _HOUR_S if window == _DAY_S else _FRESH_S, view.edge)
    if seen.x < max(1, rule.at_least) or not fresh.x:  # S stands still while no mail goes out: that says nothing new
        return None
    figures = {
        "n": seen.n,
        "x": seen.x,
        "window_s": window,
        "p0": level.p0,
        "p1": level.p1,
        "S": statistic,
        "H": level.alarm,
        "arl0": level.arl0,
    }
    since = "day" if window == _DAY_S else "hour"
    return Finding(
        rule, scope, figures, f"{rule.says}: {_share(seen)} in the last {since}, alarm {statistic} of {level.alarm}"
    )


def _share_test(rule: Rule, isp: str, scope_type: str, scope: str, view: View) -> Finding | None:
    if view.signals.happened(isp, scope_type, scope, rule.signal, rule.window_s, view.edge) < rule.at_least:
        return None
    seen = view.signals.seen(isp, scope_type, scope, rule.signal, rule.window_s, view.edge)
    if not _stands_above(seen, rule):
        return None
    figures = _figures(rule, seen) | {"lower": round(wilson_lower(seen.x, seen.n, rule.z), 5), "limit": rule.limit}
    return Finding(rule, scope, figures, f"{rule.says}: {_share(seen)} in {rule.window_s // 60} minutes")


def _said_in_the_main(rule: Rule, isp: str, scope_type: str, scope: str, view: View) -> dict[str, int] | None:
    """Recipients by reply of a rule's classes; None if what is not accepted is refused for another reason mainly."""
    said = view.signals.replies(isp, scope_type, scope, view.edge)
    matching = {name: count for name, (kind, count) in said.items() if kind in rule.replies}
    about_mail = sum(count for kind, count in said.values() if kind not in _ABOUT_ADDRESS)
    return matching if matching and 2 * sum(matching.values()) >= about_mail else None


def _reply(rule: Rule, isp: str, scope_type: str, scope: str, view: View) -> Finding | None:
    # A busy stream always holds a few unrelated refusals; they must be a share worth acting on.
    seen = view.signals.seen(isp, scope_type, scope, Signal.ATTEMPT, rule.window_s, view.edge)
    if not _stands_above(seen, rule):
        return None
    matching = _said_in_the_main(rule, isp, scope_type, scope, view)
    if matching is None:
        return None
    name = max(matching, key=lambda key: (matching[key], key))
    if rule.scope is Scope.JOB and matching[name] < REPLIES_KEPT:  # nothing else that was said is known by job
        seen = Seen(seen.n, min(seen.x, matching[name]))
    if matching[name] < rule.at_least or not _stands_above(seen, rule):
        return None
    names, value = view.signals.names(isp, scope_type, scope, name)
    named, whom = named_in(names, value or (scope if (names, scope_type) == ("ip", "ip") else ""))
    said = name.partition(":")[0]
    figures = _figures(rule, seen) | {"reply_rule": said, "recipients": matching[name]} | named
    who = f"{said}, {matching[name]} recipients{whom}"
    minutes = rule.window_s // 60
    return Finding(rule, scope, figures, f"{rule.says} ({who}): {_share(seen)} not accepted in {minutes} minutes")


def _by_named_address(found: list[Finding], ours: list[str]) -> list[Finding]:
    """Findings about the addresses that their replies name; one for each of these."""
    named = [attrs.evolve(one, scope=address_of(one.evidence, one.scope, ours)) for one in found]
    return list({one.scope: one for one in reversed(named)}.values())[::-1]


def _silence(rule: Rule, isp: str, scope_type: str, scope: str, view: View) -> Finding | None:
    if view.signals.happened(isp, scope_type, scope, rule.signal, rule.window_s, view.edge) < rule.at_least:
        return None
    refused = view.signals.seen(isp, scope_type, scope, rule.signal, rule.window_s, view.edge)
    attempts = view.signals.seen(isp, scope_type, scope, Signal.ATTEMPT, rule.window_s, view.edge)
    if attempts.n > attempts.x:
        return None
    return Finding(rule, scope, _figures(rule, refused), f"{rule.says}: {refused.x} in {rule.window_s // 60} minutes")


def _reported(rule: Rule, isp: str, scope_type: str, scope: str, view: View) -> Finding | None:
    told = view.reported.get(isp)
    if told is None or told.rate <= rule.limit:
        return None
    figures: dict[str, Any] = {"rate": told.rate, "limit": rule.limit, "day": told.day.isoformat()}
    return Finding(rule, scope, figures, f"{rule.says}: {100 * told.rate:.2f} % on {told.day} for {told.domain}")


def _together(rule: Rule, isp: str, scope_type: str, scope: str, view: View) -> Finding | None:
    turned_away: dict[str, Seen] = {}
    with_mail = told = 0
    for one in Isp:
        seen = view.signals.seen(one.value, "isp", one.value, Signal.ATTEMPT, rule.window_s, view.edge)
        with_mail += bool(seen.n)
        said = view.signals.replies(one.value, "isp", one.value, view.edge)
        recipients = sum(count for kind, count in said.values() if kind in rule.replies)
        if recipients >= _TOLD and wilson_lower(seen.x, seen.n, rule.z) > rule.limit:
            turned_away[one.value] = seen
            told += recipients
    if len(turned_away) < rule.at_least or len(turned_away) < view.blame.wide_share * with_mail:
        return None
    total = Seen(sum(one.n for one in turned_away.values()), sum(one.x for one in turned_away.values()))
    figures = _figures(rule, total) | {"recipients": told, "providers": len(turned_away)}
    names = ", ".join(Isp(label).shown for label in turned_away)
    return Finding(rule, scope, figures, f"{rule.says}: {_share(total)} not accepted at {names}")


def _stands_above(seen: Seen, rule: Rule) -> bool:
    """Whether the Wilson bound of a share lies above the rule's limit; it never does if the share itself does not."""
    return seen.x > rule.limit * seen.n and wilson_lower(seen.x, seen.n, rule.z) > rule.limit


def _share(seen: Seen) -> str:
    return f"{seen.x} of {seen.n} ({100 * seen.share:.1f} %)"


_TESTS: Final[Mapping[Test, Callable[[Rule, str, str, str, View], Finding | None]]] = {
    Test.CUSUM: _cusum,
    Test.SHARE: _share_test,
    Test.REPLY: _reply,
    Test.SILENCE: _silence,
    Test.TOGETHER: _together,
    Test.REPORTED: _reported,
}


_WATCHED: Final[Mapping[Signal, str]] = {
    Signal.DEFERRAL: "{x} of {n} first attempts deferred in the last hour",
    Signal.BOUNCE: "{x} of {n} first attempts met dead addresses in the last hour",
    Signal.REFUSAL: "{x} of {n} first attempts refused for reasons of ours in the last hour",
    Signal.COMPLAINT: "{x} complaints about {n} delivered in a day",
    Signal.ATTEMPT: "{x} of {n} attempts not accepted in the last hour",
    Signal.CONNECTION: "{x} connections refused in the last hour",
}


def labels() -> Iterator[str]:
    """Every provider label that signals are kept under, the host included."""
    yield from (isp.value for isp in Isp)
    yield from (ELSEWHERE, HOST)
