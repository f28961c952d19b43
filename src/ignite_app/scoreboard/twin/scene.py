"""The day that a seed draws: demand, capacity, incidents, and the dice of every minute, the same for every policy.

Decides what is fixed before anybody acts. What follows from acting is `world`'s. All numbers are invented and seeded.
"""

import math
import random
from array import array
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

import attrs

from ignite_domain.isps import Isp

DAY: Final = 1440
IPS: Final = ("192.0.2.11", "192.0.2.12", "192.0.2.13")
VMTAS: Final = {"mta1": IPS[0], "mta2": IPS[1], "mta3": IPS[2]}
JOBS: Final = ("c1", "c2", "c3")
PER_MINUTE: Final[Mapping[Isp, float]] = {
    Isp.GMAIL: 24.0,
    Isp.YAHOO: 16.0,
    Isp.MICROSOFT: 16.0,
    Isp.COMCAST: 8.0,
    Isp.COX: 4.0,
}
"""Mean demand of a brand, messages a minute."""
BRANDS: Final = tuple(PER_MINUTE)
MODEL: Final[Mapping[Isp, str]] = {
    Isp.GMAIL: "reputation",
    Isp.YAHOO: "reputation",
    Isp.MICROSOFT: "quota",
    Isp.COMCAST: "busy",
    Isp.COX: "quota",
}
FEEDBACK: Final[Mapping[Isp, float]] = {Isp.YAHOO: 45.0, Isp.MICROSOFT: 300.0, Isp.COMCAST: 1500.0}
"""Median delay of a complaint's report, minutes; the others report none."""
KINDS: Final = ("dead", "refused", "unrelated", "policy", "complaint", "shed")


class Kind(StrEnum):
    """What can go wrong. Those that are `NOBODYS` ask for no reaction at all."""

    BAD_LIST = "a bad list"
    ANNOYING = "complaints about a job"
    LESS = "a provider takes less"
    CLOSED = "a provider takes nothing"
    BLOCKED = "an address is blocked"
    BUSY = "a provider is busy"
    AUTH = "our authentication"


SCOPED_TO_LIMITER: Final = frozenset({Kind.LESS, Kind.CLOSED, Kind.BUSY})


@attrs.frozen
class Incident:
    """Runs in minutes [begin, end). `limiter`, `ip` and `job` say where, as far as its kind has a place."""

    kind: Kind
    begin: int
    end: int
    severity: float
    limiter: Isp | None = None
    ip: int | None = None
    job: int | None = None


@attrs.frozen(eq=False)
class Scene:
    """One day. `demand[brand][job][minute]`, `path[limiter][minute]`: capacity a minute and address;
    `dice[(brand, ip, job)]`: uniforms by minute and `KINDS`."""

    seed: int
    minutes: int
    demand: Mapping[Isp, Sequence[Sequence[int]]]
    path: Mapping[Isp, Sequence[float]]
    reputation: Mapping[Isp, Sequence[float]]
    dead: Sequence[float]  # by job
    complaint: float
    incidents: Sequence[Incident]
    noisy: tuple[Isp, int, int, float]  # a brand with unrelated deferrals, from, to, share
    moves_at: int | None  # minute in which cox.net's mail moves to Yahoo's MX
    stalls: tuple[int, int]  # minutes in which the feed is not read
    dice: Mapping[tuple[Isp, int, int], "array[float]"]

    def limiter_of(self, brand: Isp, minute: int) -> Isp:
        """Whose MX a brand's mail meets."""
        moved = brand is Isp.COX and self.moves_at is not None and minute >= self.moves_at
        return Isp.YAHOO if moved else brand

    def running(self, minute: int, *kinds: Kind) -> list[Incident]:
        return [one for one in self.incidents if one.begin <= minute < one.end and one.kind in kinds]


def quantile(u: float, n: int, p: float) -> int:
    """How many of `n` happen at chance `p`, by inverting the binomial at `u`: more at a higher n or p, never fewer."""
    if n <= 0 or p <= 0:
        return 0
    if p >= 1:
        return n
    term = total = (1 - p) ** n
    k = 0
    while u > total and k < n:
        term *= (n - k) / (k + 1) * p / (1 - p)
        k += 1
        total += term
    return k


def draw(seed: int, minutes: int = DAY) -> Scene:
    """The day of a seed; a shorter one is the beginning of the whole."""
    dice = random.Random(f"twin {seed}")
    demand = {brand: _demand(dice, mean) for brand, mean in PER_MINUTE.items()}
    path = {brand: _path(dice, mean / len(IPS), MODEL[brand]) for brand, mean in PER_MINUTE.items()}
    reputation = {brand: [dice.uniform(0.85, 1.0) for _ in IPS] for brand in BRANDS}
    dead = [dice.uniform(0.004, 0.015) for _ in JOBS]
    incidents = _incidents(dice)
    noisy = (dice.choice(BRANDS), at := dice.randrange(0, DAY - 240), at + 240, dice.uniform(0.02, 0.04))
    moves_at = dice.randrange(300, 1000) if dice.random() < 0.3 else None
    stall = dice.randrange(200, DAY)
    rolls = random.Random(f"dice {seed}")
    return Scene(
        seed,
        minutes,
        demand,
        path,
        reputation,
        dead,
        0.0003,
        incidents,
        noisy,
        moves_at,
        (stall, stall + dice.randrange(5, 25)),
        {
            (brand, ip, job): array("d", [rolls.random() for _ in range(DAY * len(KINDS))])
            for brand in BRANDS
            for ip in range(len(IPS))
            for job in range(len(JOBS))
        },
    )


def calm(seed: int, minutes: int = DAY) -> Scene:
    """The day of a seed as it would be if nothing went wrong and there were room for three times the mail."""
    scene = draw(seed, minutes)
    path = {brand: [3 * room for room in scene.path[brand]] for brand in BRANDS}
    return attrs.evolve(scene, path=path, incidents=())


def _demand(dice: random.Random, mean: float) -> list[list[int]]:
    """Three jobs: a base, and two waves of two to five hours each."""
    jobs = []
    for _ in JOBS:
        waves = [(dice.uniform(60, DAY - 60), dice.uniform(60, 150)) for _ in range(2)]
        shape = [
            0.5 + sum(1.2 * math.exp(-0.5 * ((minute - at) / (width / 2)) ** 2) for at, width in waves)
            for minute in range(DAY)
        ]
        scale = mean / len(JOBS) / (sum(shape) / DAY)
        rest, counts = 0.0, []
        for value in shape:
            rest += value * scale * dice.uniform(0.5, 1.5)
            counts.append(int(rest))
            rest -= int(rest)
        jobs.append(counts)
    return jobs


def _path(dice: random.Random, mean: float, model: str) -> list[float]:
    """Capacity a minute and address: by the hour of the day, wandering, above the mean demand by a tenth to a half."""
    if model == "busy":
        return [mean * 8] * DAY
    level, phase, wander = mean * dice.uniform(1.15, 1.6), dice.uniform(0, 2 * math.pi), 0.0
    path = []
    for minute in range(DAY):
        if minute % 20 == 0:
            wander = 0.8 * wander + dice.gauss(0, 0.08)
        hour = 1 + 0.2 * math.sin(2 * math.pi * minute / DAY + phase)
        path.append(level * hour * math.exp(wander))
    return path


def _incidents(dice: random.Random) -> list[Incident]:
    """Three a day, of different kinds, hours apart."""
    kinds = dice.sample(list(Kind), 3)
    begins = (dice.randrange(120, 240), dice.randrange(540, 660), dice.randrange(960, 1080))
    return [_incident(dice, kind, begin) for kind, begin in zip(kinds, begins, strict=True)]


def _incident(dice: random.Random, kind: Kind, begin: int) -> Incident:
    ip, job = dice.randrange(len(IPS)), dice.randrange(len(JOBS))
    big = dice.choice((Isp.GMAIL, Isp.YAHOO, Isp.MICROSOFT))
    lasts, severity = {
        Kind.BAD_LIST: (180, dice.uniform(0.12, 0.35)),
        Kind.ANNOYING: (180, dice.uniform(0.006, 0.02)),
        Kind.LESS: (dice.randrange(60, 180), dice.uniform(0.15, 0.4)),
        Kind.CLOSED: (dice.randrange(20, 60), 0.0),
        Kind.BLOCKED: (dice.randrange(120, 240), 1.0),
        Kind.BUSY: (dice.randrange(30, 60), dice.uniform(0.3, 0.7)),
        Kind.AUTH: (90, dice.uniform(0.6, 1.0)),
    }[kind]
    return Incident(
        kind,
        begin,
        begin + lasts,
        severity,
        limiter=big if kind in (Kind.LESS, Kind.CLOSED, Kind.BLOCKED) else Isp.COMCAST if kind is Kind.BUSY else None,
        ip=ip if kind is Kind.BLOCKED else None,
        job=job if kind in (Kind.BAD_LIST, Kind.ANNOYING) else None,
    )
