"""E a third time, through the simulator: its queues and retries, its accounting files, its command line.

Decides how an hour of the two drives is compared. What is between decision and mail is shipped code on both sides: the
folder's feed reads the files, `Ingestor` decides, `reconcile.plan` makes commands, the simulator's console runs them,
`host_state.read` reads it back as JSON. Beside it `Product` is told the same minutes as counts: it must decide the
same, word for word, and want in every minute what the simulator's MTA has in force.
"""

import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ignite_adapters.pmta.accounting import DirectoryFeed
from ignite_app.scoreboard.twin.host import Host
from ignite_app.scoreboard.twin.live import Live, MemoryStore, story
from ignite_app.scoreboard.twin.product import LOOK_AFTER, NAMES, Product, moment
from ignite_app.scoreboard.twin.scene import BRANDS, IPS, draw
from ignite_app.scoreboard.twin.world import Levers, Row
from ignite_domain.governance import commands
from ignite_domain.governance.commands import PmtaCommand, Verb
from ignite_domain.governance.host_state import QUESTIONS, HostState, read
from ignite_domain.governance.ports import Position, SendFacts, SendGroup, Step

LIMIT: Final = 100_000
NEAR: Final = 0.02
"""PMTA's rates are whole messages an hour: in backoff mode a part of a part is rounded once more."""


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
        self._feed = DirectoryFeed(directory / "acct")
        self._positions: dict[str, Position] = {}

    async def _look(self, minute: int, rows: Sequence[Row]) -> Levers:
        for row in rows:
            self.store.ledger.setdefault(row.number, _sent(row))
        batches = await self._feed.read(self._positions, LIMIT) if rows else []
        for batch in batches:
            self._positions[batch.position.source] = batch.position
        now = moment(60 * (minute + 1)) + LOOK_AFTER
        await self.ingestor(batches, now, caught_up=True)
        await self._govern(now)
        return self.host.levers()

    async def _run(self, command: PmtaCommand) -> None:
        reply = self.host.console.run(list(command.argv), (command.stdin or "").encode())
        self.log.append(" ".join(command.argv))
        why = commands.failure(command, reply.exit, reply.text)
        if why is not None:
            raise AssertionError(f"{command.verb}: {why}")
        if command.verb is Verb.PUT_INCLUDE:
            await self._run(commands.check_config())

    async def _state(self) -> HostState:
        answers = {one: self.host.console.run(list(asked.argv)).text for one, asked in QUESTIONS.items()}
        return read(answers)


def _sent(row: Row) -> SendFacts:
    return SendFacts(row.number, row.job + 1, row.number, None, row.brand, NAMES[row.ip], 0, True, f"r{row.number}")


def compare(seed: int, minutes: int) -> dict[str, Any]:
    """Both drives on one day of the simulator: JSON-able. `decisions` of the text drive, how many of them are `equal`
    in order to those by counts, `minutes` whose levers `differ`, `rejected` lines, `commands` told, `delivered`."""
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
            "same": told[0] == told[1] and not differ,
            "differ": differ,
            "delivered": sum(host.hidden.sums.good.values()),
            "kinds": sorted({line[1] for line in told[0]}),
        }


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
        "| seed | minutes | lines of accounting | commands | decisions by text | by counts | alike in order "
        "| minutes with other levers |",
        "|---" * 8 + "|",
    ]
    names = ("seed", "minutes", "lines", "commands", "decisions", "by_counts", "equal")
    out += ["| " + " | ".join(f"{row[name]:,}" for name in names) + f" | {len(row['differ'])} |" for row in rows]
    return out
