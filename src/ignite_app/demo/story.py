"""Tells at the terminal, in plain lines, what the loop does. Reads the database; decides nothing."""

import asyncio
from typing import Any

import attrs

from ignite_adapters.postgres.report import ReportReader
from ignite_app.cli.output import say
from ignite_app.clock import real_seconds

QUIET_ACTIONS = frozenset({"suppress", "warn"})
"""Many of these fall in a normal run; the dashboard shows them, the story counts them."""


@attrs.define
class Story:
    """Lines with the real seconds since the start in front."""

    started: float
    told: set[str] = attrs.field(factory=set)
    last: int = 0
    quiet: int = 0
    seen: dict[int, str] = attrs.field(factory=dict)

    def tell(self, line: str) -> None:
        say(f"{real_seconds() - self.started:5.0f}s {line}")

    def once(self, key: str, line: str) -> None:
        if key not in self.told:
            self.told.add(key)
            self.tell(line)

    async def follow(self, reader: ReportReader) -> None:
        """Look once a second until cancelled."""
        while True:
            progress = await reader.progress()
            if progress["injected"]:
                self.once("first", "first mail handed to PowerMTA")
            if progress["delivered"]:
                self.once("delivered", "first delivery read from the accounting log")
            for decision in await reader.decisions(self.last):
                self.last = max(self.last, int(decision["id"]))
                if decision["action"] in QUIET_ACTIONS:
                    self.quiet += 1
                    continue
                self.decision(decision)
            await asyncio.sleep(1.0)

    def decision(self, row: dict[str, Any]) -> None:
        who = f"{row['agent']} agent of {row['isp'] or 'the whole host'}"
        action = str(row["action"]).replace("_", " ")
        self.tell(
            f"{who} decides: {action} {row['target']}: {row['reason']} [{row['status']}, until {row['until']:%H:%M}]"
        )
