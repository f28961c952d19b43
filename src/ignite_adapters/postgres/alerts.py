"""Operator alerts: one open row for each kind and subject, and what was told of it over which channel.

Decides that an alert is one alert while it lasts, and what is due to be told. What is wrong is decided elsewhere.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import attrs

from ignite_adapters.postgres.pool import Pool, transaction
from ignite_domain.governance.health import FREEZES, Finding, frozen_by
from ignite_domain.isps import Isp

_OPEN: Final = """
insert into mailing_engine_alerts as a (kind, subject, text, first_seen, last_seen)
select kind, subject, text, %(now)s, %(now)s
  from unnest(%(kinds)s::text[], %(subjects)s::text[], %(texts)s::text[]) as t (kind, subject, text)
on conflict (kind, subject) where ended_at is null do update set text = excluded.text, last_seen = excluded.last_seen
returning id, first_seen = %(now)s
"""
_END: Final = """
update mailing_engine_alerts set ended_at = %(now)s
 where ended_at is null and kind = any(%(watched)s)
   and not exists (select 1 from unnest(%(kinds)s::text[], %(subjects)s::text[]) as t (kind, subject)
                    where t.kind = mailing_engine_alerts.kind and t.subject = mailing_engine_alerts.subject)
returning id
"""
_LIST: Final = """
select id, kind, subject, text, first_seen, last_seen, ended_at from mailing_engine_alerts
 where id < %(before)s and (ended_at is null or not %(open)s) order by id desc limit %(limit)s
"""
# `what` is begun for an open alert of which nothing was told yet, ended for one that was told and is over.
# `quiet_since`: anything told after it about the same kind and subject makes this one wait. The webhook waits
# only with what begins: its end is told at once, so that whoever was called knows.
_DUE: Final = """
select id, kind, subject, text, first_seen, last_seen, ended_at,
       case when ended_at is null then 'begun' else 'ended' end
  from mailing_engine_alerts a
 where (a.ended_at is null or a.ended_at >= %(oldest)s)
   and (a.ended_at is not null) = exists (
       select 1 from mailing_engine_alert_tellings t
        where t.alert_id = a.id and t.channel = %(channel)s and t.what = 'begun')
   and not exists (select 1 from mailing_engine_alert_tellings t
                    where t.alert_id = a.id and t.channel = %(channel)s and t.what = 'ended')
   and not ((a.ended_at is null or %(each)s) and exists (
       select 1 from mailing_engine_alert_tellings t join mailing_engine_alerts o on o.id = t.alert_id
        where o.kind = a.kind and o.subject = a.subject and t.channel = %(channel)s and t.told_at > %(quiet_since)s
          and (%(each)s or t.what = 'begun')))
   and not (%(each)s and exists (select 1 from mailing_engine_alerts n
                                  where n.kind = a.kind and n.subject = a.subject and n.id > a.id))
 order by id
"""
_TOLD: Final = """
insert into mailing_engine_alert_tellings (alert_id, channel, what, told_at) values (%s, %s, %s, %s)
on conflict do nothing
"""
_PRUNE: Final = "delete from mailing_engine_alerts where ended_at < %s"
KEEP: Final = timedelta(days=90)
LATE: Final = timedelta(days=1)
"""An end that could not be told for so long is not told any more."""


@attrs.frozen
class Alert:
    """`ended_at` is None while it lasts."""

    id: int
    kind: str
    subject: str
    text: str
    first_seen: datetime
    last_seen: datetime
    ended_at: datetime | None

    @property
    def about(self) -> str:
        """The subject as people write it."""
        names = {isp.value: isp.shown for isp in Isp}
        return " ".join(names.get(word, word.replace("_", " ")) for word in self.subject.split())


class AlertStore:
    """Alerts of all kinds; who watches for some names the kinds he watches, and the rest is left alone."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def hold(self, found: Sequence[Finding], watched: Collection[str], now: datetime) -> tuple[int, int]:
        """Make what is stored agree with what was `found` of the `watched` kinds; returns (begun, ended)."""
        values = {
            "kinds": [one.kind for one in found],
            "subjects": [one.subject for one in found],
            "texts": [one.text for one in found],
            "watched": sorted(watched),
            "now": now,
        }
        async with transaction(self._pool) as conn:
            begun = await (await conn.execute(_OPEN, values)).fetchall() if found else []
            ended = await (await conn.execute(_END, values)).fetchall()
            await conn.execute(_PRUNE, (now - KEEP,))
        return sum(1 for _, new in begun if new), len(ended)

    async def listed(self, before: int, limit: int, *, open_only: bool = False) -> list[dict[str, Any]]:
        """Newest first."""
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_LIST, {"before": before, "open": open_only, "limit": limit})).fetchall()
        return [attrs.asdict(Alert(*row)) for row in rows]

    async def standing(self, kinds: Collection[str]) -> set[tuple[str, str]]:
        """(kind, subject) of the open alerts of these kinds."""
        query = "select kind, subject from mailing_engine_alerts where ended_at is null and kind = any(%s)"
        async with transaction(self._pool) as conn:
            return {(kind, subject) for kind, subject in await (await conn.execute(query, (sorted(kinds),))).fetchall()}

    async def due(
        self, channel: str, now: datetime, quiet: timedelta, *, each: bool = False
    ) -> list[tuple[Alert, str]]:
        """What should be told over `channel` now: (alert, "begun" or "ended").

        The beginning of one alert is told at most once in `quiet`, however often it comes and goes; with
        `each`, so is its end, and what has been overtaken is not told any more.
        """
        values = {"channel": channel, "quiet_since": now - quiet, "each": each, "oldest": now - LATE}
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(_DUE, values)).fetchall()
        return [(Alert(*row[:-1]), row[-1]) for row in rows]

    async def told(self, alert: Alert, channel: str, what: str, now: datetime) -> None:
        async with transaction(self._pool) as conn:
            await conn.execute(_TOLD, (alert.id, channel, what, now))


class FrozenBy:
    """Why nothing may be loosened now, by the alerts that stand; "" if it may. `hosts`: those whose logs are read."""

    def __init__(self, alerts: AlertStore, hosts: Sequence[str]) -> None:
        self._alerts = alerts
        self._hosts = tuple(hosts)

    async def __call__(self) -> str:
        return frozen_by(await self._alerts.standing(FREEZES), self._hosts)
