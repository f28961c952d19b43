"""What the tests of whole runs share: workers as processes of their own, and whether the books balance."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

from ignite_app.demo.outside import read_lines
from ignite_app.demo.plan import RunPlaces


@attrs.define
class Nursery:
    """Workers by name, each a process that can be killed and started again."""

    process: asyncio.subprocess.Process
    logs: Path
    living: dict[str, int] = attrs.field(factory=dict)
    kills: Counter[str] = attrs.field(factory=Counter)
    _one_at_a_time: asyncio.Lock = attrs.field(factory=asyncio.Lock)

    async def start(self, name: str) -> None:
        assert self.process.stdin
        assert self.process.stdout
        async with self._one_at_a_time:
            self.process.stdin.write(f"{name}\n".encode())
            self.living[name] = int(await self.process.stdout.readline())

    def require_alive(self, name: str) -> None:
        """A worker that ended by itself is a failure, shown with its last lines."""
        if not Path(f"/proc/{self.living[name]}").exists():
            last = (self.logs / f"{name}.log").read_text(errors="replace")[-3000:]
            pytest.fail(f"worker {name} ended by itself:\n{last}")

    async def kill(self, name: str) -> None:
        """Kill -9, and see it gone."""
        self.require_alive(name)
        child = self.living[name]
        os.kill(child, signal.SIGKILL)
        while Path(f"/proc/{child}").exists():  # noqa: ASYNC110  # another process's end has no event here
            await asyncio.sleep(0.005)
        self.kills[name] += 1


@asynccontextmanager
async def nursery(places: RunPlaces) -> AsyncIterator[Nursery]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(Path(__file__).with_name("nursery.py")), str(places.config), str(places.logs)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "IGNITE_LOG__LEVEL": "info"},
    )
    try:
        assert process.stdout
        assert await process.stdout.readline() == b"ready\n"
        yield Nursery(process, places.logs)
    finally:
        process.kill()  # takes its children along
        await process.wait()


def require_balanced_books(report: dict[str, Any], places: RunPlaces, *, verdicts: bool = True) -> None:
    """Every reconciliation of the demo report holds.

    `verdicts` False: hits are compared by kind alone, for an outage of several real seconds takes longer, in
    business time, than a scanner stays recognised; and a hit that people had to repeat, since the server died
    before it answered, may have been stored twice.
    """
    wrong = {entry["name"]: entry for entry in report["reconciliations"] if not entry["ok"]}
    if not verdicts and (hits := wrong.pop("engagement_events", None)):
        kinds: dict[str, list[int]] = {}
        for name, (left, right) in hits["by"].items():
            kind = kinds.setdefault(name.partition(":")[0], [0, 0])
            kinds[name.partition(":")[0]] = [kind[0] + left, kind[1] + right]
        surplus = {kind: right - left for kind, (left, right) in kinds.items()}
        repeats = sum(entry["times"] for entry in read_lines(places.simulator) if entry["kind"] == "repeat")
        assert min(surplus.values()) >= 0, kinds
        assert sum(surplus.values()) <= repeats, (kinds, repeats)
    assert wrong == {}, wrong  # pytest explains asserts of test modules only
