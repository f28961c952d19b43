"""`SignalProcessor`: rolling windows and CUSUM alarms per provider, address, job and queue.

Decides what is counted where; what a count means is decided by the agents. Windows and alarms count the
first attempt of a message only: its retries are not independent. Probes are judged by all attempts.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import attrs

from ignite_domain.governance.ports import HistoryPoint, StoredSignal
from ignite_domain.isps import Isp

ELSEWHERE: Final = "elsewhere"
HOST: Final = "host"
KEPT_MINUTES: Final = 60
KEPT_HOURS: Final = 24
WINDOWS_S: Final = (300, 3600, 86_400)
"""The windows that are stored for people to look at; rules may use any up to the longest."""
HISTORY_MINUTES: Final = 5
REPLY_WINDOW_S: Final = 600
REPLIES_KEPT: Final = 64
SCOPES_KEPT: Final = 500
LONGEST_NAME: Final = 300
"""Addresses, jobs and queues counted per provider, and the bytes of their names; idle ones go after a week."""


class Signal(StrEnum):
    DEFERRAL = "deferral"  # t records
    BOUNCE = "bounce"  # dead or unknown addresses
    REFUSAL = "refusal"  # 5xx about us: reputation, policy, authentication
    COMPLAINT = "complaint"  # f records among delivered
    ATTEMPT = "attempt"  # every attempt, retries included; x: not accepted
    CONNECTION = "connection"  # tq records


@attrs.frozen
class Cusum:
    """Integer lattice CUSUM: +up on an event, −1 otherwise; alarm at H (governance page, "Alarms").

    `arl0` is the mean number of messages to a false alarm at p0, rounded to 10,000.
    """

    up: int
    alarm: int
    p0: float
    p1: float
    arl0: int

    @property
    def ceiling(self) -> int:
        """S stops here: an incident that lasted long must not take as long again to be forgotten."""
        return 2 * self.alarm


CUSUM: Final[Mapping[Signal, Cusum]] = {
    Signal.DEFERRAL: Cusum(4, 40, 0.10, 0.30, 1_810_000),
    Signal.BOUNCE: Cusum(19, 206, 0.03, 0.08, 1_870_000),
    Signal.REFUSAL: Cusum(22, 169, 0.02, 0.08, 1_920_000),
    # the table's unit is 100 delivered messages; counted here per message in hundredths of a step
    Signal.COMPLAINT: Cusum(700, 2800, 0.0005, 0.003, 1_580_000),
}
"""Rows of the table for streams of up to 36,000 messages in 30 days; `tests` derive H again."""


class OutcomeKind(StrEnum):
    DELIVERED = "delivered"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    CONNECTION = "connection"


@attrs.frozen(slots=True)
class Outcome:
    """What one record says, as signals see it. `address_fault`: the reply is about the recipient's address.

    `recipient` is a hash. `reply_rule` and `reply_kind` are "" for deliveries.
    """

    at: datetime
    isp: Isp | None
    kind: OutcomeKind
    ip: str
    job: str
    queue: str
    recipient: str
    first: bool
    address_fault: bool = False
    about_us: bool = False
    reply_kind: str = ""
    reply_rule: str = ""


Key = tuple[str, str, str, str]  # isp, scope type, scope, signal


@attrs.define(slots=True)
class _Count:
    buckets: dict[int, list[int]] = attrs.field(factory=dict)  # minute -> [n, x], an hour of them
    hours: dict[int, list[int]] = attrs.field(factory=dict)  # hour -> [n, x], a day of them
    s: int = 0

    def add(self, minute: int, events: int, cusum: Cusum | None, exposure: int = 1) -> None:
        bucket = self.buckets.get(minute)
        if bucket is None:
            bucket = self.buckets[minute] = [0, 0]
            if len(self.buckets) > KEPT_MINUTES + 8:
                for old in [m for m in self.buckets if m < minute - KEPT_MINUTES]:
                    del self.buckets[old]
        bucket[0] += exposure
        bucket[1] += events
        hour = self.hours.get(minute // 60)
        if hour is None:
            hour = self.hours[minute // 60] = [0, 0]
            for old in [h for h in self.hours if h < minute // 60 - KEPT_HOURS]:
                del self.hours[old]
        hour[0] += exposure
        hour[1] += events
        if cusum is not None:
            self.s = min(cusum.ceiling, max(0, self.s + (cusum.up if events else -1)))

    def inside(self, seconds: int, now: int) -> "Seen":
        """n and x in the last `seconds` before the minute `now`; above an hour in whole hours, the current included."""
        if seconds <= 3600:
            first = now - seconds // 60
            pairs = [pair for minute, pair in self.buckets.items() if minute > first]
        else:
            first = now // 60 - seconds // 3600
            pairs = [pair for hour, pair in self.hours.items() if hour > first]
        return Seen(sum(n for n, _ in pairs), sum(x for _, x in pairs))


@attrs.frozen(slots=True)
class Seen:
    """n exposures and x events in a window."""

    n: int = 0
    x: int = 0

    @property
    def share(self) -> float:
        return self.x / self.n if self.n else 0.0


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // 60


class SignalProcessor:
    """Holds the state of all signals. Rebuilt from `StoredSignal` rows after a restart."""

    def __init__(self, stored: Iterable[StoredSignal] = ()) -> None:
        self._counts: dict[Key, _Count] = {}
        self._replies: dict[Key, dict[str, int]] = {}  # recipient -> last second; signal is reply:<rule>
        self._said: dict[tuple[str, str, str], set[str]] = {}  # scope -> reply signals seen there
        self._kinds: dict[str, str] = {}  # reply rule -> reply class
        self._scopes: dict[tuple[str, str], set[str]] = {}  # (isp, scope type) -> scopes counted
        self._changed: set[Key] = set()
        self._slices: set[tuple[str, int]] = set()
        for row in stored:
            key = (row.isp, row.scope_type, row.scope, row.signal)
            if row.signal.startswith("reply:"):
                self._replies[key] = {str(who): int(at) for who, at in row.state["recipients"]}
                self._said.setdefault(key[:3], set()).add(row.signal)
                self._kinds[row.signal] = str(row.state["kind"])
            elif row.state:
                buckets = {int(minute): [int(n), int(x)] for minute, n, x in row.state["buckets"]}
                hours = {int(hour): [int(n), int(x)] for hour, n, x in row.state["hours"]}
                self._counts[key] = _Count(buckets, hours, row.s)
                self._scopes.setdefault(key[:2], set()).add(row.scope)

    def observe(self, outcomes: Sequence[Outcome]) -> int:
        """Count outcomes, in order of time; returns how many signals they changed."""
        before = len(self._changed)
        for one in outcomes:
            self._observe(one)
        return len(self._changed) - before

    def _observe(self, one: Outcome) -> None:
        isp = one.isp.value if one.isp else ELSEWHERE
        minute = _minute(one.at)
        scopes = [(isp, "isp", isp), (HOST, "host", HOST)]
        for kind, name in (("ip", one.ip), ("job", one.job), ("queue", one.queue if one.isp else "")):
            if name and self._has_room(isp, kind, name):
                scopes.append((isp, kind, name))
        self._slices.add((isp, minute // HISTORY_MINUTES))
        if one.kind is OutcomeKind.CONNECTION:
            self._add(scopes, Signal.CONNECTION, minute, 1)
            return
        if one.kind is OutcomeKind.COMPLAINED:
            # the exposure was counted when the message was delivered
            for scope in scopes:
                self._count(scope, Signal.COMPLAINT).add(minute, 1, CUSUM[Signal.COMPLAINT], exposure=0)
            return
        accepted = one.kind is OutcomeKind.DELIVERED
        self._add(scopes, Signal.ATTEMPT, minute, not accepted and not one.address_fault)
        if accepted:
            self._add(scopes, Signal.COMPLAINT, minute, 0)
        if one.reply_rule:
            for scope in scopes:
                if scope[1] in ("isp", "host", "ip"):
                    self._reply((*scope, f"reply:{one.reply_rule}"), one)
        if one.first:
            self._add(scopes, Signal.DEFERRAL, minute, one.kind is OutcomeKind.DEFERRED)
            self._add(scopes, Signal.BOUNCE, minute, one.kind is OutcomeKind.BOUNCED and one.address_fault)
            self._add(scopes, Signal.REFUSAL, minute, one.about_us)

    def _has_room(self, isp: str, kind: str, name: str) -> bool:
        """False for a name that is too long or one too many: an MTA's jobs may be named by anybody."""
        known = self._scopes.get((isp, kind), ())
        return name in known or (len(known) < SCOPES_KEPT and len(name) <= LONGEST_NAME)

    def _count(self, scope: tuple[str, str, str], signal: Signal) -> _Count:
        key = (*scope, signal.value)
        self._changed.add(key)
        count = self._counts.get(key)
        if count is None:
            count = self._counts[key] = _Count()
            self._scopes.setdefault(scope[:2], set()).add(scope[2])
        return count

    def _add(self, scopes: Sequence[tuple[str, str, str]], signal: Signal, minute: int, event: int | bool) -> None:
        cusum = CUSUM.get(signal)
        for scope in scopes:
            self._count(scope, signal).add(minute, int(event), cusum)

    def _reply(self, key: Key, one: Outcome) -> None:
        second = int(one.at.timestamp())
        recipients = self._replies.setdefault(key, {})
        recipients[one.recipient] = second
        if len(recipients) > REPLIES_KEPT:
            for who in sorted(recipients, key=recipients.__getitem__)[: len(recipients) - REPLIES_KEPT]:
                del recipients[who]
        self._said.setdefault(key[:3], set()).add(key[3])
        self._kinds[key[3]] = one.reply_kind
        self._changed.add(key)

    def seen(self, isp: str, scope_type: str, scope: str, signal: Signal, seconds: int, now: datetime) -> Seen:
        """n and x in the last `seconds` before `now`: in whole minutes up to an hour, above in whole hours up to 24."""
        count = self._counts.get((isp, scope_type, scope, signal.value))
        return count.inside(seconds, _minute(now)) if count else Seen()

    def since(self, isp: str, scope_type: str, scope: str, signal: Signal, at: datetime) -> Seen:
        """n and x in whole minutes after the one of `at`, as far back as an hour is kept."""
        count = self._counts.get((isp, scope_type, scope, signal.value))
        if count is None:
            return Seen()
        first = _minute(at)
        inside = [pair for minute, pair in count.buckets.items() if minute > first]
        return Seen(sum(n for n, _ in inside), sum(x for _, x in inside))

    def statistic(self, isp: str, scope_type: str, scope: str, signal: Signal) -> int:
        """The CUSUM's S now."""
        count = self._counts.get((isp, scope_type, scope, signal.value))
        return count.s if count else 0

    def reset(self, isp: str, scope_type: str, scope: str, signals: Iterable[Signal] = tuple(CUSUM)) -> None:
        """Start alarms afresh, after a decision has been taken on them or a restriction was released."""
        for signal in signals:
            key = (isp, scope_type, scope, signal.value)
            if (count := self._counts.get(key)) is not None and count.s:
                count.s = 0
                self._changed.add(key)

    def scopes(self, isp: str, scope_type: str) -> list[str]:
        """The addresses, jobs or queues of a provider that have been counted."""
        return sorted(self._scopes.get((isp, scope_type), ()))

    def steered_by(self, isp: Isp, now: datetime) -> Isp | None:
        """The brand that owns the queues which carry this one's mail, if that is another: most attempts there.

        Some brands share a limiter (AT&T and Cox on Yahoo's MX); two agents must not steer one queue.
        """
        mine = other = 0
        owners: dict[Isp, int] = {}
        for queue in self.scopes(isp.value, "queue"):
            attempts = {
                brand: self.seen(brand.value, "queue", queue, Signal.ATTEMPT, 86_400, now).n
                for brand in Isp
                if queue in self._scopes.get((brand.value, "queue"), ())
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
        for signal in self._said.get((isp, scope_type, scope), ()):
            recipients = self._replies[(isp, scope_type, scope, signal)]
            count = sum(1 for at in recipients.values() if at > limit)
            if count:
                found[signal.removeprefix("reply:")] = (self._kinds.get(signal, ""), count)
        return found

    def take_changes(self, now: datetime) -> tuple[list[StoredSignal], list[HistoryPoint]]:
        """The rows that changed since the last call, and the chart points they touch."""
        rows = [row for key in sorted(self._changed) for row in self._rows(key, now)]
        points = [point for isp, number in sorted(self._slices) for point in self._slice(isp, number)]
        self._changed.clear()
        self._slices.clear()
        return rows, points

    def _rows(self, key: Key, now: datetime) -> list[StoredSignal]:
        isp, scope_type, scope, signal = key
        if signal.startswith("reply:"):
            recipients = self._replies[key]
            limit = int(now.timestamp()) - REPLY_WINDOW_S
            recent = {who: at for who, at in recipients.items() if at > limit}
            self._replies[key] = recent
            state: dict[str, Any] = {"kind": self._kinds.get(signal, ""), "recipients": list(recent.items())}
            return [StoredSignal(isp, scope_type, scope, signal, REPLY_WINDOW_S, len(recent), len(recent), 0, state)]
        count = self._counts[key]
        state = {
            "buckets": [[minute, n, x] for minute, (n, x) in sorted(count.buckets.items())],
            "hours": [[hour, n, x] for hour, (n, x) in sorted(count.hours.items())],
        }
        rows = []
        for window in WINDOWS_S:
            seen = count.inside(window, _minute(now))
            kept = state if window == WINDOWS_S[-1] else {}
            rows.append(StoredSignal(isp, scope_type, scope, signal, window, seen.n, seen.x, count.s, kept))
        return rows

    def _slice(self, isp: str, number: int) -> list[HistoryPoint]:
        at = datetime.fromtimestamp(number * HISTORY_MINUTES * 60, UTC)
        points = []
        for signal in (Signal.DEFERRAL, Signal.BOUNCE, Signal.COMPLAINT):
            count = self._counts.get((isp, "isp", isp, signal.value))
            inside = [
                pair for minute, pair in (count.buckets.items() if count else ()) if minute // HISTORY_MINUTES == number
            ]
            points.append(HistoryPoint(at, isp, signal.value, sum(n for n, _ in inside), sum(x for _, x in inside)))
        return points
