"""`tally`: count what a batch of accounting records says about the log itself.

By host, type and minute, how far a host's clock is ahead, replies that no rule knows. Decides nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar

from ignite_domain.governance.accounting import Rejected
from ignite_domain.governance.outcomes import brand_of_record, reply_of
from ignite_domain.governance.ports import FeedBatch
from ignite_domain.governance.replies import sample
from ignite_domain.governance.reply_rules import ReplyClass
from ignite_domain.governance.tally import HostSeen, Seen, Tally

K = TypeVar("K")
REFUSALS: Final = frozenset({"t", "b", "rb", "tq"})
"""The types that carry a reply that may be unknown."""
MINUTES: Final = frozenset({"d", "b"})
"""The types that leave the queue for good: their counts are held against the MTA's own totals, by the minute."""


def tally(batches: Sequence[FeedBatch], hosts: Sequence[str], failures: Mapping[str, str], now: datetime) -> Tally:
    """Count what each of `hosts` had to say in `batches`."""
    types: dict[tuple[str, str], Seen] = {}
    minutes: Counter[tuple[str, datetime, str]] = Counter()
    unknown: dict[tuple[str, str, str], Seen] = {}
    seen: list[HostSeen] = []
    for host in hosts:
        newest: datetime | None = None
        # many records share a second: what is counted is looked at once for each second and type
        for (kind, at), count in _counted([batch for batch in batches if batch.position.host == host]).items():
            newest = at if newest is None or at > newest else newest
            _see(types, (host, kind), at, count)
            if kind in MINUTES:
                minutes[host, at.replace(second=0, microsecond=0), kind] += count
        ahead = (newest - now).total_seconds() if newest is not None else 0.0
        seen.append(HostSeen(host, now, failures.get(host, ""), newest, ahead))
    for batch in batches:
        for record in batch.entries:
            if isinstance(record, Rejected) or record.type not in REFUSALS:
                continue
            reply = reply_of(record)
            if reply is not None and reply.kind is ReplyClass.UNKNOWN:
                isp = brand_of_record(record)
                text = sample(record.diagnostic, record.rcpt)
                _see(unknown, (isp.value if isp else "elsewhere", record.status[:12], text), record.logged, 1)
    return Tally(seen, types, minutes, unknown)


def _counted(batches: Sequence[FeedBatch]) -> Counter[tuple[str, datetime]]:
    """How many records of each type and second there are."""
    found = Counter(
        [(one.type, one.logged) for batch in batches for one in batch.entries if not isinstance(one, Rejected)]
    )
    for batch in batches:
        for at, count in Counter(batch.deliveries.logged).items():
            found["d", at] += count
    return found


def _see(counts: dict[K, Seen], key: K, at: datetime, count: int) -> None:
    old = counts.get(key)
    counts[key] = Seen(old.count + count, min(old.first, at), max(old.last, at)) if old else Seen(count, at, at)
