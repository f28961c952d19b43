"""`tally`: count what a batch of accounting records says about the log itself.

By host, type and minute, how far a host's clock is ahead, replies that no rule knows. Decides nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar

from ignite_domain.governance.accounting import AccountingRecord, Entry
from ignite_domain.governance.outcomes import brand_of_record, reply_of
from ignite_domain.governance.replies import sample
from ignite_domain.governance.reply_rules import ReplyClass
from ignite_domain.governance.tally import HostSeen, Seen, Tally

K = TypeVar("K")
REFUSALS: Final = frozenset({"t", "b", "rb", "tq"})
"""The types that carry a reply that may be unknown."""
MINUTES: Final = frozenset({"d", "b"})
"""The types that leave the queue for good: their counts are held against the MTA's own totals, by the minute."""


def tally(
    entries: Mapping[str, Sequence[Entry]], hosts: Sequence[str], failures: Mapping[str, str], now: datetime
) -> Tally:
    """Count what each of `hosts` had to say. `entries` maps hosts to what is new in their files."""
    types: dict[tuple[str, str], Seen] = {}
    minutes: Counter[tuple[str, datetime, str]] = Counter()
    unknown: dict[tuple[str, str, str], Seen] = {}
    seen: list[HostSeen] = []
    for host in hosts:
        records = [one for one in entries.get(host, ()) if isinstance(one, AccountingRecord)]
        newest: datetime | None = None
        # many records share a second: what is counted is looked at once for each second and type
        for (kind, at), count in Counter([(one.type, one.logged) for one in records]).items():
            newest = at if newest is None or at > newest else newest
            _see(types, (host, kind), at, count)
            if kind in MINUTES:
                minutes[host, at.replace(second=0, microsecond=0), kind] += count
        for record in records:
            reply = reply_of(record) if record.type in REFUSALS else None
            if reply is not None and reply.kind is ReplyClass.UNKNOWN:
                isp = brand_of_record(record)
                text = sample(record.diagnostic, record.rcpt)
                _see(unknown, (isp.value if isp else "elsewhere", record.status[:12], text), record.logged, 1)
        ahead = (newest - now).total_seconds() if newest is not None else 0.0
        seen.append(HostSeen(host, now, failures.get(host, ""), newest, ahead))
    return Tally(seen, types, minutes, unknown)


def _see(counts: dict[K, Seen], key: K, at: datetime, count: int) -> None:
    old = counts.get(key)
    counts[key] = Seen(old.count + count, min(old.first, at), max(old.last, at)) if old else Seen(count, at, at)
