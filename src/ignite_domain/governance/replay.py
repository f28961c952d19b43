"""`Replay`: what governance would have decided about a log that is long written, second by second.

Decides when rules look, what is a first attempt, and what became of every decision's target while it lived. Nothing
that is decided changes what happened: a lifetime ends as the orchestrator ends it, a probe is judged on the outcomes
that were recorded. It reads no files and keeps nothing: no store, no ledger, no clock.

All records of one second are counted before any rule looks. An agent looks at the end of each second in which
something happened at its provider that one of its rules looks for; a second of nothing but deliveries gives none a
reason. Deliveries, which most records are, are therefore counted in bulk, up to the next second that needs a look.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from ignite_domain.governance.book import Book, Totals
from ignite_domain.governance.judging import Happened, Judge, Wrong
from ignite_domain.governance.logged import (
    BOUNCED,
    BRAND,
    COMPLAINED,
    CONNECTION,
    DEFERRED,
    DELIVERED,
    ORDER,
    Line,
    Said,
    Stretch,
)
from ignite_domain.governance.observed import Event, Note, Where, code_of
from ignite_domain.governance.outcomes import FIRST_ATTEMPT
from ignite_domain.governance.words import Signal

OPEN_MESSAGES: Final = 200_000
"""Messages under way (deferred, not yet delivered or bounced) that are remembered; the oldest go first."""
MESSAGE_LIFE_S: Final = 5 * 86_400
"""No MTA tries longer than this; what was deferred before is forgotten."""
QUIET_STEPS: Final = 200
"""In a gap of the log nothing can be judged: after so many ends of lifetimes the rest of the gap is skipped."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Replay:
    """Feed it `minute`s in order of time, then `close`. `book` and `totals` hold what came of it."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.book = Book()
        self.totals = Totals()
        self._now = -1
        self._old = 0  # what was queued before may have been tried before the log began
        self._waiting: dict[str, int] = {}  # message under way -> second of its last deferral
        self._meanings: dict[tuple[int, Said], _Meaning] = {}

    def minute(self, second: int, log: Stretch) -> None:
        """Take in whole seconds of one minute, sorted, and look wherever there is a reason. `second`: the first.

        Records of earlier seconds come late: they are counted in their own windows, together with `second`.
        """
        if self._now < 0:
            self._old = second - int(FIRST_ATTEMPT.total_seconds())
        elif second // 60 != self._now // 60:
            self._turn()
        self._add_up(log)
        log.single_out(self._doubtful(log, second // 60))
        self._go_through(second, log)

    def _add_up(self, log: Stretch) -> None:
        for label, many in Counter(map(BRAND, log.wheres)).items():
            self.totals.of(label).delivered += many
        for second, order, (label, *_), _, _, _, said, _ in log.lines:
            del second
            self.totals.of(label).add(order, 1)
            if said.hard and order == BOUNCED:
                self.totals.dead[(label, said.rule)] = self.totals.dead.get((label, said.rule), 0) + 1

    def _doubtful(self, log: Stretch, minute: int) -> list[int]:
        """Indices of deliveries that may be retries, or come late."""
        waiting = self._waiting
        deferred = {line[3] for line in log.lines if line[1] == DEFERRED}
        doubtful: set[int] = set()
        if not waiting.keys().isdisjoint(log.messages) or not deferred.isdisjoint(log.messages):
            doubtful.update(at for at, one in enumerate(log.messages) if one in waiting or one in deferred)
        if log.queued and min(log.queued) < self._old:
            doubtful.update(at for at, one in enumerate(log.queued) if -1 < one < self._old)
        if log.seconds and log.seconds[0] // 60 != minute:
            doubtful.update(range(bisect_left(log.seconds, minute * 60)))
        return sorted(doubtful)

    def _go_through(self, second: int, log: Stretch) -> None:
        seconds, wheres, lines = log.seconds, log.wheres, log.lines
        wrongs = [line[0] for line in lines if line[1] != DELIVERED]
        wrongs.append(log.last)
        at = done = past = 0
        while at < len(seconds) or done < len(lines):
            self._end_lifetimes(second)
            edge = self._next_look(second, wrongs[past])
            stop = bisect_right(seconds, edge, at)
            until = bisect_left(lines, (edge + 1,), done) if done < len(lines) else done
            past = bisect_right(wrongs, edge, past, len(wrongs) - 1)
            wrong = self._count(lines[done:until], wheres[at:stop], second // 60)
            if stop > at:
                second = max(second, seconds[stop - 1])
            if until > done:
                second = max(second, lines[until - 1][0])
            self._now = second
            at, done = stop, until
            now = _EPOCH + timedelta(seconds=second)
            if wrong or self.book.is_due(now):
                self._look(now, wrong)
            if at < len(seconds):
                second = min(seconds[at], lines[done][0]) if done < len(lines) else seconds[at]
            elif done < len(lines):
                second = lines[done][0]

    def _look(self, now: datetime, wrong: Wrong) -> None:
        self.book.take(self.judge.look(now, wrong, self.book), now)
        self.book.looked(now)

    def _next_look(self, second: int, wrong: int) -> int:
        """The first second from `second` on whose end may need a look; `wrong`: the next in which something does."""
        if self.book.probing:
            return second
        end = self.book.end
        return max(second, wrong if end is None else min(wrong, int(end.timestamp())))

    def close(self) -> None:
        """The log is over: its last minute ends."""
        if self._now >= 0:
            self._turn()

    def _turn(self) -> None:
        end = datetime.fromtimestamp((self._now // 60 + 1) * 60, UTC)
        self.book.take(self.judge.turn(end, self.book), end)
        old = self._now - MESSAGE_LIFE_S
        while self._waiting and next(iter(self._waiting.values())) < old:
            del self._waiting[next(iter(self._waiting))]

    def _end_lifetimes(self, second: int) -> None:
        """End the lifetimes that run out before `second`, each in its own time."""
        for _ in range(QUIET_STEPS):
            end = self.book.end
            if end is None or end.timestamp() >= second:
                return
            self._look(end, {})
            if self.book.end == end:
                return  # nothing more to be said about it now

    def _count(self, lines: Sequence[Line], accepted: Sequence[Where], minute: int) -> dict[str, Happened]:
        """Count first attempts that were accepted, and every line; returns what went wrong."""
        wrong: dict[str, Happened] = {}
        events: list[Event] = []
        notes: list[Note] = []
        more: list[Where] = []
        again: list[Where] = []
        for line in lines:
            if line[1] == DELIVERED:
                self._deliver(line, minute, more, again)
            else:
                events.append(self._gone_wrong(line, self._is_first(line), wrong))
                said = line[6]
                if said.names or said.asks_s:
                    notes.append(Note(line[0], line[2], line[5], said.rule, said.names, said.asks_s))
        for first, places in ((True, accepted), (True, more), (False, again)):
            if places:
                self.judge.accept(minute, places, first=first)
                if self.book.watched:
                    self.book.watch(Counter(places), DELIVERED)
        if events:  # after the quiet ones of their second, as signals count them
            self.judge.take(events)
        if notes:
            self.judge.note(notes)
        return wrong

    def _deliver(self, line: Line, minute: int, firsts: list[Where], again: list[Where]) -> None:
        """Note where a delivery was, by whether it was a first attempt. A late one is counted at once."""
        second, _, where, message, queued, *_ = line
        first = self._waiting.pop(message, None) is None and not -1 < queued < self._old
        if second // 60 == minute:
            (firsts if first else again).append(where)
        else:
            self.judge.accept(second // 60, [where], first=first)
            self.book.watch({where: 1}, DELIVERED)

    def _is_first(self, line: Line) -> bool:
        """Whether what is no delivery is a message's first attempt; remembers what is under way."""
        second, order, _, message, queued, _, _, ours = line
        if not ours or order >= COMPLAINED:
            return False
        first = self._waiting.pop(message, None) is None and not -1 < queued < self._old
        if order == DEFERRED:
            self._waiting[message] = second
            if len(self._waiting) > OPEN_MESSAGES:
                del self._waiting[next(iter(self._waiting))]
        return first

    def _gone_wrong(self, line: Line, first: bool, wrong: dict[str, Happened]) -> Event:
        second, order, where, _, _, recipient, said, _ = line
        label, ip, job, _ = where
        happened = wrong.get(label)
        if happened is None:
            happened = wrong[label] = Happened()
        meaning = self._meanings.get((order, said)) or self._meaning(order, said)
        what, code, again, rule = meaning
        happened.what |= what
        happened.ips.add(ip)
        happened.jobs.add(job)
        if self.book.watched:
            self.book.watch({where: 1}, order)
        return second, where, code if first else again, recipient, rule, said.kind, 0

    def _meaning(self, order: int, said: Said) -> "_Meaning":
        kind = ORDER[order]
        codes = [code_of(kind, one, said.address_fault, said.about_us, said.kind) for one in (True, False)]
        what = frozenset({_rose(order, said), said.kind} - {""})
        found = what, codes[0], codes[1], said.rule if order != CONNECTION else ""
        if len(self._meanings) > OPEN_MESSAGES:
            self._meanings.clear()
        self._meanings[(order, said)] = found
        return found


_Meaning = tuple[frozenset[str], int, int, str]
"""What happened, the codes of a first attempt and of a retry, and the reply's rule where it is remembered."""


def _rose(order: int, said: Said) -> str:
    """The signal that an outcome raises."""
    if order == BOUNCED:
        return _BOUNCE if said.address_fault else _REFUSAL if said.about_us else _ATTEMPT
    return _RAISED[order]


_BOUNCE: Final = Signal.BOUNCE.value
_REFUSAL: Final = Signal.REFUSAL.value
_ATTEMPT: Final = Signal.ATTEMPT.value
_RAISED: Final = {
    DEFERRED: Signal.DEFERRAL.value,
    CONNECTION: Signal.CONNECTION.value,
    COMPLAINED: Signal.COMPLAINT.value,
}

__all__ = ["Replay", "Wrong"]
