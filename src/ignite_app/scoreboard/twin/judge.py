"""`Judge`: what a policy's levers did, held against the truth that it could not see.

Decides the columns, by levers and hidden state alone, so that every policy is judged by the same. Definitions:

- action: a limiter none of whose queues was restricted gets a restricted one, or a job is paused. False if nothing in
  the last hour called for it: fewer than 5 % of the limiter's attempts (and fewer than 10) were refused for our doing
  or an incident's, no address was worn down, no list was bad or annoying in the last eight hours.
- detection: minutes from an incident's beginning until what may be sent has come down where its mail goes: at its
  limiter, its queue, its job; for a job's and for our own faults also at half of the limiters. Missed if not before
  its end. A bad message is one that was refused by the incident, dead on its list, or sent from an annoying one.
- recovery: minutes from the end of an incident about a limiter until it may be sent 0.9 of its mean demand (six hours
  at most); the largest of its limiters for one about the host.
- step: a minute in which one of a limiter's queues changed its rate; reload: a minute in which any did. Of the steps
  also the most that one limiter had in a clock hour and in the day. Flap: a limiter's restriction that comes back
  within an hour after it was lifted whole.
"""

from typing import Final

import attrs

from ignite_app.scoreboard.twin.scene import BRANDS, IPS, PER_MINUTE, SCOPED_TO_LIMITER, Incident, Kind, Scene
from ignite_app.scoreboard.twin.texts import Why
from ignite_app.scoreboard.twin.world import BASE, Levers, Row, World
from ignite_domain.isps import Isp

AGENTS: Final = 6 * len(BRANDS)
LONGEST_RECOVERY: Final = 360
ASKED_FOR: Final = frozenset({Kind.BAD_LIST, Kind.ANNOYING})


@attrs.define
class Found:
    """What became of one incident."""

    kind: str
    delay: int | None = None
    bad: int = 0
    recovery: int | None = None
    covered: bool = False  # by a restriction that stood already
    _before: dict[Isp, float] = attrs.field(factory=dict)
    restricted: bool = False


@attrs.define
class Verdict:
    """Counts of a day."""

    actions: int = 0
    false: int = 0
    steps: int = 0
    reloads: int = 0
    flaps: int = 0
    steps_an_hour: int = 0  # the most of one limiter
    steps_a_day: int = 0
    found: list[Found] = attrs.field(factory=list)


class Judge:
    """Call `look` once a minute, after the world's step, with the levers before and after the policy's answer."""

    def __init__(self, scene: Scene, world: World) -> None:
        self.world = world
        self.scene = scene
        self.verdict = Verdict()
        self._found: dict[Incident, Found] = {}
        self._attempts: dict[Isp, list[tuple[int, int, int]]] = {limiter: [] for limiter in BRANDS}
        self._lifted: dict[Isp, int] = {}
        self._steps: dict[tuple[Isp, int], int] = {}  # by limiter and clock hour

    def look(self, minute: int, rows: list[Row], before: Levers, after: Levers) -> None:
        for limiter in BRANDS:
            sent = sum(1 for row in rows if row.limiter is limiter and row.kind != "f")
            blamed = sum(count for (at, _), count in self.world.blamed.items() if at is limiter)
            lately = self._attempts[limiter]
            lately.append((minute, sent, blamed))
            while lately[0][0] <= minute - 60:
                lately.pop(0)
        self._incidents(minute, rows, before, after)
        self._levers(minute, before, after)

    def _levers(self, minute: int, before: Levers, after: Levers) -> None:
        verdict, changed = self.verdict, False
        for limiter in BRANDS:
            queues = [(limiter, ip) for ip in range(len(IPS))]
            steps = sum(abs(before.rate(queue) - after.rate(queue)) > 1e-9 for queue in queues)
            if steps:
                changed = True
                self._step(limiter, minute)
            was, now = before.permitted(limiter) < BASE * len(IPS), after.permitted(limiter) < BASE * len(IPS)
            if now and not was:
                self._action(not self._called_for(limiter, minute))
                if minute - self._lifted.get(limiter, -1000) <= 60:
                    verdict.flaps += 1
            if was and not now:
                self._lifted[limiter] = minute
        for job in after.jobs - before.jobs:
            self._action(not self._list(minute, job))
        verdict.reloads += changed

    def _step(self, limiter: Isp, minute: int) -> None:
        verdict, steps = self.verdict, self._steps
        verdict.steps += 1
        steps[limiter, minute // 60] = steps.get((limiter, minute // 60), 0) + 1
        verdict.steps_an_hour = max(verdict.steps_an_hour, steps[limiter, minute // 60])
        verdict.steps_a_day = max(verdict.steps_a_day, sum(count for (at, _), count in steps.items() if at is limiter))

    def _action(self, false: bool) -> None:
        self.verdict.actions += 1
        self.verdict.false += false

    def _called_for(self, limiter: Isp, minute: int) -> bool:
        sent = sum(part[1] for part in self._attempts[limiter])
        blamed = sum(part[2] for part in self._attempts[limiter])
        if blamed >= 10 or blamed > 0.05 * sent:
            return True
        if any(self.world.limiters[limiter].spoilt(ip) for ip in range(len(IPS))):
            return True
        return self._list(minute, None)

    def _list(self, minute: int, job: int | None) -> bool:
        return any(
            one.begin <= minute < self.world.end_of(one) + 480 and (job is None or one.job == job)
            for one in self.scene.incidents
            if one.kind in ASKED_FOR
        )

    def _incidents(self, minute: int, rows: list[Row], before: Levers, after: Levers) -> None:
        for one in self.scene.incidents:
            if minute < one.begin:
                continue
            found = self._found.get(one)
            if found is None:
                found = self._found[one] = Found(one.kind.value)
                found._before = {limiter: self._reach(one, limiter, before) for limiter in self._places(one)}
                self.verdict.found.append(found)
                if all(value == 0 for value in found._before.values()) or self._paused(one, before):
                    found.delay, found.covered = 0, True
            running = self.world.runs(one, minute)
            if running and found.delay is None:
                found.bad += sum(_is_bad(one, row) for row in rows)
                if self._came_down(one, found, after):
                    found.delay = minute + 1 - one.begin
            found.restricted = found.restricted or (running and found.delay is not None)
            if not running and found.recovery is None and one.kind not in ASKED_FOR:
                self._recover(one, found, minute, after)

    def _recover(self, one: Incident, found: Found, minute: int, after: Levers) -> None:
        passed = minute - self.world.end_of(one)
        whole = all(after.permitted(limiter) >= 0.9 * PER_MINUTE[limiter] for limiter in self._places(one))
        if one.kind is Kind.BLOCKED and one.limiter is not None and one.ip is not None:
            whole = after.rate((one.limiter, one.ip)) >= 0.9 * PER_MINUTE[one.limiter] / len(IPS)
        if whole or passed >= LONGEST_RECOVERY or minute == self.scene.minutes - 1:
            found.recovery = min(passed, LONGEST_RECOVERY)

    def _places(self, one: Incident) -> list[Isp]:
        return [one.limiter] if one.limiter is not None else list(BRANDS)

    def _reach(self, one: Incident, limiter: Isp, levers: Levers) -> float:
        if one.kind is Kind.BLOCKED and one.ip is not None:
            return levers.rate((limiter, one.ip))
        return levers.permitted(limiter)

    def _paused(self, one: Incident, levers: Levers) -> bool:
        return one.job is not None and one.job in levers.jobs

    def _came_down(self, one: Incident, found: Found, after: Levers) -> bool:
        if self._paused(one, after):
            return True
        down = [self._reach(one, limiter, after) < 0.9 * value for limiter, value in found._before.items()]
        if one.kind in SCOPED_TO_LIMITER or one.kind is Kind.BLOCKED:
            return any(down)
        return sum(down) >= 0.5 * len(down)


_WHYS: Final = {
    Kind.LESS: (Why.PRESSURE, Why.CLOSED),
    Kind.CLOSED: (Why.CLOSED,),
    Kind.BLOCKED: (Why.BLOCKED,),
    Kind.BUSY: (Why.BUSY,),
    Kind.AUTH: (Why.AUTH,),
    Kind.BAD_LIST: (Why.DEAD,),
    Kind.ANNOYING: (),
}


def _is_bad(one: Incident, row: Row) -> bool:
    if one.job is not None and row.job != one.job:
        return False
    if one.limiter is not None and row.limiter is not one.limiter:
        return False
    return row.why in _WHYS[one.kind] or (one.kind is Kind.ANNOYING and row.kind == "d")
