"""Read models of two console pages: a provider over time, and the history of a sending address. Read only.

Decides nothing; what is stored and for how long is decided by who writes it. Of an address the state has the hours of
the last day, per provider, until it has had no mail for a week; what came of its mail on each day is told from the
stored changes, for as long as those are kept.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import attrs
from psycopg.rows import dict_row

from ignite_adapters.postgres.pool import Pool, transaction
from ignite_domain.governance.ports import StoredSignal
from ignite_domain.governance.signals import ELSEWHERE
from ignite_domain.governance.streams import Seen, Stream, figures
from ignite_domain.governance.words import STANDING, Action, DecisionStatus, Signal
from ignite_domain.isps import Isp

Row = dict[str, Any]
SHOWN_DECISIONS: Final = 200

_SERIES: Final = """
select signal, date_bin(%(bucket)s, at, %(origin)s) as at, sum(n)::bigint as n, sum(x)::bigint as x,
       max(s) as s, max(h) as h
  from mailing_engine_signals
 where isp = %(isp)s and scope_type = %(scope_type)s and scope = %(scope)s and at >= %(since)s and at <= %(end)s
 group by 1, 2 order by 2
"""
_DAYS: Final = """
select isp, (at at time zone 'utc')::date as day,
       coalesce(sum(n) filter (where signal = 'attempt'), 0)::bigint as attempts,
       coalesce(sum(n) filter (where signal = 'complaint'), 0)::bigint as delivered,
       coalesce(sum(x) filter (where signal = 'deferral'), 0)::bigint as deferred,
       coalesce(sum(x) filter (where signal = 'refusal'), 0)::bigint as refused,
       coalesce(sum(x) filter (where signal = 'bounce'), 0)::bigint as dead,
       coalesce(sum(x) filter (where signal = 'complaint'), 0)::bigint as complained
  from mailing_engine_signals
 where isp = any(%(isps)s) and scope_type = 'ip' and scope = %(ip)s and at >= %(since)s group by 1, 2 order by 1, 2
"""
_MARKS: Final = """
select id, at, until, ended_at, agent, action, target_type, target, reason, rule, mode, status, status_note, undoes
  from mailing_engine_decisions
 where isp = %(isp)s and action <> %(suppress)s
   and (at >= %(since)s or ended_at >= %(since)s or (ended_at is null and status = any(%(open)s)))
 order by id desc limit %(limit)s
"""
_STATES: Final = """
select isp, scope_type, scope, signal, window_s, n, x, s, state from mailing_engine_signal_state
 where isp = %(isp)s and (signal = 'state' or signal like 'reply:%%')
"""
_OF_ADDRESS: Final = """
select isp, state, updated_at from mailing_engine_signal_state
 where scope_type = 'ip' and scope = %(ip)s and signal = 'state' order by isp
"""
_NAMED: Final = """
select id, at, until, ended_at, isp, agent, action, target_type, target, reason, rule, mode, status, status_note, undoes
  from mailing_engine_decisions
 where (target_type = 'ip' and target = %(ip)s) or (target_type = 'vmta' and target = any(%(vmtas)s))
    or (target_type = 'queue' and split_part(target, '/', 2) = any(%(vmtas)s))
 order by id desc limit %(limit)s
"""
_WARMUP: Final = """
select vmta, isp, day, budget, on_hand, selected, accepted, deferred, bounced, complained, slow_start, note
  from mailing_warmup_days where ip = %(ip)s and day >= %(since)s order by day, isp
"""
_ADDRESSES: Final = """
select scope as ip, sum(n)::bigint as attempts from mailing_engine_signal_state
 where scope_type = 'ip' and signal = 'attempt' and window_s = 86400 group by 1 order by 2 desc, 1 limit 200
"""
WARMUP_DAYS: Final = timedelta(days=60)
OUTCOME_DAYS: Final = timedelta(days=30)
_LABELS: Final = [*(isp.value for isp in Isp), ELSEWHERE]


@attrs.frozen
class IspReading:
    """`pool`: of the database. All methods are one transaction each."""

    pool: Pool

    async def _rows(self, query: str, **values: Any) -> list[Row]:
        async with transaction(self.pool) as conn, conn.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(query, values)
            return await cursor.fetchall()

    async def series(self, place: tuple[str, str, str], since: datetime, end: datetime, bucket: timedelta) -> list[Row]:
        """`signal at n x s h` of a place (provider, scope type, scope), oldest first, in buckets from midnight UTC on.

        `s` is the highest that the alarm's statistic stood in the bucket and `h` its limit there; None where nothing
        says so.
        """
        isp, scope_type, scope = place
        return await self._rows(
            _SERIES,
            **{"isp": isp, "scope_type": scope_type, "scope": scope, "since": since, "end": end, "bucket": bucket},
            origin=datetime(2000, 1, 1, tzinfo=UTC),
        )

    async def marks(self, isp: str, since: datetime) -> list[Row]:
        """Decisions about a provider that began, ended or stood after `since`, newest first; suppressions left out."""
        statuses = [status.value for status in (*STANDING, DecisionStatus.PROPOSED)]
        return await self._rows(
            _MARKS, isp=isp, since=since, open=statuses, suppress=Action.SUPPRESS.value, limit=SHOWN_DECISIONS
        )

    async def states(self, isp: str) -> list[StoredSignal]:
        """The stored state of a provider's signals, for a `SignalProcessor` that only reads."""
        return [StoredSignal(**row) for row in await self._rows(_STATES, isp=isp)]

    async def addresses(self) -> list[Row]:
        """`ip attempts` of the last day, busiest first."""
        return await self._rows(_ADDRESSES)

    async def named(self, ip: str, vmtas: Sequence[str]) -> list[Row]:
        """Decisions about an address, its VMTAs, or queues through them; newest first."""
        return await self._rows(_NAMED, ip=ip, vmtas=list(vmtas), limit=SHOWN_DECISIONS)

    async def warmup(self, ip: str, today: date) -> list[Row]:
        return await self._rows(_WARMUP, ip=ip, since=today - WARMUP_DAYS)

    async def outcomes(self, ip: str, today: date) -> list[Row]:
        """What came of an address's mail on each of the last thirty days: `isp day attempts delivered deferred refused
        dead complained`; of deferred, refused and dead the first attempts."""
        since = datetime(today.year, today.month, today.day, tzinfo=UTC) - OUTCOME_DAYS
        return await self._rows(_DAYS, ip=ip, since=since, isps=_LABELS)

    async def counted(self, ip: str) -> list[Row]:
        """By provider: `isp updated_at days hours alarms`, from the address's stored state.

        `days`: [day, first attempts]; `hours`: `at attempts delivered deferred refused dead complained`; `alarms`:
        `signal s alarm`.
        """
        return [
            {"isp": row["isp"], "updated_at": row["updated_at"], **_counts(row["isp"], ip, row["state"])}
            for row in await self._rows(_OF_ADDRESS, ip=ip)
        ]


def _counts(isp: str, ip: str, state: Row) -> Row:
    stream = Stream.from_state((isp, "ip", ip), state, walked=True)
    hours, days = stream.sums()
    alarms = [
        {"signal": signal.value, "s": stream.statistic(signal), "alarm": stream.alarm(signal).alarm}
        for signal in (*stream.walks, Signal.COMPLAINT)
    ]
    return {
        "days": [[_day(day), count] for day, count in sorted(days.items()) if count],
        "hours": [_hour(hour, vector) for hour, vector in sorted(hours.items()) if any(vector)],
        "alarms": alarms,
    }


def _day(number: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=number)).isoformat()


def _hour(number: int, vector: Sequence[int]) -> Row:
    def of(signal: Signal) -> Seen:
        return figures(vector, signal)

    return {
        "at": datetime.fromtimestamp(number * 3600, UTC),
        "attempts": of(Signal.ATTEMPT).n,
        "delivered": of(Signal.COMPLAINT).n,  # complaints are counted among what was delivered
        "deferred": of(Signal.DEFERRAL).x,
        "refused": of(Signal.REFUSAL).x,
        "dead": of(Signal.BOUNCE).x,
        "complained": of(Signal.COMPLAINT).x,
    }
