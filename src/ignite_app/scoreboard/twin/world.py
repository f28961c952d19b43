"""`World`: one minute of a host after the other, under whatever levers a policy has set.

Decides what is sent of what waits, what becomes of it, and what the accounting says about it. A restriction changes
what is sent next, and with it the hidden state. Fresh mail is bound to an address when it is first tried; a deferred
message comes back to the same one after ten minutes. Demand, capacity and dice are the scene's.
"""

import random
from collections.abc import Iterator
from typing import Final, NamedTuple

import attrs

from ignite_app.scoreboard.twin.limiters import Busy, Limiter, Quota, Reputation
from ignite_app.scoreboard.twin.scene import (
    BRANDS,
    FEEDBACK,
    IPS,
    JOBS,
    KINDS,
    MODEL,
    Incident,
    Kind,
    Scene,
    quantile,
)
from ignite_app.scoreboard.twin.texts import FOR_GOOD, Why
from ignite_domain.isps import Isp

BASE: Final = 30.0
"""Messages a minute of an unrestricted queue: about four times what it needs on average."""
RETRY: Final = 10
WITHDRAWN: Final = 30
"""Minutes that a job stands still until a person has looked and taken the list out."""
FIXED: Final = 20
"""Minutes that the host stands still until a person has mended the authentication."""
MORE_STOPPED: Final = 0.5
"""A fault that shows everywhere is noticed by a person once mail stands still at so many of the providers."""

Queue = tuple[Isp, int]
"""A limiter's queue for one of our addresses."""
_SHED, _DEAD, _POLICY, _UNRELATED, _COMPLAINT = (
    KINDS.index(name) for name in ("shed", "dead", "policy", "unrelated", "complaint")
)


@attrs.define
class Levers:
    """All that a policy can do: `rates` (messages a minute; others are `BASE`), paused queues, and paused jobs."""

    rates: dict[Queue, float] = attrs.field(factory=dict)
    paused: set[Queue] = attrs.field(factory=set)
    jobs: set[int] = attrs.field(factory=set)

    def rate(self, queue: Queue) -> float:
        return 0.0 if queue in self.paused else min(BASE, self.rates.get(queue, BASE))

    def permitted(self, limiter: Isp) -> float:
        """Messages a minute that may go to a limiter, all queues together."""
        return sum(self.rate((limiter, ip)) for ip in range(len(IPS)))

    def copy(self) -> "Levers":
        return Levers(dict(self.rates), set(self.paused), set(self.jobs))


class Row(NamedTuple):
    """One line of accounting: `kind` d, t, b or f; `why` what no policy sees but by its text; `second` of the day."""

    second: int
    kind: str
    brand: Isp
    limiter: Isp
    ip: int
    job: int
    why: Why | None
    attempt: int  # 1, 2, or 3 for all later ones; 0 for a complaint
    number: int


@attrs.define
class Sums:
    """What came of a day. `good` is mail that nobody wanted to stop, by brand."""

    good: dict[Isp, int] = attrs.field(factory=lambda: dict.fromkeys(BRANDS, 0))
    accepted: int = 0
    refused: int = 0
    lost: int = 0  # refused for good although the mailbox exists
    waited: float = 0.0  # message-minutes of good mail
    bad_sent: int = 0  # messages of a bad or annoying list that were tried


class World:
    """`step` plays a minute under the levers in force and returns its rows in order of time."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.sums = Sums()
        self.fresh: dict[tuple[Isp, int], list[int]] = {(brand, job): [0, 0] for brand in BRANDS for job in _JOBS}
        self.again: dict[tuple[Isp, int, int, int], list[int]] = {}
        self._due: dict[int, list[tuple[Isp, int, int, int, int, int]]] = {}
        self._tokens: dict[Queue, float] = {}
        self._late: dict[int, list[tuple[Isp, int, int]]] = {}
        self._number = 0
        self.stood: dict[Incident, int] = {}
        self.over: dict[Incident, int] = {}  # ended by a person, when
        self.blamed: dict[Queue, int] = {}  # this minute's refusals that are our doing or an incident's
        self.limiters: dict[Isp, Limiter] = {}
        for brand in BRANDS:
            if MODEL[brand] == "reputation":
                self.limiters[brand] = Reputation(scene.path[brand], scene.reputation[brand])
            elif MODEL[brand] == "quota":
                self.limiters[brand] = Quota(scene.path[brand], len(IPS))
            else:
                self.limiters[brand] = Busy(scene.path[brand])

    # -- the truth, for the oracle and for whoever judges

    def end_of(self, incident: Incident) -> int:
        return self.over.get(incident, incident.end)

    def runs(self, incident: Incident, minute: int) -> bool:
        return incident.begin <= minute < self.end_of(incident)

    def running(self, minute: int, *kinds: Kind) -> list[Incident]:
        return [one for one in self.scene.incidents if one.kind in kinds and self.runs(one, minute)]

    def factor(self, limiter: Isp, minute: int) -> float:
        """What incidents leave of a limiter's capacity."""
        factor = 1.0
        for one in self.running(minute, Kind.LESS, Kind.CLOSED):
            if one.limiter is limiter:
                factor = min(factor, one.severity)
        return factor

    def blocked(self, queue: Queue, minute: int) -> bool:
        return any((one.limiter, one.ip) == queue for one in self.running(minute, Kind.BLOCKED))

    def bad_jobs(self, minute: int) -> set[int]:
        return {one.job for one in self.running(minute, Kind.BAD_LIST, Kind.ANNOYING) if one.job is not None}

    def room(self, queue: Queue, minute: int) -> float:
        """What the limiter would take from an address now, messages a minute."""
        if self.blocked(queue, minute) or self.running(minute, Kind.AUTH):
            return 0.0
        return self.limiters[queue[0]].room(minute, queue[1], self.factor(queue[0], minute))

    def waiting(self) -> int:
        """Good messages that are not delivered yet."""
        due = sum(good for parts in self._due.values() for *_, good, _ in parts)
        return sum(pair[0] for pair in (*self.fresh.values(), *self.again.values())) + due

    # -- a minute

    def step(self, minute: int, levers: Levers) -> list[Row]:
        self.people(minute, levers)
        self.arrive(minute)
        self.blamed = {}
        marks: list[tuple[str, Isp, Isp, int, int, Why | None, int]] = []
        for limiter in BRANDS:
            for ip, cells in self._sent(limiter, minute, levers):
                self._answered((limiter, ip), minute, cells, marks)
        for brand, ip, job in self._late.pop(minute, ()):
            marks.append(("f", brand, self.scene.limiter_of(brand, minute), ip, job, None, 0))
        self.sums.waited += self.waiting()
        random.Random(self.scene.seed * 10_000 + minute).shuffle(marks)
        rows = []
        for index, mark in enumerate(marks):
            self._number += 1
            rows.append(Row(minute * 60 + index * 60 // len(marks), *mark, self._number))
        return rows

    def people(self, minute: int, levers: Levers) -> None:
        """A person takes out a bad list, or mends the authentication, once mail has stood still for a while."""
        still = sum(levers.permitted(limiter) == 0 for limiter in BRANDS) >= MORE_STOPPED * len(BRANDS)
        for one in self.running(minute, Kind.BAD_LIST, Kind.ANNOYING, Kind.AUTH):
            stopped = still or (one.job is not None and one.job in levers.jobs)
            self.stood[one] = self.stood.get(one, 0) + stopped
            if self.stood[one] >= (FIXED if one.kind is Kind.AUTH else WITHDRAWN):
                self.over[one] = minute
                for (_, job), pair in self.fresh.items():
                    if job == one.job:
                        pair[1] = 0
                for (_, _, job, _), pair in self.again.items():
                    if job == one.job:
                        pair[1] = 0

    def arrive(self, minute: int) -> None:
        """Put a minute's demand into `fresh`, and with it what comes back to be tried again."""
        bad = self.bad_jobs(minute)
        mended = {one.job for one in self.over if one.begin <= minute < one.end and one.job is not None}
        for brand in BRANDS:
            for job in _JOBS:
                if job in mended and job not in bad:
                    continue  # the rest of the list was taken out too
                self.fresh[brand, job][job in bad] += self.scene.demand[brand][job][minute]
        for brand, ip, job, attempt, good, worse in self._due.pop(minute, ()):
            pair = self.again.setdefault((brand, ip, job, attempt), [0, 0])
            pair[0] += good
            pair[1] += worse if job not in mended else 0

    def _sent(self, limiter: Isp, minute: int, levers: Levers) -> Iterator[tuple[int, list["_Cell"]]]:
        """What goes out to a limiter, by address: what comes back first, then fresh mail in equal parts."""
        brands = [brand for brand in BRANDS if self.scene.limiter_of(brand, minute) is limiter]
        jobs = [job for job in _JOBS if job not in levers.jobs]
        room: dict[int, int] = {}
        sent: dict[int, list[_Cell]] = {ip: [] for ip in _ADDRESSES}
        for ip in _ADDRESSES:
            rate = levers.rate((limiter, ip))
            tokens = min(self._tokens.get((limiter, ip), 0.0), 1.0) + rate if rate else 0.0
            left = int(tokens)
            self._tokens[limiter, ip] = tokens - left
            for brand in brands:
                for job in jobs:
                    for attempt in (3, 2):
                        pair = self.again.get((brand, ip, job, attempt))
                        if pair and left and (cell := _take(pair, left, brand, job, attempt)):
                            sent[ip].append(cell)
                            left -= cell.good + cell.bad
            room[ip] = left
        order = [_ADDRESSES[(minute + turn) % len(IPS)] for turn in range(len(IPS))]
        pools = [(brand, job, self.fresh[brand, job]) for brand in brands for job in jobs]
        for _ in range(2):
            for place, ip in enumerate(order):
                wait = sum(pair[0] + pair[1] for *_, pair in pools)
                still = sum(room[other] > 0 for other in order[place:])
                take = min(room[ip], -(-wait // max(1, still)))
                for brand, job, pair in pools:
                    have = pair[0] + pair[1]
                    part = min(take, have, -(-take * have // wait)) if wait else 0
                    if part and (cell := _take(pair, part, brand, job, 1)):
                        sent[ip].append(cell)
                        took = cell.good + cell.bad
                        take, wait, room[ip] = take - took, wait - have, room[ip] - took
                    else:
                        wait -= have
        for ip in _ADDRESSES:  # what was not used of a rate is not saved up
            if room[ip]:
                self._tokens[limiter, ip] = 1.0
            yield ip, sent[ip]

    def _answered(
        self,
        queue: Queue,
        minute: int,
        cells: list["_Cell"],
        marks: list[tuple[str, Isp, Isp, int, int, Why | None, int]],
    ) -> None:
        limiter, ip = queue
        state = self.limiters[limiter]
        offered = sum(cell.good + cell.bad for cell in cells)
        factor = self.factor(limiter, minute)
        if self.blocked(queue, minute):
            refused, why = offered, Why.BLOCKED
        else:
            refused, why = state.answer(minute, ip, offered, factor)
        auth = max((one.severity for one in self.running(minute, Kind.AUTH)), default=0.0)
        busy = max((one.severity for one in self.running(minute, Kind.BUSY) if one.limiter is limiter), default=0.0)
        dead_all, left, complaints, blamed = 0, offered, 0.0, 0
        noisy, since, until, share = self.scene.noisy
        for cell in cells:
            brand, job, attempt = cell.brand, cell.job, cell.attempt
            size = cell.good + cell.bad
            part = min(size, -(-refused * size // left)) if left else 0
            refused, left = refused - part, left - size
            ways: list[tuple[int, Why]] = [(part, why)]
            roll = self.scene.dice[brand, ip, job]
            at = minute * len(KINDS)
            rest = size - part
            if auth:
                ways.append((quantile(roll[at + _SHED], rest, auth), Why.AUTH))
            elif busy:
                ways.append((quantile(roll[at + _SHED], rest, busy), Why.BUSY))
            rest -= ways[-1][0] if auth or busy else 0
            blamed += size - rest
            dead_share = self.scene.dead[job]
            complaint = self.scene.complaint
            if cell.bad:
                for one in self.running(minute, Kind.BAD_LIST, Kind.ANNOYING):
                    if one.job == job and one.kind is Kind.BAD_LIST:
                        dead_share += (one.severity - dead_share) * cell.bad / size
                        complaint *= 3
                    elif one.job == job:
                        complaint += one.severity * cell.bad / size
            dead = quantile(roll[at + _DEAD], rest, dead_share)
            rest -= dead
            policy = quantile(roll[at + _POLICY], rest, 0.002)
            odd = share if noisy is brand and since <= minute < until else 0.005
            unrelated = quantile(roll[at + _UNRELATED], rest - policy, odd)
            ways += [(dead, Why.DEAD), (policy, Why.POLICY), (unrelated, Why.UNRELATED)]
            rest -= policy + unrelated
            complained = quantile(roll[at + _COMPLAINT], rest, complaint)
            dead_all, complaints = dead_all + dead, complaints + complained
            self._complain(complained, brand, ip, job, minute)
            back = self._settle(cell, ways, rest)
            if back is not None:
                self._due.setdefault(minute + RETRY, []).append((brand, ip, job, min(3, attempt + 1), *back))
            marks += [("d", brand, limiter, ip, job, None, attempt)] * rest
            for count, reason in ways:
                mark = ("b" if reason in FOR_GOOD else "t", brand, limiter, ip, job, reason, attempt)
                marks += [mark] * count
        if blamed:
            self.blamed[queue] = blamed
        state.learn(minute, ip, offered, blamed, dead_all, complaints)

    def _settle(self, cell: "_Cell", ways: list[tuple[int, Why]], delivered: int) -> tuple[int, int] | None:
        """Book what became of a cell's mail; returns the (good, bad) messages that come back."""
        sums, size = self.sums, cell.good + cell.bad
        back = sum(count for count, why in ways if why not in FOR_GOOD)
        bad_back = back * cell.bad // size if size else 0
        bad_delivered = delivered * cell.bad // size if size else 0
        sums.accepted += delivered
        sums.good[cell.brand] += delivered - bad_delivered
        sums.bad_sent += cell.bad
        sums.refused += sum(count for count, why in ways if why is not Why.DEAD)
        sums.lost += sum(count for count, why in ways if why in FOR_GOOD and why is not Why.DEAD)
        return (back - bad_back, bad_back) if back else None

    def _complain(self, count: int, brand: Isp, ip: int, job: int, minute: int) -> None:
        if not count or brand not in FEEDBACK:
            return
        dice = random.Random(f"{self.scene.seed} {minute} {brand} {ip} {job}")
        for _ in range(count):
            delay = FEEDBACK[brand] * dice.lognormvariate(0, 1.0)
            self._late.setdefault(minute + 1 + int(delay), []).append((brand, ip, job))


class _Cell(NamedTuple):
    """Messages of one brand and job that go out together, first attempts or retries."""

    brand: Isp
    job: int
    attempt: int
    good: int
    bad: int


def _take(pair: list[int], most: int, brand: Isp, job: int, attempt: int) -> _Cell | None:
    """Take up to `most` out of a pool, bad ones in proportion."""
    size = min(most, pair[0] + pair[1])
    if not size:
        return None
    bad = min(pair[1], round(size * pair[1] / (pair[0] + pair[1])))
    good = min(pair[0], size - bad)
    pair[0], pair[1] = pair[0] - good, pair[1] - bad
    return _Cell(brand, job, attempt, good, bad) if good + bad else None


_JOBS: Final = range(len(JOBS))
_ADDRESSES: Final = tuple(range(len(IPS)))
