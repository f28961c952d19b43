"""Kill -9 of each worker at ten random moments of a whole run, and the same books as ever balance.

One run of the loop on real parts (embedded PostgreSQL, simulator, API, live client), in which every worker is a
process of its own. For each of them a killer waits a random while (seeded), kills -9, starts it again at once,
ten times over; they do not wait for each other, so workers also die together and during each other's recovery.
Half of the deaths of the workers of the campaign are kept for the time when mail is going out, and the list is
uploaded again and again so that the import always has something to be killed at. At the end the
reconciliations of the demo report must all hold: what the outside world saw against the database.

Processes are forked by a nursery that has the application imported, so that a hundred starts cost little and a
restarted worker is back at work within half a second.
"""

import asyncio
import random
from collections import Counter
from pathlib import Path

import attrs
import pytest

from ignite_adapters.postgres.report import ReportReader
from ignite_app.clock import real_seconds
from ignite_app.container import WORKERS
from ignite_app.demo.plan import DemoOptions, RunPlaces
from ignite_app.demo.run import Run, running, to_the_end
from integration.exposure import exposed
from integration.whole_run import Nursery, nursery, require_balanced_books

KILLS = 10
SUBSCRIBERS = 800
LONGEST_LIFE = 2.5  # real seconds: a few steps of every worker, at the rate of the headless run
UPLOADS = 8
OF_THE_CAMPAIGN = frozenset({"campaign", "send", "flow", "ingest", "execute", "learn", "warmup"})


@attrs.frozen
class UnfinishedReader(ReportReader):
    """The demo's own eyes, for which the run goes on while somebody still kills: no machine is too fast for that."""

    killers: list[asyncio.Task[None]] = attrs.field(factory=list)

    async def progress(self) -> dict[str, int]:
        seen = await super().progress()
        return seen | {"campaigns_open": seen["campaigns_open"] + sum(not killer.done() for killer in self.killers)}


async def _haunt(name: str, workers: Nursery, mailing: asyncio.Event) -> None:
    dice = random.Random(f"kill {name}")
    for number in range(KILLS):
        if number >= KILLS // 2 and name in OF_THE_CAMPAIGN:
            await mailing.wait()
        await asyncio.sleep(dice.uniform(0.0, LONGEST_LIFE))
        await workers.kill(name)
        await workers.start(name)


async def _until_mail_goes_out(run: Run, mailing: asyncio.Event) -> None:
    while (await run.reader.progress())["injected"] == 0:  # noqa: ASYNC110  # the database is the only witness
        await asyncio.sleep(0.05)
    mailing.set()


async def _upload_again(places: RunPlaces, mailing: asyncio.Event) -> None:
    """The same people under new names: rows to import, nobody new."""
    await mailing.wait()
    content = (places.bucket / "processed" / "001-JVC-Mailable.csv").read_bytes()
    for number in range(UPLOADS):
        draft = places.bucket / f".again-{number}.part"
        draft.write_bytes(content)
        draft.rename(places.bucket / f"again-{number}.csv")
        await asyncio.sleep(1.0)


@pytest.mark.alone
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
        run.reader = reader = UnfinishedReader(run.pool)
        for name in WORKERS:
            await workers.start(name)
        reader.killers.extend(group.create_task(_haunt(name, workers, mailing)) for name in WORKERS)
        group.create_task(_until_mail_goes_out(run, mailing))
        group.create_task(_upload_again(places, mailing))
        report = await to_the_end(run)
        assert all(killer.done() for killer in reader.killers), "the run was over before the killers were"
    assert workers.kills == Counter(dict.fromkeys(WORKERS, KILLS))
    require_balanced_books(report, places)
    assert exposed(places.root) == {}
    assert report["steps"]["import.3"]["count"] == 3 + UPLOADS
