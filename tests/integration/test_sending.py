"""Sending on a real ledger: audience, gate, doubt after a death, routes, warm-up. Nobody twice, nobody lost."""

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from conftest import NOW
from contracts.smtp_server import TinySmtp
from ignite_adapters.memory.injector import MemoryInjector
from ignite_adapters.pmta.smtp import SmtpInjector
from ignite_adapters.postgres.campaign_reading import CampaignReader
from ignite_adapters.postgres.experiments import PostgresExperimentStore
from ignite_adapters.postgres.governance import PostgresGovernanceStore
from ignite_adapters.postgres.pool import Pool
from ignite_app.workers.learn import LearnWorker
from ignite_domain.campaigns import Routes, Settled, Verb
from ignite_domain.campaigns.ports import Injection, InjectionResult, Message
from ignite_domain.errors import BadInput, Conflict, NotFound, PortFailure
from ignite_domain.experiments import DecideTests
from ignite_domain.governance.ports import Step
from ignite_domain.warmup import order_key
from integration.sending import COLD, ISPS, HandClock, Killed, World, add_people, draft, dying


@pytest.fixture
def world(pool: Pool, pg_dsn: str) -> World:
    return World(pool, pg_dsn)


async def test_an_audience_is_sent_plus_suppressed_plus_held(world: World) -> None:
    people = await add_people(world.pool, 60)
    async with world.pool.connection() as conn:
        await conn.execute(
            "insert into mailing_global_suppressions (email_md5, reason, source, since) values (%s, 'listed', 'x', %s)",
            (f"{0:032x}", NOW),
        )
        await conn.execute(
            "insert into mailing_engine_suppressions (isp, email_md5, reason, rule, since) "
            "values ('yahoo', %s, 'full', 'r@1', %s), ('gmail', %s, 'full', 'r@1', %s)",
            (f"{1:032x}", NOW, f"{4:032x}", NOW),  # person 4 is at yahoo: another ISP's list does not count
        )
        await conn.execute("update mailing_subscribers set status = 'unmailable' where id = %s", (people[2],))
        await conn.execute("update mailing_subscribers set status = 'suppressed' where id = %s", (people[3],))
    campaign = await world.prepared()
    worker = world.worker()
    await world.send_all(worker)
    await world.driver.step()
    assert await world.states(campaign) == {
        "injected": 56,
        "suppressed:suppressed_global": 1,
        "suppressed:suppressed_isp": 1,
        "suppressed:suppressed_status": 1,
        "held:unmailable": 1,
    }
    assert await world.status(campaign) == "finished"
    assert set(world.taken().values()) == {1}
    assert len(world.taken()) == await world.events("sent") == 56
    await worker.close()


async def test_the_gate_is_asked_again_when_a_batch_is_claimed(world: World) -> None:
    people = await add_people(world.pool, 4)
    campaign = await world.prepared()
    async with world.pool.connection() as conn:
        await conn.execute("update mailing_subscribers set status = 'suppressed' where id = %s", (people[1],))
        await conn.execute("update mailing_subscribers set status = 'unmailable' where id = %s", (people[2],))
    worker = world.worker()
    await world.send_all(worker)
    await worker.close()
    assert await world.states(campaign) == {
        "injected": 2,
        "suppressed:suppressed_status": 1,
        "held:unmailable": 1,
    }


async def test_a_second_campaign_waits_72_hours_and_a_flow_does_not(world: World) -> None:
    await add_people(world.pool, 3)
    worker = world.worker()
    first = await world.prepared()
    await world.send_all(worker)
    second = await world.prepared()
    flow = await world.store.create(draft(kind="flow", name="Welcome"), "test", world.clock.now())
    async with world.pool.connection() as conn:
        await conn.execute(
            "insert into mailing_sends (campaign_id, subscriber_id, isp, domain, state) "
            "select %s, id, isp, domain, 'waiting' from mailing_subscribers",
            (flow,),
        )
    await world.send_all(worker)
    assert await world.states(first) == {"injected": 3}
    assert await world.states(second) == {"held:frequency": 3}
    assert await world.states(flow) == {"injected": 3}
    assert await world.one("select count(*) from mailing_sends where variant_id is null") == 0
    world.clock.advance(hours=72)
    third = await world.prepared()
    await world.send_all(worker)
    assert await world.states(third) == {"injected": 3}
    await worker.close()


class KilledInjector(MemoryInjector):
    """Dies after taking `survives` messages of a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.survives: int | None = None

    async def inject(self, batch: Sequence[Message]) -> list[Injection]:
        if self.survives is None:
            return await super().inject(batch)
        await super().inject(batch[: self.survives])
        raise Killed


@pytest.mark.parametrize("survives", [0, 7, 20], ids=["before any", "in the middle", "before they are marked"])
async def test_killed_between_claim_and_mark_nobody_is_lost_and_nobody_gets_two(
    pool: Pool, pg_dsn: str, survives: int
) -> None:
    door = KilledInjector()
    world = World(pool, pg_dsn, injector=door)
    await add_people(pool, 50)
    campaign = await world.prepared()
    victim = world.worker()
    world.clock.advance(seconds=1)
    await victim.step()  # takes the lease; the pace starts empty
    door.survives = survives
    world.clock.advance(seconds=1)
    async with dying(victim):
        await victim.step()
    assert (await world.states(campaign))["claimed"] == 20
    door.survives = None

    heir = world.worker()
    await world.send_all(heir)
    assert await world.states(campaign) == {"in_doubt": 20, "injected": 30}, "doubt is not sent again"
    await world.driver.step()
    assert await world.status(campaign) == "sending", "a campaign with doubt has not ended"

    await world.account()
    await world.send_all(heir)
    await world.driver.step()
    assert await world.states(campaign) == {"injected": 50}
    assert await world.status(campaign) == "finished"
    assert len(world.taken()) == 50
    assert set(world.taken().values()) == {1}
    assert await world.events("sent") == 50
    await heir.close()


async def test_doubt_begins_when_injection_has_ended_not_when_it_was_claimed(pool: Pool, pg_dsn: str) -> None:
    """A slow MTA takes a message 20 minutes after its claim; the log was read 15 minutes after the claim."""
    world = World(pool, pg_dsn, injector=MemoryInjector(lambda _message: (InjectionResult.IN_DOUBT, 0, "body")))
    await add_people(pool, 1)
    campaign = await world.prepared()
    worker = world.worker()
    await worker.step()
    world.clock.advance(seconds=1)
    await worker.step()
    world.progress.at = world.clock.now() + timedelta(minutes=15)
    world.clock.advance(minutes=20)
    assert await worker.step() == 0
    assert await world.states(campaign) == {"in_doubt": 1}
    world.clock.advance(minutes=1)
    await world.account()
    await worker.step()
    assert await world.states(campaign) == {"injected": 1}
    assert len(world.taken()) == 1
    await worker.close()


async def test_accounting_that_comes_first_and_the_mark_that_follows_make_one_event(world: World) -> None:
    await add_people(world.pool, 3)
    campaign = await world.prepared()
    sendable = (await world.ledger.sendable(world.clock.now()))[0]
    claimed = await world.ledger.claim(sendable, 10, Routes(("mta1",)), world.clock.now())
    world.injector.taken += [Message(row.send_id, "s@x.example", row.email, b"") for row in claimed]  # type: ignore[attr-defined]
    await world.account()
    await world.ledger.settle(campaign, Settled(injected=tuple(row.send_id for row in claimed)), world.clock.now())
    assert await world.states(campaign) == {"injected": 3}
    assert await world.events("sent") == 3


async def test_a_probes_mail_goes_to_the_best_tier_and_to_few_people_at_a_time(world: World) -> None:
    """Gmail is on probe: the people of the list's end have the better scores. Yahoo's go on meanwhile."""
    world.batch = 50
    await add_people(world.pool, 60, isp=lambda n: "gmail")
    best = await add_people(world.pool, 40, isp=lambda n: "gmail", score=0.75)
    await add_people(world.pool, 30, isp=lambda n: "yahoo")
    campaign = await world.prepared()
    world.controls.probes = {("gmail", vmta) for vmta in world.warm}
    world.clock.advance(minutes=1)
    sendable = (await world.ledger.sendable(world.clock.now()))[0]
    routes = Routes(world.warm, probed=frozenset(world.controls.probes))
    claimed = await world.ledger.claim(sendable, 50, routes, world.clock.now())
    assert [row.subscriber_id for row in claimed[:30]] == best[:30]
    assert [row.isp for row in claimed[30:]] == ["yahoo"] * 20
    await world.ledger.settle(campaign, Settled(again=tuple(row.send_id for row in claimed)), world.clock.now())

    worker = world.worker()
    await worker.step()
    world.clock.advance(minutes=1)
    await worker.step()
    await worker.step()
    assert [one for one in world.taken() if one.endswith("@gmail.com")] == [f"p{n}@gmail.com" for n in range(60, 90)]
    world.clock.advance(minutes=1)
    await worker.step()
    sent = [message.recipient for message in world.injector.taken]  # type: ignore[attr-defined]
    gmail = [int(one[1:].partition("@")[0]) for one in sent if one.endswith("@gmail.com")]
    assert set(gmail[:40]) == set(range(60, 100))  # nobody of the lower tier before everybody of the higher
    assert len(gmail) == 60
    world.controls.probes.clear()
    await world.send_all(worker)
    assert await world.states(campaign) == {"injected": 130}
    assert set(world.taken().values()) == {1}
    await worker.close()


async def test_ten_deaths_at_random_moments_and_still_nobody_twice(pool: Pool, pg_dsn: str) -> None:
    dice = random.Random(7)
    door = KilledInjector()
    world = World(pool, pg_dsn, injector=door, batch=12)
    await add_people(pool, 120)
    campaign = await world.prepared()
    for _ in range(10):
        worker = world.worker()
        async with dying(worker):
            for _ in range(dice.randrange(1, 4)):
                world.clock.advance(seconds=1)
                door.survives = dice.choice([None, dice.randrange(13)])
                await worker.step()
        if dice.random() < 0.5:
            await world.account()
    door.survives = None
    heir = world.worker()
    for _ in range(3):
        await world.send_all(heir)
        await world.account()
    assert await world.states(campaign) == {"injected": 120}
    assert len(world.taken()) == 120
    assert set(world.taken().values()) == {1}
    await heir.close()


async def test_a_refusing_mta_loses_nobody_and_says_so(world: World) -> None:
    await add_people(world.pool, 30)
    campaign = await world.prepared()
    down = MemoryInjector(lambda _message: (InjectionResult.REFUSED_TEMP, 421, "MAIL"))
    world.injector = down
    worker = world.worker()
    await worker.step()
    world.clock.advance(seconds=1)
    with pytest.raises(PortFailure, match="nothing was accepted: 421 to MAIL"):
        await worker.step()
    assert await world.states(campaign) == {"waiting": 30}
    down.answer = lambda message: (
        (InjectionResult.REFUSED_PERM, 550, "RCPT")
        if message.recipient.startswith("p7@")
        else (InjectionResult.ACCEPTED, 250, "body")
    )
    await world.send_all(worker)
    assert await world.states(campaign) == {"injected": 29, "held:unmailable": 1}
    await worker.close()


async def test_over_real_smtp_a_lost_reply_is_settled_by_the_accounting_log(pool: Pool, pg_dsn: str) -> None:
    cut: list[str] = []

    def script(step: str, address: str, _count: int) -> str | None:
        if step == "stored" and not cut:
            cut.append(address)
            return "cut"
        return None

    async with TinySmtp(script) as server:
        smtp = SmtpInjector("127.0.0.1", server.port, connections=2)
        world = World(pool, pg_dsn, injector=smtp)
        await add_people(pool, 30)
        campaign = await world.prepared()
        worker = world.worker()
        await world.send_all(worker)
        assert await world.states(campaign) == {"injected": 29, "in_doubt": 1}
        assert len(server.messages) == 30
        assert {b"X-Job: c%d" % campaign in data for _, data in server.messages} == {True}
        await worker.close()


async def test_a_quarantined_vmta_is_not_chosen_from_the_next_batch_on(world: World) -> None:
    await add_people(world.pool, 60)
    campaign = await world.prepared()
    worker = world.worker()
    await worker.step()
    world.clock.advance(seconds=1)
    assert await worker.step() == 20
    before = len(world.injector.taken)  # type: ignore[attr-defined]
    world.controls.routes = {("gmail", "mta1"), ("*", "mta2")}
    await world.send_all(worker)
    later = world.injector.taken[before:]  # type: ignore[attr-defined]
    used = {(m.recipient.rpartition("@")[2], m.data.partition(b"X-Virtual-MTA: ")[2][:4].decode()) for m in later}
    assert used == {("yahoo.com", "mta1"), ("acme.example", "mta1")}
    assert (await world.states(campaign))["waiting"] == len([n for n in range(60) if n % 3 == 0]) - sum(
        m.recipient.endswith("gmail.com")
        for m in world.injector.taken[:before]  # type: ignore[attr-defined]
    )
    world.controls.routes = set()
    await world.send_all(worker)
    assert await world.states(campaign) == {"injected": 60}
    await worker.close()


async def test_a_paused_job_waits_and_only_one_process_sends(world: World) -> None:
    await add_people(world.pool, 10)
    campaign = await world.prepared()
    world.controls.jobs = {f"c{campaign}"}
    worker, other = world.worker(), world.worker()
    await world.send_all(worker)
    assert await world.states(campaign) == {"waiting": 10}
    world.controls.jobs = set()
    assert await world.send_all(other) == 0, "the lease is taken"
    assert await world.send_all(worker) == 10
    await worker.close()
    assert await other.step() == 0
    await other.close()


async def test_pause_resume_cancel_and_the_deadline(world: World) -> None:
    await add_people(world.pool, 40)
    worker = world.worker()
    campaign = await world.prepared()
    await worker.step()
    world.clock.advance(seconds=1)
    await worker.step()
    await world.store.move(campaign, Verb.PAUSE, world.clock.now(), reason="a person")
    assert await world.send_all(worker) == 0
    await world.store.move(campaign, Verb.RESUME, world.clock.now())
    await world.driver.step()
    assert await world.states(campaign) == {"injected": 20, "waiting": 20}
    await world.store.move(campaign, Verb.CANCEL, world.clock.now(), reason="a person")
    await world.driver.step()
    assert await world.states(campaign) == {"injected": 20, "held:stopped": 20}
    with pytest.raises(Conflict):
        await world.store.move(campaign, Verb.RESUME, world.clock.now())
    with pytest.raises(NotFound):
        await world.store.move(10**9, Verb.PAUSE, world.clock.now())

    world.clock.advance(hours=100)
    late = await world.prepared()
    world.clock.advance(hours=25)
    assert await world.send_all(worker) == 0
    await world.driver.step()
    await world.driver.step()
    assert await world.states(late) == {"held:stopped": 40}
    assert await world.status(late) == "finished"
    await worker.close()


async def test_warm_up_gives_a_cold_ip_its_fifty_and_the_warm_ones_the_rest(pool: Pool, pg_dsn: str) -> None:
    world = World(pool, pg_dsn, vmtas=COLD)
    everyone = await add_people(pool, 240)
    files = await add_people(pool, 12, from_warmup_file=True)
    worse = await add_people(pool, 60, score=0.25)
    campaign = await world.prepared()
    async with pool.connection() as conn:
        rows = await (
            await conn.execute(
                "select coalesce(isp, 'elsewhere'), array_agg(subscriber_id) from mailing_sends "
                "where campaign_id = %s and vmta = 'mta4' group by 1",
                (campaign,),
            )
        ).fetchall()
    chosen = {isp: set(people) for isp, people in rows}
    assert {isp: len(people) for isp, people in chosen.items()} == {"gmail": 50, "yahoo": 50, "elsewhere": 50}
    gmail = [p for i, p in enumerate(everyone) if ISPS[i % 3] == "gmail"]
    first = [p for i, p in enumerate(files) if ISPS[(i + 240) % 3] == "gmail"]
    ranked = sorted(gmail, key=lambda p: order_key(NOW.date(), "mta4", p))
    assert chosen["gmail"] == {*first, *ranked[: 50 - len(first)]}
    assert not set(worse) & set().union(*chosen.values())
    assert await world.events("selected") == 150
    row = "select array[budget, selected, on_hand] from mailing_warmup_days where vmta = 'mta4' and isp = 'gmail'"
    assert await world.one(row) == [50, 50, 50]
    await world.new_driver().step()  # another process, the same day: nothing more
    assert await world.events("selected") == 150
    worker = world.worker()
    await world.send_all(worker)
    assert await world.states(campaign) == {"injected": 312}
    await worker.close()


async def test_a_standing_hold_stops_the_ladder_the_same_day(pool: Pool, pg_dsn: str) -> None:
    world = World(pool, pg_dsn, vmtas=COLD)
    await add_people(pool, 30)
    await world.scheduler.plan_day(world.driver._pairs, NOW.date(), NOW)
    async with pool.connection() as conn:
        await conn.execute(
            "insert into mailing_engine_decisions (at, until, isp, agent, action, target_type, target, reason, rule, "
            "mode, status, evidence) values (%s, %s, 'gmail', 'warmup', 'hold_warmup', 'vmta', 'mta4', 'r', 'r@1', "
            "'act', 'applied', '{}')",
            (NOW, NOW + timedelta(hours=12)),
        )
    campaign = await world.prepared()
    assert await world.one("select count(*) from mailing_sends where vmta = 'mta4' and isp = 'gmail'") == 0
    assert await world.one("select count(*) from mailing_sends where vmta = 'mta4' and isp = 'yahoo'") == 10
    assert await world.one("select note from mailing_warmup_days where isp = 'gmail'") == "hold_warmup stands"
    assert (await world.states(campaign)) == {"waiting": 30}


async def test_without_a_warm_vmta_the_rest_is_held_by_the_warm_up_limit(pool: Pool, pg_dsn: str) -> None:
    world = World(pool, pg_dsn, vmtas=COLD, warm=())
    await add_people(pool, 70, isp=lambda _n: "gmail")
    campaign = await world.prepared()
    assert await world.states(campaign) == {"waiting": 50, "held:warmup_limit": 20}


async def test_a_quota_holds_whom_the_day_leaves_out(pool: Pool, pg_dsn: str) -> None:
    world = World(pool, pg_dsn)
    world.store._quota = 12
    await add_people(pool, 60)
    campaign = await world.prepared()
    assert await world.states(campaign) == {"waiting": 36, "held:quota": 24}


async def test_preparing_goes_on_where_it_was_killed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ignite_adapters.postgres.campaigns.CHUNK", 7)
    people = await add_people(world.pool, 40)
    campaign = await world.scheduled(audience={"not": {"isp": ["yahoo"]}})
    await world.driver.step()
    for _ in range(3):  # a new process for every chunk
        await world.new_driver().step()
    for _ in range(5):
        await world.driver.step()
    assert await world.status(campaign) == "sending"
    assert await world.states(campaign) == {"waiting": len([n for n in range(len(people)) if n % 3 != 1])}


async def test_a_draft_that_cannot_be_sent_is_refused(world: World) -> None:
    wrong: list[tuple[str, Any]] = [
        ("from_address", "nobody"),
        ("landing_url", "javascript:x"),
        ("variants", ()),
        ("audience", {"isp": ["nowhere"]}),
        ("batch_per_min", 0),
    ]
    for field, value in wrong:
        with pytest.raises(BadInput):
            await world.store.create(draft(**{field: value}), "test", NOW)
    assert HandClock().now() == NOW


async def test_a_test_ends_with_a_winner_by_people_who_clicked(pool: Pool, pg_dsn: str) -> None:
    """Arm B has twice the human clickers; machines click everything in A and decide nothing."""
    world = World(pool, pg_dsn, batch=500)
    await add_people(pool, 600)
    campaign = await world.prepared()
    worker = world.worker()
    await world.send_all(worker)
    await world.driver.step()
    learn = LearnWorker(DecideTests(PostgresExperimentStore(pool)), world.clock)  # type: ignore[arg-type]  # by hand
    async with pool.connection() as conn:
        await conn.execute("update mailing_sends set outcome = 'delivered'")
        for arm, clickers, verdict in (
            ("A", 30, "human"),
            ("A", 999, "machine"),
            ("B", 60, "human"),
            ("B", 60, "human"),
        ):
            await conn.execute(
                "insert into subscriber_events (event_type, event_at, subscriber_id, campaign_id, variant_id, verdict) "
                "select 'clicked', %s, m.subscriber_id, m.campaign_id, m.variant_id, %s from mailing_sends m "
                "join mailing_ab_variants v on v.id = m.variant_id and v.name = %s order by m.id limit %s",
                (world.clock.now(), verdict, arm, clickers),
            )
    assert await learn.step() == 0, "clicks are still coming"
    world.clock.advance(hours=5)
    assert await learn.step() == 1
    assert await learn.step() == 0
    shown = await CampaignReader(pool).one(campaign)
    assert (shown["test_status"], shown["winner"]) == ("decided", "B")
    assert (shown["learning"]["winner"], shown["learning"]["n"], shown["learning"]["clicks"]) == ("B", 600, 90)
    await worker.close()


async def test_a_log_without_receipts_never_says_that_a_message_was_not_taken(pool: Pool) -> None:
    store = PostgresGovernanceStore(pool)
    await store.save(Step(NOW, read_until=NOW))
    assert await store.read_until() is None
    await store.save(Step(NOW, receipts=True))
    assert await store.read_until() == NOW


async def test_a_receipt_seen_before_the_end_of_the_log_claims_no_progress(pool: Pool) -> None:
    store = PostgresGovernanceStore(pool)
    await store.save(Step(NOW, receipts=True))
    assert await store.read_until() is None
    await store.save(Step(NOW, read_until=NOW))
    assert await store.read_until() == NOW
