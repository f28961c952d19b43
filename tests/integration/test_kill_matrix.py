"""Kill -9 of each worker at ten random moments of a whole run, and the same books as ever balance.

One run of the loop on real parts (embedded PostgreSQL, simulator, API, live client), in which every worker is a
process of its own. For each of them a killer waits a random while (seeded), kills -9, starts it again at once,
ten times over; they do not wait for each other, so workers also die together and during each other's recovery.
Half of the deaths of the workers of the campaign are kept for the time when mail is going out. At the end
the reconciliations of the demo report must all hold: what the outside world saw against the database.

Processes are forked by a nursery that has the application imported, so that a hundred starts cost little and a
restarted worker is back at work within half a second.
"""

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest

from ignite_app.clock import real_seconds
from ignite_app.container import WORKERS
from ignite_app.demo.plan import DemoOptions, RunPlaces
from ignite_app.demo.run import Run, running, to_the_end

KILLS = 10
SUBSCRIBERS = 800
LONGEST_LIFE = 2.5  # real seconds: a few steps of every worker, at the rate of the headless run
OF_THE_CAMPAIGN = frozenset({"campaign", "send", "flow", "ingest", "execute", "learn", "warmup"})


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

    async def kill(self, name: str) -> None:
        """Kill -9, and see it gone. A worker that ended by itself is a failure, shown with its last lines."""
        child = self.living[name]
        try:
            os.kill(child, signal.SIGKILL)
        except ProcessLookupError:
            last = (self.logs / f"{name}.log").read_text(errors="replace")[-3000:]
            pytest.fail(f"worker {name} ended by itself:\n{last}")
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


async def _haunt(name: str, workers: Nursery, mailing: asyncio.Event) -> None:
    dice = random.Random(f"kill {name}")
    for number in range(KILLS):
        if number >= KILLS // 2 and name in OF_THE_CAMPAIGN:
            await mailing.wait()
        await asyncio.sleep(dice.uniform(0.0, LONGEST_LIFE))
        await workers.kill(name)
        await workers.start(name)


async def _until_mail_goes_out(run: Run, mailing: asyncio.Event) -> None:
    while (await run.reader.progress())["injected"] == 0:  # noqa: ASYNC110  # the database is the only witness  # noqa: ASYNC110  # the database has no event for it
        await asyncio.sleep(0.05)
    mailing.set()


@pytest.mark.timeout(300)
async def test_ten_deaths_of_every_worker_lose_nothing_and_do_nothing_twice(tmp_path: Path) -> None:
    places = RunPlaces(tmp_path / "run")
    places.root.mkdir()
    options = DemoOptions(SUBSCRIBERS, seed=3, once=True, keep=places.root)
    mailing = asyncio.Event()
    async with (
        running(options, places, real_seconds(), workers=False) as run,
        nursery(places) as workers,
        asyncio.TaskGroup() as group,
    ):
        for name in WORKERS:
            await workers.start(name)
        killers = [group.create_task(_haunt(name, workers, mailing)) for name in WORKERS]
        group.create_task(_until_mail_goes_out(run, mailing))
        report = await to_the_end(run)
        assert all(killer.done() for killer in killers), "the run was over before the killers were"
    assert workers.kills == Counter(dict.fromkeys(WORKERS, KILLS))
    wrong = {entry["name"]: entry for entry in report["reconciliations"] if not entry["ok"]}
    # A kill between sending and answer of put or reload cannot be told from one that never arrived, so it is
    # sent again (both are idempotent): the SSH log may hold a few lines more than the outbox has rows.
    commands = wrong.pop("decisions_commands", None)
    if commands is not None:
        assert 0 < commands["left"] - commands["right"] <= KILLS
        assert all(left == right for left, right in commands["by"].values())
    assert wrong == {}
