"""`Stops`: how often a halt, pause, suspension, quarantine or backoff comes and goes, and how often it had a reason to.

Decides what one stop is (what it does, and where), what counts as entering and leaving, and which changes of the world
give it a reason: an incident that begins or ends where it holds, and a brand that moves to another's MX. A probe is no
leaving: what it probes stands until it is released. Whether a stop was right is judged in `judge`.
"""

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from ignite_app.scoreboard.twin.scene import IPS, JOBS, VMTAS, Incident
from ignite_app.scoreboard.twin.world import Levers, World
from ignite_domain.governance.words import STANDING, Action, Decision, TargetType
from ignite_domain.isps import Isp

STOPPING: Final = frozenset(
    {
        *(Action.EMERGENCY_HALT, Action.PAUSE_QUEUE, Action.PAUSE_JOB, Action.DISABLE_SOURCE),
        *(Action.QUARANTINE_IP, Action.BACKOFF),
    }
)
_NAMES: Final = tuple(VMTAS)


class Stop(NamedTuple):
    """One stream's stop; None: at all of them."""

    action: str
    limiter: Isp | None
    ip: int | None = None
    job: int | None = None


class Switched(NamedTuple):
    """How often a stop was entered or left in a day, and the changes of the world that concern it."""

    switches: int
    changes: int


def of_decisions(standing: Iterable[Decision]) -> frozenset[Stop]:
    """The stops that decisions in force hold."""
    return frozenset(_stop(one) for one in standing if one.action in STOPPING and one.status in STANDING)


def _stop(one: Decision) -> Stop:
    match one.target_type:
        case TargetType.JOB:
            return Stop(one.action, None, job=JOBS.index(one.target))
        case TargetType.IP:
            return Stop(one.action, one.isp, ip=IPS.index(one.target))
        case TargetType.VMTA:
            return Stop(one.action, one.isp, ip=_NAMES.index(one.target))
        case TargetType.QUEUE:
            vmta = one.target.partition("/")[2]
            return Stop(one.action, one.isp, ip=_NAMES.index(vmta) if vmta in _NAMES else None)
        case _:
            return Stop(one.action, one.isp)


def of_levers(levers: Levers) -> frozenset[Stop]:
    """The same of a policy that makes no decisions: what stands still."""
    return frozenset(
        {
            *(Stop("pause", limiter, ip=ip) for limiter, ip in levers.paused),
            *(Stop("pause", None, job=job) for job in levers.jobs),
        }
    )


class Stops:
    """Call `look` once a minute with the stops in force; `found` then tells of each that was ever entered."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._holding: frozenset[Stop] = frozenset()
        self._switches: dict[Stop, int] = {}

    def look(self, holding: Collection[Stop]) -> None:
        now = frozenset(holding)
        for stop in now ^ self._holding:
            self._switches[stop] = self._switches.get(stop, 0) + 1
        self._holding = now

    def found(self) -> list[Switched]:
        return [Switched(count, self._changes(stop)) for stop, count in self._switches.items()]

    def _changes(self, stop: Stop) -> int:
        scene, count = self._world.scene, 0
        for one in scene.incidents:
            if _concerns(one, stop):
                count += (one.begin < scene.minutes) + (self._world.end_of(one) < scene.minutes)
        moves = scene.moves_at is not None and scene.moves_at < scene.minutes
        return count + (moves and stop.job is None and stop.limiter in (None, Isp.COX, Isp.YAHOO))


def _concerns(one: Incident, stop: Stop) -> bool:
    if stop.job is not None:
        return one.job == stop.job
    return one.limiter in (None, stop.limiter) or stop.limiter is None
