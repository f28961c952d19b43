"""`Heard`: the records of one step, in order of time, and which rows of the ledger they name.

Decides which records are believed at all, which mail is ours, and which deliveries are plain: of a message of which
the step tells no more than that. Asks nobody; what the records mean is `gathering`'s to say.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs

from ignite_domain.governance.accounting import AccountingRecord, Rejected
from ignite_domain.governance.deliveries import Deliveries
from ignite_domain.governance.outcomes import hash_of, reply_of
from ignite_domain.governance.ports import FeedBatch
from ignite_domain.governance.replies import Reply

OLDEST: Final = timedelta(days=28)
AHEAD: Final = timedelta(hours=1)
"""A record of the live log outside this span around now is refused: a host's clock is wrong, or the file is old."""
_PREFIX: Final = "ig"


def send_id_of(envid: str) -> int | None:
    """The ledger row that an envelope id names, or None for mail that is not ours."""
    number = envid.removeprefix(_PREFIX)
    ours = envid.startswith(_PREFIX) and number.isascii() and number.isdigit() and len(number) < 19
    return int(number) if ours and number[0] != "0" else None


def _send_ids(envids: Sequence[str]) -> list[int]:
    """Of each the ledger row that it names, or 0; at once where all of them are ours."""
    texts = [envid[2:] for envid in envids if envid[:2] == _PREFIX]
    digits = "".join(texts)
    first = {text[:1] for text in texts}
    plain = digits.isascii() and digits.isdigit() and first.isdisjoint(("", "0")) and max(map(len, texts)) < 19
    if plain and len(texts) == len(envids):
        return list(map(int, texts))
    return [send_id_of(envid) or 0 for envid in envids]


def plausible(batch: FeedBatch, now: datetime, back: timedelta = OLDEST) -> FeedBatch:
    """The batch with records from impossible times refused: the future, or more than `back` ago."""
    oldest, newest = now - back, now + AHEAD
    logged = batch.deliveries.logged
    fit = not logged or (oldest <= min(logged) and max(logged) <= newest)
    if fit and all(isinstance(one, Rejected) or oldest <= one.logged <= newest for one in batch.entries):
        return batch
    why = f"timeLogged lies in the future or more than {back.days} days back"
    entries = [
        one if isinstance(one, Rejected) or oldest <= one.logged <= newest else Rejected(one.line, why)
        for one in batch.entries
    ]
    wanted = [oldest <= at <= newest for at in logged]
    entries += [Rejected(line, why) for line, fits in zip(batch.deliveries.lines, wanted, strict=True) if not fits]
    return attrs.evolve(batch, entries=entries, deliveries=batch.deliveries.where(wanted))


@attrs.frozen
class Heard:
    """The records of one step in order of time, plain deliveries in columns. `sends` and `delivered`: the ledger row
    that each names, 0 for mail that is not ours; `replies`: what the refusals among `records` mean, by place."""

    records: Sequence[AccountingRecord]
    sends: Sequence[int]
    replies: Mapping[int, Reply]
    deliveries: Deliveries
    delivered: Sequence[int]

    @classmethod
    def of(cls, batches: Sequence[FeedBatch]) -> "Heard":
        records = [one for batch in batches for one in batch.entries if not isinstance(one, Rejected)]
        records.sort(key=lambda record: record.logged)
        replies = ((place, reply_of(record)) for place, record in enumerate(records) if record.type != "d")
        deliveries = Deliveries.joined([batch.deliveries for batch in batches] or [Deliveries()])
        return cls(
            records,
            [send_id_of(record.envid) or 0 for record in records],
            {place: reply for place, reply in replies if reply is not None},
            deliveries,
            _send_ids(deliveries.envid),
        )

    @property
    def last(self) -> datetime | None:
        """When the newest record was logged."""
        ends = [*(one.logged for one in self.records[-1:]), *self.deliveries.logged[-1:]]
        return max(ends, default=None)

    @property
    def single(self) -> set[int]:
        """Ledger rows of which more is told than one plain delivery."""
        again = {send for send, times in Counter(self.delivered).items() if times > 1} if self._repeats else set()
        return again.union(self.sends) - {0}

    @property
    def _repeats(self) -> bool:
        ours = self.delivered if 0 not in self.delivered else [one for one in self.delivered if one]
        return len(set(ours)) < len(ours)

    @property
    def named(self) -> set[int]:
        """Ledger rows whose person may have to be suppressed."""
        return {send for send, record in zip(self.sends, self.records, strict=True) if record.type != "d" and send}

    @property
    def refused(self) -> set[str]:
        """Hashes of the recipients whose mail was refused."""
        return {hash_of(self.records[place].rcpt) for place in self.replies if self.records[place].rcpt}

    @property
    def nameless(self) -> set[str]:
        """Hashes of people who complained in a report that names no message."""
        return {hash_of(one.rcpt) for one in self.records if one.type == "f" and not one.envid and one.rcpt}
