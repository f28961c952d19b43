"""`SignalProcessor`: rolling windows and CUSUM alarms per provider, address, job and queue.

Decides what is counted where; what a count means is decided by the agents. Windows and alarms count the
first attempt of a message only: its retries are not independent. Probes are judged by all attempts.

All records of one second are counted before any of them moves an alarm, the quiet ones first: where an alarm
stands does not depend on the order in which a second's records were read.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, compress
from typing import Final

from ignite_domain.governance.alarms import TUNINGS, Cusum, level_of
from ignite_domain.governance.cells import Cell, Cells, Scope
from ignite_domain.governance.observed import NOTHING, Accepted, Event, Note, Outcome, Where
from ignite_domain.governance.ports import HistoryPoint, StoredSignal
from ignite_domain.governance.slices import Slices
from ignite_domain.governance.streams import (
    COMPLAINED,
    COUNTED,
    DELIVERED,
    EVENT,
    KEPT_MINUTES,
    WAITED,
    Seen,
    Stream,
    count,
    deliver,
    figures,
)
from ignite_domain.governance.told import REPLY_WINDOW_S, Told, asked_until
from ignite_domain.governance.words import Signal
from ignite_domain.isps import Isp

ELSEWHERE: Final = "elsewhere"
HOST: Final = "host"
WINDOWS_S: Final = (60, 300, 3600, 86_400)
"""The windows that are stored for people to look at; rules may use any up to the longest."""
SCOPES_KEPT: Final = 500
LONGEST_NAME: Final = 300
"""Addresses, jobs and queues counted per provider and elsewhere, first come, and the bytes of their names; those that
were idle for a week are gone at the next start. What finds no room is counted for its provider."""
COMPLAINT_MEDIAN: Final = timedelta(hours=6)
"""How late half of the complaints come after delivery; a setting, since feedback loops differ."""
WALKED: Final = frozenset({"isp", "ip", "job"})
"""Scope types whose alarms some rule asks for."""
BY_JOB: Final = frozenset({"carried"})
"""Reply classes that tell of what a job carries; who was told is remembered by job too."""
STATE: Final = "state"
"""The row of a scope that holds its whole state; the other rows are for people and queries."""


class SignalProcessor:
    """Holds the state of all signals. Rebuilt from `StoredSignal` rows after a restart.

    Deliveries, most of all there is, move no alarm up. They are added up for a minute, by stream, until somebody asks
    for a stream, something else is counted there, or another minute begins: `_firsts` and `_again` hold what is not
    counted yet of minute `_minute`. `charted` False is for who never takes changes: no chart point is kept for them.
    """

    def __init__(
        self,
        stored: Iterable[StoredSignal] = (),
        complaint_median: timedelta = COMPLAINT_MEDIAN,
        *,
        charted: bool = True,
    ) -> None:
        self._median_s = complaint_median.total_seconds()
        self._streams: dict[Scope, Stream] = {}
        self._cells = Cells(self._cell)
        self._minute = -1
        self._asked, self._asked_minute = datetime.min, 0
        self._firsts: Counter[Stream] = Counter()
        self._again: Counter[Stream] = Counter()
        self._said: dict[Scope, dict[str, Told]] = {}  # scope -> replies seen there, by rule
        self._kinds: dict[str, str] = {}  # reply rule -> reply class
        self._scopes: dict[tuple[str, str], dict[str, None]] = {}  # (isp, scope type) -> scopes counted
        self._carried: dict[str, set[str]] = {}  # queue -> whose mail it has carried: brands, elsewhere
        self._touched: set[Stream] = set()
        self._changed: set[Scope] = set()  # without those of `_touched`
        self._unshown: set[Scope] = set()
        self._held_back: set[Scope] = set()
        self._said_anew: set[Told] = set()
        self._slices = Slices()
        self._charted = charted
        self._peaks: list[Stream] = []
        for row in stored:
            if row.signal.startswith("reply:"):
                rule = row.signal.removeprefix("reply:")
                scope = (row.isp, row.scope_type, row.scope)
                self._said.setdefault(scope, {})[rule] = Told.from_state(scope, rule, row.state)
                self._kinds[rule] = str(row.state["kind"])
            elif row.signal == STATE:
                scope = (row.isp, row.scope_type, row.scope)
                self._keep(scope, Stream.from_state(scope, row.state, row.scope_type in WALKED))
                self._unshown.add(scope)  # what was shown before the restart may be older than the state

    def _keep(self, scope: Scope, stream: Stream) -> Stream:
        self._streams[scope] = stream
        self._scopes.setdefault(scope[:2], {})[scope[2]] = None
        if scope[1] == "queue":
            self._carried.setdefault(scope[2], set()).add(scope[0])
        return stream

    # -- counting

    def observe(self, outcomes: Sequence[Outcome], taken: Accepted = NOTHING) -> None:
        """Count outcomes, and deliveries in columns, each in order of time."""
        self.take([one.event for one in outcomes], taken)
        self.note(one.note for one in outcomes if one.names or one.asks_s)

    def take(self, events: Iterable[Event], taken: Accepted = NOTHING) -> None:
        """The same as `observe`, of outcomes that are events already."""
        for stream in self._peaks:
            stream.looked()
        self._peaks.clear()
        rising: list[tuple[Cell, int]] = []
        second, done = -1, 0
        for at, where, code, recipient, rule, kind, waited in events:
            if at != second:
                if rising:
                    self._walk(rising, second)
                if done < len(taken.seconds):
                    done = self._accept(taken, done, bisect_right(taken.seconds, at, done))
                second = at
            cell = self._count(where, at // 60, code)
            if waited:
                count(cell.streams, at // 60, WAITED, waited)
                self._slices.count(cell.streams, at // 60, WAITED, waited)
            if code in EVENT or code == COMPLAINED:
                rising.append((cell, code))
            if rule:
                self._kinds[rule] = kind
                told = cell.told.get(rule) or self._told_in(cell, rule)
                for one in told:
                    one.add(recipient, at)
                self._said_anew.update(told)
        if rising:
            self._walk(rising, second)
        if done < len(taken.seconds):
            self._accept(taken, done, len(taken.seconds))
        for minute, by_where in taken.waited.items():
            for where, seconds in by_where.items():
                count(self._cells.streams[where], minute, WAITED, seconds)
                self._slices.count(self._cells.streams[where], minute, WAITED, seconds)

    def note(self, notes: Iterable[Note]) -> None:
        """Remember, where a reply has been counted, whom it named and how long it asked to wait; a stated wait by
        queue too, since that is what the provider limits."""
        for second, where, recipient, rule, names, asks_s in notes:
            cell = self._cells[where]
            here = cell.told.get(rule) or self._told_in(cell, rule)
            queues = [stream.scope for stream in cell.streams if stream.scope[1] == "queue"] if asks_s else []
            for told in (*here, *(self._told(scope, rule) for scope in queues)):
                told.names = names or told.names
                if asks_s:
                    told.asked(recipient, second, asks_s)
                self._said_anew.add(told)

    def _accept(self, taken: Accepted, start: int, stop: int) -> int:
        """Count a part of deliveries, a minute at a time; returns its end."""
        while start < stop:
            minute = taken.seconds[start] // 60
            end = bisect_left(taken.seconds, 60 * minute + 60, start, stop)
            wheres, again = taken.wheres[start:end], taken.again[start:end]
            if any(again):
                self.accept(minute, compress(wheres, again), first=False)
                wheres = list(compress(wheres, [not one for one in again]))
            self.accept(minute, wheres, first=True)
            start = end
        return stop

    def accept(self, minute: int, wheres: Iterable[Where], *, first: bool) -> None:
        """Count deliveries of one minute (since 1970), `first` attempts or retries.

        The same as to `observe` them one by one, but that peaks are kept: a delivery moves no alarm up.
        """
        if minute != self._minute:
            self._settle()
            self._minute = minute
        streams = chain.from_iterable(map(self._cells.streams.__getitem__, wheres))
        (self._firsts if first else self._again).update(streams)

    def accepted(self, minute: int, counts: Mapping[Where, int], *, first: bool) -> None:
        """The same by how many there were where."""
        if minute != self._minute:
            self._settle()
            self._minute = minute
        waiting = self._firsts if first else self._again
        for where, many in counts.items():
            for stream in self._cells.streams[where]:
                waiting[stream] = waiting.get(stream, 0) + many

    def _settle(self) -> None:
        """Count the deliveries that wait for it."""
        if self._firsts:
            self._deliver(self._firsts)
            self._firsts.clear()
        if self._again:
            self._deliver_again(self._again)
            self._again.clear()

    def _settle_at(self, streams: Iterable[Stream]) -> None:
        """Count those that wait at some streams."""
        firsts, again = self._firsts, self._again
        if waiting := {stream: firsts.pop(stream) for stream in streams if stream in firsts}:
            self._deliver(waiting)
        if again and (waiting := {stream: again.pop(stream) for stream in streams if stream in again}):
            self._deliver_again(waiting)

    def _deliver(self, waiting: Mapping[Stream, int]) -> None:
        deliver(waiting, self._minute)
        self._touched.update(waiting)
        if self._charted:
            for stream, many in waiting.items():
                self._slices.count((stream,), self._minute, DELIVERED, many)

    def _deliver_again(self, waiting: Mapping[Stream, int]) -> None:
        for stream, many in waiting.items():
            count((stream,), self._minute, DELIVERED + 1, many)
            if self._charted:
                self._slices.count((stream,), self._minute, DELIVERED + 1, many)
        self._touched.update(waiting)

    def _count(self, where: Where, minute: int, code: int) -> Cell:
        cell = self._cells[where]
        if minute != self._minute:
            self._settle()
        elif self._firsts or self._again:
            self._settle_at(cell.walked)  # only a walk asks how many went well before
        self._touched.update(cell.streams)
        if self._charted:
            self._slices.count(cell.streams, minute, code)
        count(cell.streams, minute, code)
        return cell

    def _walk(self, rising: list[tuple[Cell, int]], second: int) -> None:
        for cell, code in rising:
            for stream in cell.walked:
                if stream.complaint(second, self._median_s) if code == COMPLAINED else stream.event(code):
                    self._peaks.append(stream)
                if self._charted:
                    self._slices.walked(stream, second, code)
        rising.clear()

    def _cell(self, where: Where) -> Cell:
        label, ip, job, queue = where
        isp = str(label) or ELSEWHERE
        scopes: list[Scope] = [(isp, "isp", isp), (HOST, "host", HOST)]
        for kind, name in (("ip", ip), ("job", job), ("queue", queue)):
            if name and self._has_room(isp, kind, name):
                scopes.append((isp, kind, name))
        streams = tuple(
            self._streams.get(scope) or self._keep(scope, Stream(scope, scope[1] in WALKED)) for scope in scopes
        )
        return Cell(
            streams,
            tuple(stream for stream in streams if stream.walked),
            tuple(scope for scope in scopes if scope[1] in ("isp", "host", "ip")),
        )

    def _has_room(self, isp: str, kind: str, name: str) -> bool:
        """False for a name that is too long or one too many: an MTA's jobs may be named by anybody."""
        known = self._scopes.get((isp, kind), {})
        return name in known or (len(known) < SCOPES_KEPT and len(name) <= LONGEST_NAME)

    def _told_in(self, cell: Cell, rule: str) -> tuple[Told, ...]:
        scopes = cell.replied
        if self._kinds.get(rule) in BY_JOB:
            scopes += tuple(stream.scope for stream in cell.streams if stream.scope[1] == "job")
        found = cell.told[rule] = tuple(self._told(scope, rule) for scope in scopes)
        return found

    def _told(self, scope: Scope, rule: str) -> Told:
        there = self._said.setdefault(scope, {})
        found = there.get(rule)
        if found is None:
            found = there[rule] = Told(scope, rule)
        return found

    # -- reading

    def _stream(self, isp: str, scope_type: str, scope: str) -> Stream | None:
        """The stream of a place, with everything counted that has been handed in."""
        stream = self._streams.get((isp, scope_type, scope))
        if stream is not None and (stream in self._firsts or stream in self._again):
            self._settle_at((stream,))
        return stream

    def _minute_of(self, now: datetime) -> int:
        """The minute of an instant; the same one is asked for by every rule that looks."""
        if now is not self._asked:
            self._asked, self._asked_minute = now, _minute(now)
        return self._asked_minute

    def seen(self, isp: str, scope_type: str, scope: str, signal: Signal, seconds: int, now: datetime) -> Seen:
        """n and x in the last `seconds` before `now`: in whole minutes up to an hour, above in whole hours up to 24."""
        stream = self._stream(isp, scope_type, scope)
        return figures(stream.inside(seconds, self._minute_of(now)), signal) if stream else Seen()

    def since(self, isp: str, scope_type: str, scope: str, signal: Signal, at: datetime) -> Seen:
        """n and x in whole minutes after the one of `at`; more than an hour back, in whole hours after its own."""
        stream = self._stream(isp, scope_type, scope)
        return figures(stream.since(_minute(at)), signal) if stream else Seen()

    def in_minutes(self, isp: str, scope_type: str, scope: str, signal: Signal, minutes: range) -> Seen:
        """n and x in these minutes (since 1970), as far as they are kept: an hour."""
        stream = self._stream(isp, scope_type, scope)
        return figures(stream.total(minutes), signal) if stream else Seen()

    def statistic(self, isp: str, scope_type: str, scope: str, signal: Signal) -> int:
        """The CUSUM's S now, or its peak if the records observed last drove it over the alarm."""
        stream = self._stream(isp, scope_type, scope)
        return stream.statistic(signal) if stream else 0

    def happened(self, isp: str, scope_type: str, scope: str, signal: Signal, seconds: int, now: datetime) -> int:
        """x alone of `seen`, which costs less in the usual case of little or nothing."""
        if seconds > KEPT_MINUTES * 60 or DELIVERED in COUNTED[signal][1]:
            return self.seen(isp, scope_type, scope, signal, seconds, now).x
        stream = self._streams.get((isp, scope_type, scope))
        return stream.events(signal, seconds, self._minute_of(now)) if stream else 0

    def may_alarm(self, isp: str, scope_type: str, scope: str, signal: Signal) -> bool:
        """False if the CUSUM is surely below its alarm: only then is there nothing to look at."""
        stream = self._streams.get((isp, scope_type, scope))
        return stream is not None and stream.may_alarm(signal)

    def level(self, isp: str, scope_type: str, scope: str, signal: Signal) -> Cusum:
        """The CUSUM's level in force there, by the stream's volume."""
        stream = self._stream(isp, scope_type, scope)
        return stream.alarm(signal) if stream and stream.walked else level_of(signal, 0)

    def plan(self, planned: Mapping[str, int]) -> None:
        """First attempts that lie ahead, by provider: a stream's level serves what is planned, not only what was."""
        self._settle()
        for isp, types in list(self._scopes):
            if types == "isp":
                stream = self._streams[(isp, "isp", isp)]
                stream.planned = planned.get(isp, 0)
                stream.relevel()

    def reset(self, isp: str, scope_type: str, scope: str, signals: Iterable[Signal] = tuple(TUNINGS)) -> None:
        """Start alarms afresh, after a decision has been taken on them or a restriction was released."""
        stream = self._stream(isp, scope_type, scope)
        if stream:
            for signal in signals:
                if stream.reset(signal):
                    self._changed.add(stream.scope)

    def scopes(self, isp: str, scope_type: str) -> list[str]:
        """The addresses, jobs or queues of a provider that have been counted."""
        return sorted(self._scopes.get((isp, scope_type), ()))

    def carried(self, queue: str) -> list[str]:
        """Whose mail a queue has carried: brands, and `ELSEWHERE`; several where they share a limiter."""
        return sorted(self._carried.get(queue, ()))

    def steered_by(self, isp: Isp, now: datetime) -> Isp | None:
        """The brand that owns the queues which carry this one's mail, if that is another: most attempts there.

        Some brands share a limiter (AT&T and Cox on Yahoo's MX); two agents must not steer one queue.
        """
        queues = self._scopes.get((isp.value, "queue"), ())
        if all(self._carried[queue] <= {isp.value, ELSEWHERE} for queue in queues):
            return None
        mine = other = 0
        owners: dict[Isp, int] = {}
        for queue in sorted(queues):
            attempts = {
                brand: self.seen(brand.value, "queue", queue, Signal.ATTEMPT, 86_400, now).n
                for brand in Isp
                if brand.value in self._carried[queue]
            }
            owner = max(attempts, key=lambda brand: attempts[brand])
            if owner is isp or attempts[owner] == attempts[isp]:
                mine += attempts[isp]
            else:
                other += attempts[isp]
                owners[owner] = owners.get(owner, 0) + attempts[isp]
        return max(owners, key=lambda brand: owners[brand]) if other > mine else None

    def replies(self, isp: str, scope_type: str, scope: str, now: datetime) -> dict[str, tuple[str, int]]:
        """Reply rule -> (reply class, distinct recipients in the last ten minutes)."""
        limit = int(now.timestamp()) - REPLY_WINDOW_S
        found: dict[str, tuple[str, int]] = {}
        for rule, told in self._said.get((isp, scope_type, scope), {}).items():
            if told.newest > limit and (many := told.since(limit)):
                found[rule] = (self._kinds.get(rule, ""), many)
        return found

    def names(self, isp: str, scope_type: str, scope: str, rule: str) -> tuple[str, str]:
        """Whom a reply named last there: kind of identity, and which one; "" where that was not said."""
        told = self._said.get((isp, scope_type, scope), {}).get(rule)
        kind, _, value = told.names.partition(" ") if told else ("", "", "")
        return kind, value

    def asked(self, isp: str, scope_type: str, scope: str, minute: int) -> int:
        """Minutes more, at the end of `minute` (since 1970), that replies until then ask to wait; 0: none does."""
        return max((told.still(minute) for told in self._said.get((isp, scope_type, scope), {}).values()), default=0)

    def asked_until(self, isp: str, scope_type: str, scope: str) -> datetime:
        """Until when at least two recipients' replies have asked to wait, whatever the reply; 1970 if none have."""
        return datetime.fromtimestamp(asked_until(self._said.get((isp, scope_type, scope), {}).values()), UTC)

    # -- keeping

    def take_changes(self, now: datetime, *, shown: bool = True) -> tuple[list[StoredSignal], list[HistoryPoint]]:
        """The rows that changed since the last call, and what came on top in each slice of time.

        `shown` False leaves out the rows that are for people (a backlog is being read, nobody looks at its every
        step): they come with the next call that has it. So do the states of queues beyond the brands, of which there
        may be hundreds in every step and about which nothing is decided: a kill costs these a few seconds' counts.
        """
        self._settle()
        self._changed |= {stream.scope for stream in self._touched}
        self._unshown |= self._changed
        self._held_back |= {scope for scope in self._changed if scope[:2] == (ELSEWHERE, "queue")}
        stored = self._changed | self._held_back if shown else self._changed - self._held_back
        rows = [StoredSignal(*scope, STATE, 0, 0, 0, 0, self._streams[scope].state()) for scope in sorted(stored)]
        if shown:
            self._held_back.clear()
            rows += [row for scope in sorted(self._unshown) for row in self._rows(scope, now)]
            self._unshown.clear()
        limit = int(now.timestamp()) - REPLY_WINDOW_S
        anew = sorted(self._said_anew, key=lambda told: (told.scope, told.rule))
        rows += [self._reply_row(told, limit) for told in anew]
        points = self._slices.take()
        self._begin_changes()
        return rows, points

    def forget_changes(self, now: datetime) -> None:
        """For who stores nothing: what changed must not pile up, nor must replies that are over."""
        limit = int(now.timestamp()) - REPLY_WINDOW_S
        for told in self._said_anew:
            told.forget(limit)
        self._begin_changes()

    def _begin_changes(self) -> None:
        self._touched.clear()
        self._changed.clear()
        self._said_anew.clear()
        self._slices.clear()

    def _rows(self, scope: Scope, now: datetime) -> list[StoredSignal]:
        stream = self._streams[scope]
        rows = []
        minute = _minute(now)
        day = stream.inside(WINDOWS_S[-1], minute)
        for signal in Signal:
            if not figures(day, signal).n and not figures(day, signal).x:
                continue
            s = stream.statistic(signal)
            for window in WINDOWS_S:
                seen = figures(stream.inside(window, minute), signal)
                rows.append(StoredSignal(*scope, signal.value, window, seen.n, seen.x, s, {}))
        return rows

    def _reply_row(self, told: Told, limit: int) -> StoredSignal:
        told.forget(limit)
        recent = len(told.recipients)
        state = {"kind": self._kinds.get(told.rule, ""), **told.to_state()}
        return StoredSignal(*told.scope, f"reply:{told.rule}", REPLY_WINDOW_S, recent, recent, 0, state)


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // 60


__all__ = ["ELSEWHERE", "HOST", "Seen", "Signal", "SignalProcessor"]
