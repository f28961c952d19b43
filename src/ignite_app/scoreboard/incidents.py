"""Incidents at a host of four addresses, eight providers and three jobs, seen only through outcomes.

Decides how each incident looks in the log and what the right first action is. The deciding is the product's own:
`SignalProcessor`, the 48 agents and the host watch, `Orchestrator`; nothing acts on the world, so the first action
is what is scored. Every number is invented and seeded; the weather before an incident is that of an ordinary day.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs

from ignite_app.scoreboard.constants import Constants
from ignite_domain.governance.agents import HOST_WATCH, View, all_agents
from ignite_domain.governance.observed import Outcome, OutcomeKind
from ignite_domain.governance.orchestrator import Orchestrator
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.words import STANDING, Action, Decision, Mode, TargetType
from ignite_domain.isps import Isp

START: Final = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
IPS: Final = ("192.0.2.11", "192.0.2.12", "192.0.2.13", "192.0.2.14")
JOBS: Final = ("c1", "c2", "c3")
CALM_MINUTES: Final = (60, 180)
INCIDENT_MINUTES: Final = 180
COMPLAINT_MINUTES: Final = 480
"""Complaints come late: half of them an hour after the delivery."""
FEEDBACK: Final = (Isp.YAHOO, Isp.MICROSOFT, Isp.COMCAST, Isp.CHARTER)
"""Providers that report complaints to us."""
GUEST: Final = Isp.COX
"""A brand whose mail may run in another's queues, as it does where both have one MX."""
RESTRICTING: Final = frozenset(
    {
        *(Action.THROTTLE, Action.BACKOFF, Action.PAUSE_JOB, Action.PAUSE_QUEUE, Action.QUARANTINE_IP),
        *(Action.DISABLE_SOURCE, Action.EMERGENCY_HALT),
    }
)


@attrs.frozen
class Scene:
    """One drawn host: attempts an hour of each provider, dead share of each job, and what will go wrong."""

    dice: random.Random
    per_hour: Mapping[Isp, int]
    dead: Mapping[str, float]
    isp: Isp
    ip: str
    job: str
    severity: float
    begins: int  # minute


Twist = Callable[[Scene, Outcome], Outcome]
"""What the incident makes of an outcome that would have been `Outcome` on an ordinary day."""


@attrs.frozen
class Incident:
    """`right`: (target type, target) of a good first action, by scene; empty strings match any target."""

    name: str
    twist: Twist
    right: Callable[[Scene], Sequence[tuple[TargetType, str]]]
    severity: tuple[float, float]
    isps: Sequence[Isp] = tuple(Isp)
    annoys: Callable[[Scene, Outcome], bool] | None = None  # whose readers complain
    guest: Isp | None = None  # whose mail runs in `isps`' queues, whatever the weather
    marked: bool = True  # False: so little mail that no alarm could see it in time; published without a target


def bad(
    one: Outcome,
    kind: OutcomeKind,
    reply_kind: str,
    rule: str,
    *,
    address_fault: bool = False,
    about_us: bool = False,
) -> Outcome:
    return attrs.evolve(
        one, kind=kind, reply_kind=reply_kind, reply_rule=rule, address_fault=address_fault, about_us=about_us
    )


def _dead_job(scene: Scene, one: Outcome) -> Outcome:
    if one.job == scene.job and scene.dice.random() < scene.severity:
        return bad(one, OutcomeKind.BOUNCED, "invalid", "unknown-user", address_fault=True)
    return one


def _bad_ip(scene: Scene, one: Outcome) -> Outcome:
    if one.ip == scene.ip and one.isp is scene.isp and scene.dice.random() < scene.severity:
        return bad(one, OutcomeKind.BOUNCED, "reputation", "ip-reputation", about_us=True)
    return one


def _blocked(scene: Scene, one: Outcome) -> Outcome:
    if one.isp is scene.isp and scene.dice.random() < scene.severity:
        return bad(one, OutcomeKind.BOUNCED, "reputation", "ip-reputation", about_us=True)
    return one


def _dead_at_the_guest(scene: Scene, one: Outcome) -> Outcome:
    return _dead_job(scene, one) if one.isp is GUEST else one


def _busy_provider(scene: Scene, one: Outcome) -> Outcome:
    if one.isp is scene.isp and scene.dice.random() < scene.severity:
        return bad(one, OutcomeKind.DEFERRED, "load", "busy")
    return one


def _authentication(scene: Scene, one: Outcome) -> Outcome:
    if scene.dice.random() < scene.severity:
        return bad(one, OutcomeKind.BOUNCED, "auth", "unauthenticated", about_us=True)
    return one


def _dns(scene: Scene, one: Outcome) -> Outcome:
    if scene.dice.random() < scene.severity:
        return bad(one, OutcomeKind.DEFERRED, "routing", "no-answer-from-dns")
    return one


def _stated_rate(scene: Scene, one: Outcome) -> Outcome:
    if one.isp is scene.isp and scene.dice.random() < scene.severity:
        return bad(one, OutcomeKind.DEFERRED, "rate_limit", "stated-rate-limit")
    return one


def _accepted(scene: Scene, one: Outcome) -> Outcome:
    return one  # what follows is drawn with the delivery


INCIDENTS: Final = (
    Incident("one bad job", _dead_job, lambda s: [(TargetType.JOB, s.job)], (0.10, 0.35)),
    Incident("one bad address", _bad_ip, lambda s: [(TargetType.IP, s.ip)], (0.4, 1.0)),
    Incident("a provider blocks all addresses", _blocked, lambda s: [(TargetType.ISP, s.isp.value)], (0.5, 1.0)),
    Incident(
        "one bad job at a steered brand",
        _dead_at_the_guest,
        lambda s: [(TargetType.JOB, s.job)],
        (0.35, 0.6),
        (Isp.YAHOO,),
        guest=GUEST,
    ),
    Incident("a provider defers", _busy_provider, lambda s: [(TargetType.ISP, s.isp.value)], (0.35, 0.9)),
    Incident("our authentication", _authentication, lambda s: [(TargetType.HOST, "")], (0.6, 1.0)),
    Incident("our DNS", _dns, lambda s: [(TargetType.HOST, "")], (0.6, 1.0)),
    Incident("a stated rate limit", _stated_rate, lambda s: [(TargetType.ISP, s.isp.value)], (0.25, 0.9)),
    Incident(
        "complaints about a job",
        _accepted,
        lambda s: [(TargetType.JOB, s.job)],
        (0.005, 0.02),
        FEEDBACK,
        lambda s, one: one.job == s.job,
    ),
    Incident(
        "complaints about an address",
        _accepted,
        lambda s: [(TargetType.IP, s.ip)],
        (0.01, 0.04),
        FEEDBACK,
        lambda s, one: one.isp is s.isp and one.ip == s.ip,
        marked=False,
    ),
)


def draw(incident: Incident, seed: int) -> Scene:
    """The host of a seed; the incident hits one of its providers, addresses and jobs."""
    dice = random.Random(f"{incident.name} {seed}")
    per_hour = {isp: dice.choice((60, 120, 300, 600, 1200)) for isp in Isp}
    dead = {job: dice.uniform(0.004, 0.02) for job in JOBS}
    hit = dice.choice(list(incident.isps))
    if incident.guest is not None:  # the queues are the host's, who has most of the mail in them
        per_hour[hit] = max(per_hour[hit], 2 * per_hour[incident.guest])
    return Scene(
        dice,
        per_hour,
        dead,
        hit,
        dice.choice(IPS),
        dice.choice(JOBS),
        dice.uniform(*incident.severity),
        dice.randrange(*CALM_MINUTES),
    )


def minutes(incident: Incident | None, scene: Scene) -> Iterator[list[Outcome]]:
    """The outcomes of each minute in order; `incident` None: an ordinary day."""
    dice = scene.dice
    late: dict[int, list[Outcome]] = {}
    number = 0
    lasts = COMPLAINT_MINUTES if incident and incident.annoys else INCIDENT_MINUTES
    for minute in range(scene.begins + lasts):
        hit = incident if minute >= scene.begins else None
        found: list[Outcome] = []
        for isp, per_hour in scene.per_hour.items():
            expected = per_hour / 60
            for _ in range(int(expected) + (dice.random() < expected % 1)):
                number += 1
                at = START + timedelta(minutes=minute, seconds=dice.randrange(60))
                one = _ordinary(scene, isp, number, at)
                if incident is not None and isp is incident.guest:
                    one.queue = f"{scene.isp.value}.com/mta"
                if hit is not None:
                    one = hit.twist(scene, one)
                found.append(one)
                if one.kind is OutcomeKind.DELIVERED and isp in FEEDBACK:
                    blamed = hit is not None and hit.annoys is not None and hit.annoys(scene, one)
                    if dice.random() < (scene.severity if blamed else 0.0003):
                        delay = min(dice.lognormvariate(4.1, 1.0), 10_000)  # minutes, median an hour
                        complaint = attrs.evolve(one, kind=OutcomeKind.COMPLAINED, first=False)
                        complaint.at = at + timedelta(minutes=delay)
                        late.setdefault(minute + 1 + int(delay), []).append(complaint)
        found += late.pop(minute, [])
        yield sorted(found, key=lambda one: one.at)


def _ordinary(scene: Scene, isp: Isp, number: int, at: datetime) -> Outcome:
    dice = scene.dice
    job = dice.choice(JOBS)
    one = Outcome(
        at, isp, OutcomeKind.DELIVERED, dice.choice(IPS), job, f"{isp.value}.com/mta", f"r{number}", first=True
    )
    roll = dice.random()
    if roll < scene.dead[job]:
        return bad(one, OutcomeKind.BOUNCED, "invalid", "unknown-user", address_fault=True)
    if roll < scene.dead[job] + 0.015:
        return bad(one, OutcomeKind.DEFERRED, "load", "busy")
    if roll < scene.dead[job] + 0.018:
        return bad(one, OutcomeKind.BOUNCED, "policy", "policy", about_us=True)
    return one


@attrs.frozen
class Story:
    """What was carried out first after the incident began: the action with its target, and how late. None: nothing."""

    first: Decision | None
    minutes: float | None
    before: int  # restrictions while nothing was wrong


def counting() -> SignalProcessor:
    """Signals of a host with nothing counted yet."""
    return SignalProcessor(complaint_median=timedelta(hours=1))


class Looking:
    """The product's deciding over what it is told; nothing that is decided is carried out.

    `signals`: of somebody who counts for several that look at the same mail, each by `constants` of its own.
    """

    def __init__(self, signals: SignalProcessor | None = None, constants: Constants | None = None) -> None:
        self.signals = signals or counting()
        self._constants = constants or Constants()
        self._orchestrator = Orchestrator(lambda kind, isp: Mode.ACT, dwell=self._constants.dwell)
        self._agents = [one for one in (*all_agents(), HOST_WATCH) if self._constants.rules[one.kind]]
        self._standing: list[Decision] = []

    def minute(self, outcomes: Sequence[Outcome], now: datetime) -> list[Decision]:
        """Hear a minute's outcomes, in order of time, and look at its end `now`; returns what is decided to stand."""
        self.signals.observe(outcomes)
        return self.look(now)

    def look(self, now: datetime) -> list[Decision]:
        """Look at what has been counted up to `now`."""
        view = View(self.signals, {}, now, rules=self._constants.rules, blame=self._constants.blame)
        wishes = [wish for agent in self._agents for wish in agent.evaluate(view)]
        if not wishes:
            return []
        settled = self._orchestrator.settle(wishes, self._standing, self.signals, now)
        new = [
            attrs.evolve(one, id=len(self._standing) + place)
            for place, (one, _, _) in enumerate(settled.decisions, start=1)
        ]
        self._standing += new
        return [one for one in new if one.status in STANDING]


def watch(incident: Incident | None, scene: Scene) -> Story:
    """Let the agents look once a minute until the first restriction after the incident began."""
    looking = Looking()
    begins = START + timedelta(minutes=scene.begins)
    before = 0
    for minute, outcomes in enumerate(minutes(incident, scene)):
        now = START + timedelta(minutes=minute + 1)
        for decision in looking.minute(outcomes, now):
            if decision.action in RESTRICTING:
                if now > begins:
                    return Story(decision, (now - begins) / timedelta(minutes=1), before)
                before += 1
    return Story(None, None, before)


def measure_one(number: int, seeds: Sequence[int]) -> dict[str, Any]:
    """Of `INCIDENTS[number]`: share seen in time, share whose first action has the right scope, and how late.

    `marked`: whether the targets count it. `wrong`: up to five first actions at another scope.
    """
    incident = INCIDENTS[number]
    stories = [(scene := draw(incident, seed), watch(incident, scene)) for seed in seeds]
    seen = [(scene, story) for scene, story in stories if story.first is not None]
    delays = sorted(story.minutes or 0.0 for _, story in seen)
    wrong = [
        f"{story.first.action} {story.first.target_type} {story.first.target} ({story.first.rule})"
        for scene, story in seen
        if story.first and not matches(story.first, incident.right(scene))
    ]
    return {
        "incident": incident.name,
        "runs": len(stories),
        "seen": len(seen) / len(stories),
        "right_scope": (len(seen) - len(wrong)) / len(stories),
        "median_minutes": delays[len(delays) // 2] if delays else None,
        "before": sum(story.before for _, story in stories),
        "marked": incident.marked,
        "wrong": wrong[:5],
    }


def ordinary(seeds: Sequence[int]) -> dict[str, Any]:
    """Restrictions on days on which nothing is wrong (hosts of the first incident's seeds, without it): all before the
    incident would have begun, and the first one after that. `agent_months`: of the 48 in all."""
    scenes = [draw(INCIDENTS[0], seed) for seed in seeds]
    stories = [watch(None, scene) for scene in scenes]
    watched = sum(scene.begins + INCIDENT_MINUTES for scene in scenes)
    return {
        "days": len(stories),
        "restrictions": sum(story.before + (story.first is not None) for story in stories),
        "agent_months": 48 * watched / (30 * 1440),
    }


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The rows as a Markdown table, with what `people` found of each."""
    lines = [
        "| incident | seen % | right scope % | minutes, median | before it began "
        "| wrongly suppressed, of refused people | suppressed, of dead addresses |",
        "|---" * 7 + "|",
    ]
    for row in rows:
        median = "–" if row["median_minutes"] is None else f"{row['median_minutes']:.0f}"
        name = row["incident"] if row["marked"] else f"{row['incident']} (no target)"
        lines.append(
            f"| {name} | {100 * row['seen']:.0f} | {100 * row['right_scope']:.0f} | {median} | {row['before']} "
            f"| {row['wrongly_suppressed']:,} of {row['refused']:,} | {row['suppressed']:,} of {row['dead']:,} |"
        )
    return lines


def matches(decision: Decision, right: Sequence[tuple[TargetType, str]]) -> bool:
    return any(decision.target_type is kind and target in ("", decision.target) for kind, target in right)
