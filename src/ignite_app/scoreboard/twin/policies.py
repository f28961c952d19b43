"""The comparators: rules in use elsewhere, as levers of the twin. And one that does nothing, and one that knows all.

Decides how each rival's rules are read; numbers from the pages on the predecessor, KumoMTA, PMTA and GreenArrow. Where
a page gives none (backoff rates, GreenArrow's percentages) the choice stands here. Manual ends are charitable: a person
lifts them after an hour.
"""

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

import attrs

from ignite_app.scoreboard.twin.scene import BRANDS, IPS, PER_MINUTE
from ignite_app.scoreboard.twin.texts import TEXTS, Text, Why
from ignite_app.scoreboard.twin.world import BASE, Levers, Queue, Row, World
from ignite_domain.isps import Isp

SUSPENDED: Final = 0.0
BACKOFF_SHARE: Final = 0.3
"""What backoff mode and fixed caps leave of what a queue needs on average: the operator knows his traffic."""
PERSON: Final = 60


class Policy(Protocol):
    """`look` hears what has been read of the accounting by the end of a minute, and sets the levers of the next."""

    def look(self, minute: int, rows: Sequence[Row]) -> Levers:
        """Return all levers that are to be in force; `rows` are in order of time."""

    def wrongly_suppresses(self, row: Row) -> bool:
        """Whether it would bar the address of this row for good or for weeks, although the mailbox exists."""


def text_of(row: Row) -> Text | None:
    return TEXTS[row.limiter][row.why].told(IPS[row.ip]) if row.why is not None else None


def needs(queue: Queue) -> float:
    """What a queue is sent on average, messages a minute."""
    return PER_MINUTE[queue[0]] / len(IPS)


def every_5xx(row: Row) -> bool:
    return row.kind == "b" and row.why is not Why.DEAD


@attrs.define
class Nothing:
    """No rules at all."""

    def look(self, minute: int, rows: Sequence[Row]) -> Levers:
        return Levers()

    def wrongly_suppresses(self, row: Row) -> bool:
        return False


@attrs.define
class Oracle:
    """Reads the hidden state: sends what will be taken, stops what is bad, at once."""

    world: World

    def look(self, minute: int, rows: Sequence[Row]) -> Levers:
        levers = Levers()
        coming = minute + 1
        if coming >= self.world.scene.minutes:
            return levers
        for limiter in BRANDS:
            for ip in range(len(IPS)):
                room = self.world.room((limiter, ip), coming)
                if room <= 0:
                    levers.paused.add((limiter, ip))
                elif room < BASE:
                    levers.rates[limiter, ip] = room
        levers.jobs = self.world.bad_jobs(coming)
        return levers

    def wrongly_suppresses(self, row: Row) -> bool:
        return False


class _Timed:
    """Restrictions that end by the clock: until a minute, a rate for a queue."""

    def __init__(self) -> None:
        self.until: dict[Queue, list[tuple[int, float]]] = {}

    def add(self, queue: Queue, until: int, rate: float) -> None:
        self.until[queue] = [one for one in self.until.get(queue, ()) if one[1] != rate] + [(until, rate)]

    def levers(self, minute: int) -> Levers:
        levers = Levers()
        for queue, many in self.until.items():
            rates = [rate for until, rate in many if until > minute]
            if rates and min(rates) == SUSPENDED:
                levers.paused.add(queue)
            elif rates:
                levers.rates[queue] = min(rates)
        return levers


class _Counts:
    """Counts by name in a sliding window of minutes."""

    def __init__(self, span: int) -> None:
        self.span = span
        self._minutes: deque[tuple[int, dict[tuple[object, ...], int]]] = deque()
        self._sums: dict[tuple[object, ...], int] = {}

    def turn(self, minute: int) -> None:
        self._minutes.append((minute, {}))
        while self._minutes[0][0] <= minute - self.span:
            for name, count in self._minutes.popleft()[1].items():
                self._sums[name] -= count

    def add(self, *name: object) -> None:
        here = self._minutes[-1][1]
        here[name] = here.get(name, 0) + 1
        self._sums[name] = self._sums.get(name, 0) + 1

    def of(self, *name: object) -> int:
        return self._sums.get(name, 0)

    def share(self, part: tuple[object, ...], *others: tuple[object, ...]) -> float:
        top = self.of(*part)
        whole = sum(self.of(*one) for one in others)
        return top / whole if whole else 0.0


_ACT: Final[Mapping[Isp, tuple[float, float, float, float]]] = {
    # bounce warn, act; complaint warn, act
    Isp.GMAIL: (0.015, 0.03, 0.0002, 0.0005),
    Isp.YAHOO: (0.02, 0.05, 0.0003, 0.0006),
    Isp.MICROSOFT: (0.02, 0.05, 0.0003, 0.0006),
    Isp.COMCAST: (0.03, 0.07, 0.0005, 0.001),
    Isp.COX: (0.025, 0.06, 0.0004, 0.0008),
}


class Predecessor:
    """A: fixed thresholds, no minimum sample. Deferred mail is not part of what deferrals are divided by."""

    def __init__(self) -> None:
        self._short, self._hour, self._day = _Counts(5), _Counts(60), _Counts(1440)
        self._timed = _Timed()
        self._paused: set[Isp] = set()
        self._slow: set[Isp] = set()

    def look(self, minute: int, rows: Sequence[Row]) -> Levers:
        for counts in (self._short, self._hour, self._day):
            counts.turn(minute)
        for row in rows:
            kind = row.kind
            if kind == "b" and row.why is not Why.DEAD:
                kind = "d"  # sent, and not of a category that counts as a bounce
            for counts in (self._short, self._hour, self._day):
                counts.add(row.brand, kind)
                counts.add(row.brand, row.ip, kind)
        for brand in BRANDS:
            self._judge(brand, minute)
        levers = self._timed.levers(minute)
        for brand in BRANDS:
            for ip in range(len(IPS)):
                if brand in self._paused:
                    levers.paused.add((brand, ip))
                elif brand in self._slow:
                    levers.rates.setdefault((brand, ip), BACKOFF_SHARE * needs((brand, ip)))
        return levers

    def _judge(self, brand: Isp, minute: int) -> None:
        warn, act, _, complaints = _ACT[brand]
        sent = ((brand, "d"), (brand, "b"))
        bounced = self._hour.share((brand, "b"), *sent)
        deferred = self._short.share((brand, "t"), *sent)
        if (
            self._short.share((brand, "b"), *sent) > 0.25
            or deferred > 0.50
            or self._hour.share((brand, "f"), *sent) > 0.01
        ):
            for ip in range(len(IPS)):
                self._timed.add((brand, ip), minute + PERSON, SUSPENDED)
        if bounced > act:
            self._paused.add(brand)
        elif bounced < warn:
            self._paused.discard(brand)
        if deferred > 0.20:
            self._slow.add(brand)
        elif deferred <= 0.10:
            self._slow.discard(brand)
        for ip in range(len(IPS)):
            own = ((brand, ip, "d"), (brand, ip, "b"))
            if (
                self._day.share((brand, ip, "f"), *own) > complaints
                or self._hour.share((brand, ip, "b"), *own) > 2 * act
            ):
                self._timed.add((brand, ip), minute + PERSON, SUSPENDED)

    def wrongly_suppresses(self, row: Row) -> bool:
        return row.kind == "t" and row.attempt == 2  # two deferrals of one address within a day, for good


class KumoRule(NamedTuple):
    limiter: Isp | None
    words: str
    times: int  # 1: at once
    minutes: int  # of the effect, and (read in the source) of the window too
    rate: float


KUMO: Final = (
    KumoRule(None, r"messages from .* temporarily deferred|temporarily rate limited due to ip reputation", 1, 90, 1.0),
    KumoRule(None, r"messages from .* weren't sent", 1, 90, 1.0),
    KumoRule(Isp.GMAIL, r"our system has detected that this message", 5, 60, SUSPENDED),
    KumoRule(Isp.GMAIL, r"unusual rate", 2, 30, 10.0),
    KumoRule(Isp.YAHOO, r"\[tss04\]", 1, 120, SUSPENDED),
    KumoRule(Isp.YAHOO, r"\[tss05\]", 1, 240, SUSPENDED),
    KumoRule(Isp.YAHOO, r"553 5\.7\.1 \[bl", 5, 120, SUSPENDED),
    KumoRule(Isp.MICROSOFT, r"block list|\(s31", 5, 120, SUSPENDED),
    KumoRule(Isp.MICROSOFT, r"server busy", 5, 30, SUSPENDED),
    KumoRule(Isp.MICROSOFT, r"server busy", 3, 15, 1.0),
    KumoRule(Isp.MICROSOFT, r"temporarily rate limited", 3, 30, SUSPENDED),
    KumoRule(Isp.MICROSOFT, r"temporary server error", 5, 60, SUSPENDED),
)
"""KumoMTA's shipped and community rules, as far as our texts can meet them. Gmail's two look dead in the source; here
they work. Comcast's sets 10,000 connections an hour, which binds nothing here; Cox has none."""


class Kumo:
    """B: count in window, per source and site; a match while it lasts makes it last longer; it ends whole."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Queue, int], deque[int]] = {}
        self._timed = _Timed()
        self._matching: dict[tuple[Isp, Why], list[int]] = {
            (limiter, why): [
                index
                for index, rule in enumerate(KUMO)
                if rule.limiter in (None, limiter) and re.search(rule.words, text.diagnostic.lower())
            ]
            for limiter, texts in TEXTS.items()
            for why, text in texts.items()
        }

    def look(self, minute: int, rows: Sequence[Row]) -> Levers:
        for row in rows:
            if row.why is None:
                continue
            queue, at = (row.limiter, row.ip), row.second // 60
            for index in self._matching[row.limiter, row.why]:
                rule = KUMO[index]
                seen = self._seen.setdefault((queue, index), deque())
                seen.append(at)
                while seen[0] <= at - rule.minutes:
                    seen.popleft()
                if len(seen) >= rule.times:
                    self._timed.add(queue, at + rule.minutes, rule.rate)
        return self._timed.levers(minute)

    def wrongly_suppresses(self, row: Row) -> bool:
        return False


BACKOFF_WORDS: Final = (
    r"4\.7\.28|try again later|low reputation|temporarily deferred|rate limited|block list|server busy|rp-00"
    r"|throttled|blocked|too many messages|no messages|\[bl2"
)


class Backoff:
    """C: a pattern list; one matching reply puts its queue into backoff mode for an hour."""

    def __init__(self) -> None:
        self._timed = _Timed()
        self._matching = {
            (limiter, why): re.search(BACKOFF_WORDS, text.diagnostic.lower()) is not None
            for limiter, texts in TEXTS.items()
            for why, text in texts.items()
        }

    def look(self, minute: int, rows: Sequence[Row]) -> Levers:
        for row in rows:
            queue = (row.limiter, row.ip)
            if row.why is not None and self._matching[row.limiter, row.why]:
                inside = any(until > minute for until, _ in self._timed.until.get(queue, ()))
                if not inside:  # `backoff-to-normal-after` counts from its beginning
                    self._timed.add(queue, minute + 60, BACKOFF_SHARE * needs(queue))
        return self._timed.levers(minute)

    def wrongly_suppresses(self, row: Row) -> bool:
        return every_5xx(row)


class Percent:
    """D: percent triggers with fixed return: a quarter deferred or a tenth failed in ten minutes, of ten attempts at
    least, caps the queue for half an hour."""

    WINDOW: Final = 10
    LEAST: Final = 10
    DEFERRED: Final = 0.25
    FAILED: Final = 0.10
    RETURN: Final = 30

    def __init__(self) -> None:
        self._counts = _Counts(self.WINDOW)
        self._timed = _Timed()

    def look(self, minute: int, rows: Sequence[Row]) -> Levers:
        self._counts.turn(minute)
        for row in rows:
            if row.kind != "f":
                self._counts.add(row.limiter, row.ip, row.kind)
        for limiter in BRANDS:
            for ip in range(len(IPS)):
                d, t, b = (self._counts.of(limiter, ip, kind) for kind in "dtb")
                many = d + t + b
                if many >= self.LEAST and (t >= self.DEFERRED * many or b >= self.FAILED * many):
                    self._timed.add((limiter, ip), minute + self.RETURN, BACKOFF_SHARE * needs((limiter, ip)))
        return self._timed.levers(minute)

    def wrongly_suppresses(self, row: Row) -> bool:
        return False


RIVALS: Final[Mapping[str, Callable[[World], Policy]]] = {
    "nothing": lambda world: Nothing(),
    "A predecessor's thresholds": lambda world: Predecessor(),
    "B KumoMTA's rules": lambda world: Kumo(),
    "C PMTA backoff lists": lambda world: Backoff(),
    "D percent, fixed return": lambda world: Percent(),
    "O oracle": Oracle,
}
