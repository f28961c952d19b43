"""`python -m bench.ticks [--ticks N] [--rounds N] [--json]`: what the 48 agents cost at one tick a second.

A tick is the ingest worker's whole step, caught up with its log: it reads positions, counts what is new, evaluates the
48 agents and the host's watch, settles what they wish, and saves the changed signals, chart points and agents on an
embedded PostgreSQL. There are 300 dimensions (the host, eight providers, and the addresses, jobs and queues of each)
with an hour of mail in every minute and a day in every hour. Records come when a dimension has to change: one in ten
of them, or all. Counted is the processor time of our process, as a share of a core at one tick a second; the server's
own is another process. Limits: 5 % when one in ten changed, 12 % when all did.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final

import attrs

from ignite_adapters.memory.accounting import MemoryFeed
from ignite_adapters.postgres import embedded
from ignite_adapters.postgres.governance import PostgresGovernanceStore
from ignite_adapters.postgres.migrate import migrate
from ignite_adapters.postgres.pool import open_pool
from ignite_app.workers.ingest import IngestWorker
from ignite_domain.governance.accounting import AccountingRecord
from ignite_domain.governance.orchestrator import Orchestrator
from ignite_domain.governance.ports import FeedBatch, Position
from ignite_domain.governance.words import Mode

START: Final = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
LIMITS: Final = {"10 % changed": 0.05, "all changed": 0.12}
BRANDS: Final = (
    "gmail.com",
    "yahoo.com",
    "hotmail.com",
    "icloud.com",
    "comcast.net",
    "att.net",
    "cox.net",
    "charter.net",
)
EACH: Final = 12
"""Addresses, jobs and queues of a provider: with the provider itself 37 dimensions, in all 296 and the host."""


@attrs.define
class HandClock:
    at: datetime = START

    def now(self) -> datetime:
        return self.at


class QueuedFeed(MemoryFeed):
    """Hands out the records that were put into it."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[AccountingRecord] = []
        self._offsets = count(1)

    async def read(self, positions: Mapping[str, Position], limit: int) -> list[FeedBatch]:
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return [FeedBatch(Position("bench", "bench", next(self._offsets)), taken)] if taken else []


def mail(at: datetime, places: Sequence[tuple[int, int]]) -> Iterator[AccountingRecord]:
    """A delivery for each (provider, number): it touches the provider, one of its addresses, jobs and queues."""
    for brand, number in places:
        yield AccountingRecord(
            "d",
            at,
            at,
            rcpt=f"p{number}@{BRANDS[brand]}",
            source_ip=f"192.0.2.{number}",
            vmta=f"mta{number}",
            job=f"c{number}",
            queue=f"{BRANDS[brand]}/mta{number}",
        )


EVERYWHERE: Final = [(brand, number) for brand in range(len(BRANDS)) for number in range(EACH)]
SOME: Final = EVERYWHERE[:: len(EVERYWHERE) // 7][:7]  # 21 addresses, jobs and queues, 7 providers, the host


async def shares(dsn: str, ticks: int, rounds: int) -> dict[str, float]:
    """The best round's processor seconds a tick for each of `LIMITS`."""
    pool = await open_pool(dsn, 4)
    feed, clock = QueuedFeed(), HandClock()
    worker = IngestWorker(
        feed,
        PostgresGovernanceStore(pool),
        Orchestrator(lambda kind, isp: Mode.OBSERVE),
        {},
        clock,  # type: ignore[arg-type]  # the part of a Clock that workers use
        poll_seconds=1,
    )
    hours = [START - timedelta(hours=back) for back in range(24, 1, -1)]
    minutes = [START - timedelta(minutes=back) for back in range(60, 0, -1)]
    feed.waiting = [record for at in (*hours, *minutes) for record in mail(at, EVERYWHERE)]
    while await worker.step():
        pass
    found = dict.fromkeys(LIMITS, float("inf"))
    for _ in range(rounds):
        for name, places in zip(LIMITS, (SOME, EVERYWHERE), strict=True):
            spent = 0.0
            for _ in range(ticks):
                clock.at += timedelta(seconds=1)
                feed.waiting = list(mail(clock.at, places))
                began = time.process_time()
                await worker.step()
                spent += time.process_time() - began
            found[name] = min(found[name], spent / ticks)
    await worker.close()
    await pool.close()
    return found


def measure(ticks: int, rounds: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)  # as root the server runs as somebody else
        server = embedded.start(root / "postgres")
        try:
            migrate(server.dsn(), START)
            found = asyncio.run(shares(server.dsn(), ticks, rounds))
        finally:
            server.stop()
    return [
        {"name": f"ticks, {name}", "core": spent, "limit": LIMITS[name], "times_limit": LIMITS[name] / spent}
        for name, spent in found.items()
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.ticks", description=__doc__)
    parser.add_argument("--ticks", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.ticks, options.rounds)
    if options.json:
        print(json.dumps(found))
        return 0
    for one in found:
        print(
            f"{one['name']}: {100 * one['core']:.2f} % of a core at one tick a second, {one['times_limit']:.3g} x the "
            f"limit of {100 * one['limit']:.0f} %"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
