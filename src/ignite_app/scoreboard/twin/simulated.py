"""E a third time, through the simulator: its queues and retries, its accounting files, its command line.

Decides how an hour of the two drives is compared. What is between decision and mail is shipped code on both sides: the
folder's feed reads the files, `Ingestor` decides, `reconcile.plan` makes commands, the simulator's console runs them,
`host_state.read` reads it back as JSON. Beside it `Product` is told the same minutes as counts: it must decide the
same, word for word, and want in every minute what the simulator's MTA has in force. Nothing is made easy for the
reader: files are rotated, renamed and packed, a copy of an old one turns up under another name, a reading is lost
before anything is saved, and the process begins anew (`Post`). Every line must be counted, and none twice.
"""

import gzip
import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from ignite_adapters.pmta.accounting import DirectoryFeed
from ignite_app.scoreboard.twin.host import Host
from ignite_app.scoreboard.twin.live import Live, MemoryStore, story
from ignite_app.scoreboard.twin.product import LOOK_AFTER, NAMES, START, Product, moment
from ignite_app.scoreboard.twin.scene import BRANDS, IPS, draw
from ignite_app.scoreboard.twin.world import Levers, Row
from ignite_domain.governance import commands
from ignite_domain.governance.commands import PmtaCommand, Verb
from ignite_domain.governance.host_state import QUESTIONS, HostState, read
from ignite_domain.governance.ports import FeedBatch, Position, SendFacts, SendGroup, Step
from ignite_domain.governance.signals import HOST, SignalProcessor
from ignite_domain.governance.words import Signal

LIMIT: Final = 100_000
NEAR: Final = 0.02
"""PMTA's rates are whole messages an hour: in backoff mode a part of a part is rounded once more."""


LOOKS: Final = (timedelta(), timedelta(seconds=20), timedelta(seconds=40))
"""The executor's steps within a minute, after the first: what it has done it must not do again, and a reload has to
wait for its minute."""
_COMPARED: Final = (Signal.ATTEMPT, Signal.BOUNCE, Signal.DEFERRAL, Signal.REFUSAL, Signal.COMPLAINT)
ROTATED_EVERY: Final = 30
LOST_EVERY: Final = 45
BEGUN_ANEW_EVERY: Final = 70


class Post:
    """What becomes of the accounting files between the MTA and the reader. `read` has what is new in them.

    Every half hour the file is rotated, and every other time the old one is renamed before it was read to its end; the
    one before is packed, and a packed one is delivered once more, plain and under another name. Every 45 minutes a
    reading is lost before anything of it was saved, every 70 the reader begins anew.
    """

    def __init__(self, host: Host, directory: Path) -> None:
        self.host = host
        self.rotated = self.renamed = self.packed = self.copied = self.lost = self.restarts = 0
        self._directory = directory / "acct"
        self._feed = DirectoryFeed(self._directory)
        self._positions: dict[str, Position] = {}

    def minute(self, minute: int) -> None:
        """What happens to the files in this minute, whoever reads them."""
        if minute and minute % ROTATED_EVERY == 0:
            self._rotate(minute)
        if minute and minute % BEGUN_ANEW_EVERY == 0:
            self._feed = DirectoryFeed(self._directory)
            self.restarts += 1

    def _rotate(self, minute: int) -> None:
        closed = [path for path in self._directory.glob("*.csv") if not path.name.startswith(("acct-", "again-"))]
        current = max(self._directory.glob("acct-*.csv"))
        closed += [path for path in self._directory.glob("acct-*.csv") if path != current]
        self.host.accounting.rotate(moment(60 * minute).timestamp())
        self.rotated += 1
        if self.rotated % 2:
            current.rename(self._directory / f"moved-{minute}.csv")
            self.renamed += 1
        for path in closed:
            with path.open("rb") as plain, gzip.open(f"{path}.gz", "wb") as packed:
                shutil.copyfileobj(plain, packed)
            path.unlink()
            self.packed += 1
        for whole in sorted(self._directory.glob("*.csv.gz"))[:1]:
            with gzip.open(whole, "rb") as packed, (self._directory / f"again-{minute}.csv").open("wb") as plain:
                shutil.copyfileobj(packed, plain)
            self.copied += 1

    async def read(self, minute: int) -> list[FeedBatch]:
        """What has not been read yet."""
        if minute and minute % LOST_EVERY == 0:
            await self._feed.read(self._positions, LIMIT)
            self.lost += 1
        batches = await self._feed.read(self._positions, LIMIT)
        for batch in batches:
            self._positions[batch.position.source] = batch.position
        return batches


class LedgerStore(MemoryStore):
    """The ledger keeps what was sent, and how often it was tried."""

    async def groups(self, ids: Collection[int]) -> Sequence[SendGroup]:
        found = []
        for number in sorted(ids):
            one = self.ledger[number]
            fresh = one.attempts == 0
            group = (one.campaign_id, None, one.isp, one.vmta, fresh, one.injected, [number], [one.subscriber_id])
            found.append(SendGroup(*group))
        return found

    async def save(self, step: Step) -> None:
        kept = dict(self.ledger)
        await super().save(step)
        for mark in step.marks:
            one = kept[mark.send_id]
            kept[mark.send_id] = one._replace(attempts=one.attempts + mark.attempts)
        self.ledger |= kept


class Simulated(Live):
    """`look` reads what the host has written meanwhile. `log` holds every line that the host was told."""

    def __init__(self, host: Host, directory: Path) -> None:
        super().__init__(LedgerStore())
        self.host = host
        self.log: list[str] = []
        self.reloads: list[datetime] = []
        self.post = Post(host, directory)
        self._now = START

    async def _look(self, minute: int, rows: Sequence[Row]) -> Levers:
        for row in rows:
            self.store.ledger.setdefault(row.number, _sent(row))
        self.post.minute(minute)
        batches = await self.post.read(minute) if rows else []
        now = moment(60 * (minute + 1)) + LOOK_AFTER
        await self.ingestor(batches, now, caught_up=True)
        for later in LOOKS:
            self._now = now + later
            await self._govern(self._now)
        return self.host.levers()

    async def _run(self, command: PmtaCommand) -> None:
        reply = self.host.console.run(list(command.argv), (command.stdin or "").encode())
        self.log.append(" ".join(command.argv))
        why = commands.failure(command, reply.exit, reply.text)
        if why is not None:
            raise AssertionError(f"{command.verb}: {why}")
        if command.verb is Verb.RELOAD:
            self.reloads.append(self._now)
        if command.verb is Verb.PUT_INCLUDE:
            await self._run(commands.check_config())

    async def _state(self) -> HostState:
        answers = {one: self.host.console.run(list(asked.argv)).text for one, asked in QUESTIONS.items()}
        return read(answers)


def _sent(row: Row) -> SendFacts:
    return SendFacts(row.number, row.job + 1, row.number, None, row.brand, NAMES[row.ip], 0, True, f"r{row.number}")


def compare(seed: int, minutes: int) -> dict[str, Any]:
    """Both drives on one day of the simulator: JSON-able. `decisions` of the text drive, how many of them are `equal`
    in order to those by counts, `minutes` whose levers `differ`, `rejected` lines, `commands` told, `delivered`;
    `counted` by either drive, of every signal of the host; what the files went through; `reloads_a_minute`: the most
    in any minute. `same`: all of it is."""
    with tempfile.TemporaryDirectory() as place:
        scene, directory = draw(seed, minutes), Path(place)
        host = Host(scene, directory)
        text, counts = Simulated(host, directory), Product()
        unread: list[Row] = []
        differ: list[int] = []
        for minute in range(minutes):
            unread += host.play(minute)
            late = scene.stalls[0] <= minute < scene.stalls[1]
            rows = [] if late else unread
            have, want = text.look(minute, rows), counts.look(minute, rows)
            unread = unread if late else []
            if not agree(have, want):
                differ.append(minute)
        told = [story(one.decided) for one in (text, counts)]
        counted = [_counted(one) for one in (text.ingestor.signals, counts.signals)]
        post = text.post
        equal = sum(one == other for one, other in zip(*told, strict=False))
        return {
            "seed": seed,
            "minutes": minutes,
            "lines": sum(host.accounting.written.values()),
            "rejected": text.store.rejected,
            "commands": len(text.log),
            "decisions": len(told[0]),
            "by_counts": len(told[1]),
            "equal": equal,
            "counted": counted,
            "same": told[0] == told[1] and not differ and counted[0] == counted[1],
            **{name: getattr(post, name) for name in ("rotated", "renamed", "packed", "copied", "lost", "restarts")},
            "reloads": len(text.reloads),
            "reloads_a_minute": most_in_a_minute(text.reloads),
            "differ": differ,
            "delivered": sum(host.hidden.sums.good.values()),
            "kinds": sorted({line[1] for line in told[0]}),
        }


def _counted(signals: SignalProcessor) -> list[list[int]]:
    """n and x of the host's signals from the beginning on."""
    before = START - timedelta(hours=2)
    seen = [signals.since(HOST, "host", HOST, signal, before) for signal in _COMPARED]
    return [[one.n, one.x] for one in seen]


def most_in_a_minute(moments: Sequence[datetime]) -> int:
    """The most of these, in order of time, that lie within less than a minute of each other."""
    minute = timedelta(minutes=1)
    return max((sum(one <= other < one + minute for other in moments) for one in moments), default=0)


def agree(have: Levers, want: Levers) -> bool:
    """Whether the same is held, and at the same rates but for rounding."""
    if (have.paused, have.jobs) != (want.paused, want.jobs):
        return False
    queues = [(limiter, ip) for limiter in BRANDS for ip in range(len(IPS))]
    return all(abs(have.rate(queue) - want.rate(queue)) <= NEAR * want.rate(queue) for queue in queues)


def run(seed: int, minutes: int) -> list[dict[str, Any]]:
    """One seed, as a row of the scoreboard."""
    return [compare(seed, minutes)]


def lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The rows as a Markdown table."""
    out = [
        "| seed | minutes | lines of accounting | files rotated, renamed, packed, delivered twice "
        "| readings lost, begun anew | commands | reloads | decisions by text | by counts | alike in order "
        "| minutes with other levers | counts |",
        "|---" * 12 + "|",
    ]
    for row in rows:
        files = ", ".join(str(row[name]) for name in ("rotated", "renamed", "packed", "copied"))
        cells = [f"{row[name]:,}" for name in ("seed", "minutes", "lines")]
        cells += [files, f"{row['lost']}, {row['restarts']}"]
        cells += [f"{row[name]:,}" for name in ("commands", "reloads", "decisions", "by_counts", "equal")]
        cells += [str(len(row["differ"])), "equal" if row["counted"][0] == row["counted"][1] else "**differ**"]
        out.append(f"| {' | '.join(cells)} |")
    return out
