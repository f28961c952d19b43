"""Mail in the queues of a closed address, at the simulated MTA over SSH: where it goes, what is said, how it ends."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncssh
import attrs
import pytest

from ignite_adapters.memory.modes import MemoryModes
from ignite_adapters.pmta.ssh import SshConsole
from ignite_adapters.postgres.alerts import AlertStore
from ignite_adapters.postgres.commands import PostgresCommandStore
from ignite_adapters.postgres.governance import PostgresGovernanceStore
from ignite_adapters.postgres.persons import PostgresPersons
from ignite_adapters.postgres.pool import Pool
from ignite_adapters.postgres.tallies import LogBook
from ignite_app.simulator.messages import QueuedMessage
from ignite_app.simulator.options import SimulatorOptions
from ignite_app.simulator.simulator import Simulator
from ignite_app.workers.execute import Executor
from ignite_app.workers.watch import Watch
from ignite_domain.governance.desired import stand_ins
from ignite_domain.governance.held import HELD, HOLDS, expiring, held_of
from ignite_domain.governance.ports import Step
from ignite_domain.governance.recovery import way_back
from ignite_domain.governance.rules import PROBE_LIFETIME
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.steering import Steering
from ignite_domain.governance.words import Mode
from integration.test_executor import AT, Time, alone, decide, rows, status

VMTAS = {"mta1": "192.0.2.11", "mta2": "192.0.2.12", "mta3": "192.0.2.13"}
LIFE = timedelta(hours=2)
QUEUE = "gmail.rollup/mta1"


@attrs.frozen
class Floor:
    simulator: Simulator
    worker: Executor
    pool: Pool
    time: Time

    async def step(self, minutes: int = 2) -> None:
        for _ in range(minutes):
            while await self.worker.step():
                pass
            self.time.pass_by(minutes=1)

    def put(self, count: int, vmta: str = "mta1") -> None:
        """Mail that waits between two attempts in a queue, as after a deferral."""
        mta = self.simulator.mta
        destination = self.simulator.world.destination("gmail.com")
        queue = mta.queue("gmail.rollup", vmta)
        for number in range(count):
            queue.ready.append(
                QueuedMessage(
                    number, f"ig{number + 1}", "c1", vmta, "", "b@x.example", f"u{number}@gmail.com", "0" * 32,
                    destination, 1024, mta.scheduler.now(),
                )
            )  # fmt: skip

    def waiting(self) -> dict[str, int]:
        return {name: queue.recipients for name, queue in self.simulator.mta.queues.items() if queue.recipients}

    def watch(self) -> Watch:
        return Watch(
            LogBook(self.pool), AlertStore(self.pool), [], None, self.time.clock(), poll_seconds=30,
            stalled=timedelta(days=9), skew=timedelta(days=9), quiet=LIFE, desk=PostgresPersons(self.pool),
            modes=MemoryModes(Mode.ACT),
        )  # fmt: skip

    async def alerts(self) -> list[str]:
        found = await AlertStore(self.pool).listed(1 << 62, 100, open_only=True)
        texts = [(row["subject"], row["text"].partition("will soon expire: ")[2]) for row in found]
        return [f"{subject}: {text.partition(', the oldest')[0]}" for subject, text in texts if text]

    async def note(self, number: int) -> str:
        ((text,),) = await rows(self.pool, "select status_note from mailing_engine_decisions where id = %s", number)
        return str(text or "")


@pytest.fixture(params=[True, False], ids=["another member is open", "the setting is off"])
async def floor(pool: Pool, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Floor]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(str(tmp_path / "client"))
    key.write_public_key(str(tmp_path / "client.pub"))
    options = SimulatorOptions(
        str(tmp_path / "home"), str(tmp_path / "acct"), ssh_authorised_key=str(tmp_path / "client.pub")
    )
    simulator = Simulator.build(options)
    await simulator.start()
    time = Time()
    members = stand_ins([(name, "warm", False) for name in VMTAS]) if request.param else {}
    console = SshConsole("127.0.0.1", simulator.ssh.port, "ignite", str(tmp_path / "client"), simulator.ssh.host_key)
    worker = Executor(
        PostgresCommandStore(pool, "host"), console, alone, time.clock(), modes=MemoryModes(Mode.ACT), vmtas=VMTAS,
        base_rate=20_000, stand_ins=members, bounce_after=LIFE,
    )  # fmt: skip
    try:
        yield Floor(simulator, worker, pool, time)
    finally:
        await worker.close()
        await simulator.stop()


async def ledger(pool: Pool, *minutes_before: int) -> None:
    """Our rows of the mail that waits at mta1, by when it was handed over."""
    await rows(
        pool,
        "insert into mailing_campaigns (name, status, from_name, from_address, landing_url, created_at, created_by) "
        "values ('one', 'finished', 'We', 'we@x.example', 'https://x.example', %s, 'test')",
        AT,
    )
    for number, minutes in enumerate(minutes_before):
        await rows(
            pool,
            "with person as (insert into mailing_subscribers (email, email_md5, domain, isp, limiter_group, "
            "imported_at, updated_at) values (%s, md5(%s), 'gmail.com', 'gmail', 'gmail', now(), now()) returning id) "
            "insert into mailing_sends (campaign_id, subscriber_id, isp, domain, state, vmta, injected_at) "
            "select (select max(id) from mailing_campaigns), id, 'gmail', 'gmail.com', 'injected', 'mta1', "
            "%s::timestamptz from person",
            f"u{number}@gmail.com",
            f"u{number}@gmail.com",
            AT - timedelta(minutes=minutes),
        )


async def test_mail_of_a_quarantined_address_goes_out_by_another_or_waits_and_says_so(
    floor: Floor, request: pytest.FixtureRequest
) -> None:
    moves = "open" in request.node.callspec.id
    mta = floor.simulator.mta
    await floor.step()
    mta.disable_source("192.0.2.11", "*/*", None)  # nothing goes out while the scene is set
    mta.queue("gmail.rollup", "mta2").paused = True
    floor.put(40)
    mta.disabled.clear()
    mta.queue("gmail.rollup", "mta1").paused = True
    await ledger(floor.pool, 80, 5)
    number = await decide(floor.pool, "quarantine_ip", "ip", "192.0.2.11")
    await floor.step()
    assert await status(floor.pool, number) == "verified"
    assert floor.waiting() == ({"gmail.rollup/mta2": 40} if moves else {QUEUE: 40})
    assert ("reroute-to-virtual-mta mta2" in Path(mta_include(floor)).read_text()) is moves
    if moves:
        assert await floor.note(number) == ""
        # its probe has mail of its own again
        await decide(floor.pool, "probe", "ip", "192.0.2.11", of=number, messages=30)
        await floor.step()
        assert "reroute" not in Path(mta_include(floor)).read_text()
        return
    assert await floor.note(number) == (
        f"held mail: 40 in {QUEUE}, the oldest since 02 Nov 07:40 UTC; it expires at 02 Nov 09:40 UTC"
    )
    (standing,) = [one for one in await PostgresPersons(floor.pool).open(HOLDS) if one.id == number]
    waiting = held_of(standing)
    assert waiting is not None
    assert waiting.alert == datetime(2026, 11, 2, 9, 10, tzinfo=UTC)  # a quarter of two hours before
    assert not expiring([standing], AT + timedelta(minutes=9))
    (told,) = expiring([standing], AT + timedelta(minutes=10))
    assert f"40 in {QUEUE}" in told.text
    watch = floor.watch()
    await watch.step()
    assert await floor.alerts() == []
    floor.time.pass_by(minutes=10)
    await watch.step()
    assert await floor.alerts() == [f"gmail quarantine_ip 192.0.2.11: 40 in {QUEUE}"]
    mta.queues[QUEUE].ready.clear()  # it has expired
    await floor.step()
    await watch.step()
    assert await floor.alerts() == []
    assert await floor.note(number) == ""
    ((kept,),) = await rows(floor.pool, "select parameters from mailing_engine_decisions where id = %s", number)
    assert kept[HELD] is None


def mta_include(floor: Floor) -> str:
    return floor.simulator.ssh.console.include.path


async def test_that_a_probe_waits_for_mail_is_on_its_page_and_in_the_feed(pool: Pool) -> None:
    block = await decide(pool, "quarantine_ip", "ip", "192.0.2.11", status="verified")
    probe = await decide(pool, "probe", "ip", "192.0.2.11", of=block, status="verified", messages=30)
    store = PostgresGovernanceStore(pool)
    standing = [attrs.evolve(one, until=AT + PROBE_LIFETIME) for one in await store.standing()]
    for minutes in (21, 22, 60 * 24):  # told once, whenever one looks again
        now = AT + timedelta(minutes=minutes)
        found = way_back(standing, SignalProcessor(), now, Steering(), now, timedelta(minutes=10))
        await store.save(Step(now, changes=found.changes))
        standing = [attrs.evolve(one, until=AT + PROBE_LIFETIME) for one in await store.standing()]
        assert not found.decisions
    told = await rows(pool, "select data ->> 'id', data ->> 'status', data ->> 'note' from live_feed order by id")
    ((number, word, note),) = told
    assert (number, word) == (str(probe), "verified")
    assert note.startswith("waits for mail: none since 02 Nov 09:00 UTC. It is open at 30 messages in 15 minutes")
    kept = await rows(pool, "select status, status_note from mailing_engine_decisions where id = %s", probe)
    assert kept == [("verified", note)]
    assert [one.id for one in standing] == [block, probe]
