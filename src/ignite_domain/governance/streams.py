"""`Stream`: what is counted at one place (a provider, address, job, queue, or the host), and its alarms' walks.

Decides how counts are kept: vectors of outcome codes by minute (an hour of them), by hour (a day) and by day (a
month), so that one record costs an increment or two a place, and every rate is a sum over codes. How S walks is the
business of `walks`, which level it walks on that of `alarms`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import add, itemgetter, sub
from typing import Any, Final, TypeVar

import attrs

from ignite_domain.governance.alarms import Cusum, level_of
from ignite_domain.governance.walks import ComplaintWalk, Walk
from ignite_domain.governance.words import Signal

KEPT_MINUTES: Final = 60
CHARTED: Final = 8
"""Minutes kept longer, so that a late record's point on a chart can be made anew."""
KEPT_HOURS: Final = 24
KEPT_DAYS: Final = 30
FINE_COHORTS: Final = 24 * 6
KEPT_COHORTS: Final = 7 * 24 * 6
"""Cohorts of delivered mail, in tens of minutes (after a day in whole hours): older mail has said what it will."""
LATENESS: Final = 1.2
"""Shape of the log-logistic delay of complaints: it follows a log-normal one of sigma 1.5."""

# Outcome codes. Even ones below `COMPLAINED` are first attempts, the odd one behind is the same of a retry.
DELIVERED: Final = 0
DEFERRED: Final = 2
DEFERRED_ADDRESS: Final = 4  # a deferral about the recipient: a full mailbox
DEAD: Final = 6  # bounced about the recipient
REFUSED: Final = 8  # bounced about us
BOUNCED: Final = 10  # bounced for another reason
DEFERRED_WAY: Final = 12  # a deferral about the way there: network, DNS, authentication, TLS
COMPLAINED: Final = 14
CONNECTION: Final = 15
WAITED: Final = 16  # seconds from queue to delivery, added up: no record of its own
WIDTH: Final = 17

Vector = list[int]
_Value = TypeVar("_Value")

_FIRSTS: Final = tuple(range(0, COMPLAINED, 2))
_ATTEMPTS: Final = tuple(range(COMPLAINED))
_DELIVERIES: Final = (DELIVERED, DELIVERED + 1)
_NOT_ACCEPTED: Final = tuple(code + again for code in (DEFERRED, REFUSED, BOUNCED, DEFERRED_WAY) for again in (0, 1))

COUNTED: Final[Mapping[Signal, tuple[tuple[int, ...], tuple[int, ...]]]] = {
    Signal.DEFERRAL: (_FIRSTS, (DEFERRED, DEFERRED_ADDRESS)),
    Signal.BOUNCE: (_FIRSTS, (DEAD,)),
    Signal.REFUSAL: (_FIRSTS, (REFUSED,)),
    Signal.COMPLAINT: (_DELIVERIES, (COMPLAINED,)),
    Signal.ATTEMPT: (_ATTEMPTS, _NOT_ACCEPTED),
    Signal.CONNECTION: ((CONNECTION,), (CONNECTION,)),
    Signal.LATENCY: (_DELIVERIES, (WAITED,)),
}
"""For each signal the codes of its exposure n and of its events x."""

WALKS: Final = (Signal.DEFERRAL, Signal.BOUNCE, Signal.REFUSAL)
EVENT: Final[Mapping[int, Signal]] = {code: signal for signal in WALKS for code in COUNTED[signal][1]}
"""The walk that a first attempt's code moves up."""
_IS_FIRST: Final = tuple(code < COMPLAINED and not code & 1 for code in range(WIDTH))


@attrs.frozen(slots=True)
class Seen:
    """n exposures and x events in a window."""

    n: int = 0
    x: int = 0

    @property
    def share(self) -> float:
        return self.x / self.n if self.n else 0.0


def _adder(codes: tuple[int, ...]) -> Callable[[Sequence[int]], int]:
    """Adds up some codes of a vector; asked very often, so it is done in C as far as that goes."""
    one = codes[0]
    if len(codes) == 1:
        return itemgetter(one)
    if codes == tuple(range(one, codes[-1] + 1)):
        part = slice(one, codes[-1] + 1)
        return lambda vector: sum(vector[part])
    taken = itemgetter(*codes)
    return lambda vector: sum(taken(vector))


_ADDERS: Final = {signal: (_adder(exposure), _adder(events)) for signal, (exposure, events) in COUNTED.items()}


def figures(vector: Sequence[int], signal: Signal) -> Seen:
    """n and x of a signal in a vector of codes."""
    exposure, events = _ADDERS[signal]
    return Seen(exposure(vector), events(vector))


def _firsts(vector: Sequence[int]) -> int:
    return sum(vector[0:COMPLAINED:2])


class Stream:
    """Counts and walks of one place. `minute`: the newest that something was counted in.

    A minute's deliveries at the first attempt, which most records are, are a number in `accepted`; whatever else
    happened in it is a vector in `minutes`, and `now` is the newest minute's, None while there is none. The minutes of
    the open hour, that of `minute`, become part of hours, days and cohorts when it ends. `firsts`: first attempts so
    far, from an origin of no matter; kept where alarms are `walked`. `_past`: what was found when minutes or hours
    before the current minute were added up.
    """

    __slots__ = (
        *(
            "_over",
            "_past",
            "_rows",
            "accepted",
            "complaints",
            "days",
            "delivered",
            "firsts",
            "hours",
            "minute",
            "minutes",
        ),
        *("moved", "now", "planned", "scope", "walked", "walks"),
    )

    def __init__(self, scope: tuple[str, str, str], walked: bool) -> None:
        self.scope = scope
        self.walked = walked
        self.planned = 0  # first attempts that lie ahead
        self.minute = -1
        self.now: Vector | None = None
        self.minutes: dict[int, Vector] = {}
        self.accepted: dict[int, int] = {}
        self.hours: dict[int, Vector] = {}
        self.days: dict[int, int] = {}  # day -> first attempts
        self.delivered: dict[int, int] = {}  # ten minutes -> delivered
        self.firsts = 0
        self.walks = {signal: Walk(level_of(signal, 0)) for signal in WALKS} if walked else {}
        self.moved = {code: self.walks[signal] for code, signal in EVENT.items()} if walked else {}
        self.complaints = ComplaintWalk(level_of(Signal.COMPLAINT, 0))
        self._over: tuple[Vector, dict[int, int]] | None = None  # what is over of the open hour, if somebody asked
        self._past: dict[tuple[int, int], Vector] = {}
        self._rows: dict[int, list[int]] = {}  # minutes that are over, as they are kept

    # -- counting

    def turn(self, minute: int) -> None:
        """Begin minute `minute`, which is later than the last."""
        old, self.minute = self.minute, minute
        self.now = self._over = None
        if self._past:
            self._past.clear()
        if old // 60 != minute // 60:
            self._begin_hour(old // 60)

    def vector(self) -> Vector:
        """The newest minute's vector."""
        now = self.now
        if now is None:
            now = self.now = self.minutes.setdefault(self.minute, [0] * WIDTH)
        return now

    def _begin_hour(self, ended: int) -> None:
        self._fold(range(60 * ended, 60 * ended + 60))
        minute = self.minute
        for minutes in (self.minutes, self.accepted):
            for gone in [one for one in minutes if one < minute - KEPT_MINUTES - CHARTED]:
                del minutes[gone]
        for gone in [h for h in self.hours if h < minute // 60 - KEPT_HOURS]:
            del self.hours[gone]
        for gone in [d for d in self.days if d <= minute // 1440 - KEPT_DAYS]:
            del self.days[gone]
        for cohort in [c for c in self.delivered if c < minute // 10 - FINE_COHORTS]:
            count = self.delivered.pop(cohort)
            if cohort < minute // 10 - KEPT_COHORTS:
                self.complaints.gone += count
            else:
                hour = cohort // 6 * 6
                self.delivered[hour] = self.delivered.get(hour, 0) + count
        self.relevel()

    def late(self, minute: int, code: int, many: int) -> None:
        """Count records of an earlier minute: in its own windows if they are still kept."""
        if self.walked and _IS_FIRST[code]:
            self.firsts += many
            if code in self.moved:
                self.moved[code].events += many
        self._past.clear()
        self._rows.clear()
        self._over = None
        if minute > self.minute - KEPT_MINUTES:
            self.minutes.setdefault(minute, [0] * WIDTH)[code] += many
        if minute // 60 < self.minute // 60:  # its hour has been added up
            alone = [0] * WIDTH
            alone[code] = many
            self._add(minute // 60, alone)
            if code in _DELIVERIES:
                self.delivered[minute // 10] = self.delivered.get(minute // 10, 0) + many

    def _fold(self, hour: range) -> None:
        """Make the minutes of an hour part of it, of its day and of their cohorts."""
        self._add(hour[0] // 60, self.total(hour))
        for cohort, many in self._cohorts(hour).items():
            self.delivered[cohort] = self.delivered.get(cohort, 0) + many

    def _add(self, at: int, added: Vector) -> None:
        if any(added):
            hour = self.hours.get(at)
            self.hours[at] = _sum([hour, added]) if hour else added
            if firsts := _firsts(added):
                self.days[at // 24] = self.days.get(at // 24, 0) + firsts

    def _cohorts(self, minutes: range) -> dict[int, int]:
        """What was delivered in these minutes, by tens of minutes."""
        found: dict[int, int] = {}
        for at, many in _kept(self.accepted, minutes):
            found[at // 10] = found.get(at // 10, 0) + many
        for at, vector in _kept(self.minutes, minutes):
            if many := vector[DELIVERED] + vector[DELIVERED + 1]:
                found[at // 10] = found.get(at // 10, 0) + many
        return found

    def _before_now(self) -> tuple[Vector, dict[int, int]]:
        """Counts by code, and what was delivered by tens of minutes, in the minutes of the open hour that are over."""
        if self._over is None:
            minutes = range(self.minute // 60 * 60, self.minute)
            self._over = self.total(minutes), self._cohorts(minutes)
        return self._over

    def _delivered(self) -> dict[int, int]:
        """What was delivered in the open hour by tens of minutes, the newest minute included."""
        found = dict(self._before_now()[1])
        for cohort, many in self._cohorts(range(self.minute, self.minute + 1)).items():
            found[cohort] = found.get(cohort, 0) + many
        return found

    def relevel(self) -> None:
        """Move the walks to the level of the stream's volume: trailing 30 days, or what is planned if that is more."""
        volume = sum(self.days.values()) + _firsts(self._with_now(self._before_now()[0], True))
        volume = max(volume, self.planned)
        for signal, walk in self.walks.items():
            walk.move(level_of(signal, volume))
        self.complaints.move(level_of(Signal.COMPLAINT, volume))

    # -- alarms

    def _quiet(self, walk: Walk) -> int:
        """First attempts so far that were no event of a walk's signal."""
        return self.firsts - walk.events

    def event(self, code: int) -> bool:
        """Walk one event that has been counted already; True if the alarm is reached."""
        walk = self.moved[code]
        return walk.up(self.firsts - walk.events)

    def complaint(self, second: int, median_s: float) -> bool:
        """Walk one complaint that came at `second`; True if the alarm is reached."""
        return self.complaints.up(self._ripe(second, median_s))

    def _ripe(self, second: int, median_s: float) -> float:
        due = float(self.complaints.gone)
        for cohorts in (self.delivered, self._before_now()[1]):
            for cohort, count in cohorts.items():
                age = second - (cohort * 600 + 300)
                if age > 0:
                    due += count / (1 + (median_s / age) ** LATENESS)
        return due

    def statistic(self, signal: Signal) -> int:
        """S now, or the highest at or above the alarm since the last look."""
        if signal is Signal.COMPLAINT:
            return max(self.complaints.s, self.complaints.peak)
        walk = self.walks.get(signal)
        return max(walk.at(self._quiet(walk)), walk.peak) if walk else 0

    def alarm(self, signal: Signal) -> Cusum:
        """The level in force."""
        return self.complaints.level if signal is Signal.COMPLAINT else self.walks[signal].level

    def may_alarm(self, signal: Signal) -> bool:
        """Whether S may stand at the alarm: S at the last event does, and what passed since then lowers it only."""
        walk = self.complaints if signal is Signal.COMPLAINT else self.walks.get(signal)
        return walk is not None and max(walk.s, walk.peak) >= walk.level.alarm

    def looked(self) -> None:
        for walk in self.walks.values():
            walk.peak = 0
        self.complaints.peak = 0

    def reset(self, signal: Signal) -> bool:
        """Begin a walk afresh; True if that changed anything."""
        had = self.statistic(signal)
        if signal is Signal.COMPLAINT:
            self.complaints.reset()
        elif signal in self.walks:
            walk = self.walks[signal]
            walk.reset(self._quiet(walk))
        return bool(had)

    # -- reading

    def inside(self, seconds: int, minute: int) -> Vector:
        """Counts by code in the last `seconds` before the end of `minute`; above an hour in whole hours, the current
        one included."""
        if seconds <= 3600:
            first = minute - seconds // 60
            return self._with_now(self._minutes_after(first), self.minute > first)
        first = minute // 60 - seconds // 3600
        return self._with_now(self._hours_after(first), self.minute // 60 > first)

    def events(self, signal: Signal, seconds: int, minute: int) -> int:
        """x alone of `inside`, of at most an hour; for signals of which no delivery is an event."""
        events, minutes = _ADDERS[signal][1], self.minutes
        return sum([events(minutes[at]) for at in range(minute - seconds // 60 + 1, minute + 1) if at in minutes])

    def since(self, minute: int) -> Vector:
        """Counts by code in the minutes after `minute`; more than an hour back, in the hours after its own."""
        if minute >= self.minute - KEPT_MINUTES:
            return self._with_now(self._minutes_after(minute), self.minute > minute)
        return self._with_now(self._hours_after(minute // 60), self.minute // 60 > minute // 60)

    def total(self, minutes: range) -> Vector:
        """Counts by code in these minutes, as far as they are kept."""
        found = _sum([vector for _, vector in _kept(self.minutes, minutes)])
        found[DELIVERED] += sum([many for _, many in _kept(self.accepted, minutes)])
        return found

    def _with_now(self, past: Vector, current: bool) -> Vector:
        if not current:
            return past
        found = past[:] if self.now is None else list(map(add, past, self.now))
        found[DELIVERED] += self.accepted.get(self.minute, 0)
        return found

    def _minutes_after(self, first: int) -> Vector:
        """The minutes after `first`, without the current one. Known until the next minute begins: many ask."""
        found = self._past.get((60, first))
        if found is None:
            oldest = max(first + 1, self.minute - KEPT_MINUTES - CHARTED)
            found = self._keep((60, first), self.total(range(oldest, self.minute)))
        return found

    def _hours_after(self, first: int) -> Vector:
        """The same of hours; what is over of the current one is among them."""
        found = self._past.get((3600, first))
        if found is None:
            hours = [vector for at, vector in self.hours.items() if at > first]
            if self.minute // 60 > first:
                hours.append(self._before_now()[0])
            found = self._keep((3600, first), _sum(hours))
        return found

    def _keep(self, key: tuple[int, int], found: Vector) -> Vector:
        if len(self._past) > 16:
            self._past.clear()
        self._past[key] = found
        return found

    def sums(self) -> tuple[dict[int, Vector], dict[int, int]]:
        """Counts by code in each hour that is kept, and first attempts in each day, the newest minute included."""
        hours, days = dict(self.hours), dict(self.days)
        if self.minute >= 0:
            at, within = self.minute // 60, self._with_now(self._before_now()[0], True)
            hours[at] = _sum([hours[at], within]) if at in hours else within
            days[at // 24] = days.get(at // 24, 0) + _firsts(within)
        return hours, days

    # -- keeping

    def state(self) -> dict[str, Any]:
        """Everything, as plain values for JSON."""
        hours, days = self.sums()
        delivered = dict(self.delivered)
        for cohort, many in self._delivered().items():
            delivered[cohort] = delivered.get(cohort, 0) + many
        rare, oldest = self.complaints, self.minute - KEPT_MINUTES - CHARTED
        return {
            "minute": self.minute,
            "minutes": self._minute_rows(oldest),
            "hours": _pairs(hours),
            "days": sorted(days.items()),
            "delivered": sorted(delivered.items()),
            "walks": {
                signal.value: [walk.s, self._quiet(walk) - walk.quiet, walk.level.volume]
                for signal, walk in self.walks.items()
            },
            "complaints": [rare.s, rare.taken, rare.gone, rare.rest, rare.charged, rare.level.volume],
        }

    def _minute_rows(self, oldest: int) -> list[list[int]]:
        """The rows of minutes from `oldest` on. Those that are over are made once: it may be asked for often."""
        known = self._rows
        if len(known) > 2 * KEPT_MINUTES:
            known.clear()
        rows = []
        for at in sorted(self.minutes.keys() | self.accepted.keys()):
            if at >= oldest:
                row = known.get(at) or self._minute_row(at)
                if at != self.minute:
                    known[at] = row
                rows.append(row)
        return rows

    def _minute_row(self, at: int) -> list[int]:
        return _row(at, self.total(range(at, at + 1))) if at in self.minutes else [at, DELIVERED, self.accepted[at]]

    @classmethod
    def from_state(cls, scope: tuple[str, str, str], state: Mapping[str, Any], walked: bool) -> "Stream":
        """The stream that `state` was taken from; peaks since the last look are not kept."""
        stream = cls(scope, walked)
        stream.minute = int(state["minute"])
        stream.minutes = _vectors(state["minutes"])
        stream.hours = _vectors(state["hours"])
        stream.days = {int(at): int(n) for at, n in state["days"]}
        stream.delivered = {int(at): int(n) for at, n in state["delivered"]}
        if stream.minute >= 0:  # the open hour is not part of the sums
            stream.now = stream.minutes.get(stream.minute)
            at, within = stream.minute // 60, stream._with_now(stream._before_now()[0], True)
            stream.hours[at] = list(map(sub, stream.hours[at], within))
            stream.days[at // 24] -= _firsts(within)
            for cohort, many in stream._delivered().items():
                stream.delivered[cohort] -= many
        for name, (s, since, volume) in state["walks"].items():
            walk = stream.walks[Signal(name)]
            walk.level, walk.s, walk.quiet = level_of(Signal(name), volume), int(s), -int(since)
        s, taken, gone, rest, charged, volume = state["complaints"]
        level = level_of(Signal.COMPLAINT, volume)
        stream.complaints = ComplaintWalk(level, int(s), float(taken), int(gone), float(rest), bool(charged))
        return stream


def count(streams: Iterable[Stream], minute: int, code: int, many: int = 1) -> None:
    """Count `many` records of one code at each of `streams`; all that is counted comes through here or `deliver`."""
    first = _IS_FIRST[code]
    for stream in streams:
        if minute != stream.minute:
            if minute < stream.minute:
                stream.late(minute, code, many)
                continue
            stream.turn(minute)
        now = stream.now or stream.vector()
        now[code] += many
        if first and stream.walked:
            stream.firsts += many
            if code in stream.moved:
                stream.moved[code].events += many


def deliver(waiting: Mapping[Stream, int], minute: int) -> None:
    """Count first attempts that were delivered, at many streams: the same as to `count` them, with less ado."""
    for stream, many in waiting.items():
        if stream.minute != minute:
            if minute < stream.minute:
                stream.late(minute, DELIVERED, many)
                continue
            stream.turn(minute)
            stream.accepted[minute] = many
        else:
            stream.accepted[minute] = stream.accepted.get(minute, 0) + many
        stream.firsts += many


def _kept(kept: Mapping[int, _Value], minutes: range) -> list[tuple[int, _Value]]:
    """What is kept of these minutes."""
    if len(minutes) < len(kept):
        return [(at, kept[at]) for at in minutes if at in kept]
    return [one for one in kept.items() if one[0] in minutes]


def _sum(vectors: Collection[Vector]) -> Vector:
    return list(map(sum, zip(*vectors, strict=True))) if vectors else [0] * WIDTH


def _pairs(vectors: Mapping[int, Vector]) -> list[list[int]]:
    """For JSON: [time, code, count, code, count, …] of each vector, in order of time; zeros are left out."""
    return [_row(at, vectors[at]) for at in sorted(vectors)]


def _row(at: int, vector: Vector) -> list[int]:
    row = [at]
    for code, count in enumerate(vector):
        if count:
            row += (code, count)
    return row


def _vectors(rows: Iterable[Sequence[int]]) -> dict[int, Vector]:
    found = {}
    for at, *pairs in rows:
        vector = found[int(at)] = [0] * WIDTH
        for code, count in zip(pairs[::2], pairs[1::2], strict=True):
            vector[int(code)] = int(count)
    return found
