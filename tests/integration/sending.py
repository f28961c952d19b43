"""What the sending tests share: people, campaigns, a hand-turned clock, and a world that can be killed."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import attrs

from conftest import NOW
from ignite_adapters.memory.injector import MemoryInjector
from ignite_adapters.postgres.campaigns import PostgresCampaignStore
from ignite_adapters.postgres.leases import Lease, lease
from ignite_adapters.postgres.pool import Pool
from ignite_adapters.postgres.sends import PostgresSendLedger, mark_injected
from ignite_adapters.postgres.warmup import PostgresWarmupStore
from ignite_app.settings import VmtaSettings
from ignite_app.workers.campaign import CampaignDriver
from ignite_app.workers.send import BatchSendWorker
from ignite_app.workers.warmup import cold_pairs
from ignite_domain.campaigns import ResolveDoubts, SendBatch, Verb
from ignite_domain.campaigns.campaign import CampaignDraft, VariantDraft
from ignite_domain.campaigns.pacing import ClosedRoute
from ignite_domain.campaigns.ports import MailInjector
from ignite_domain.tracking import LinkCodec, TrackingService
from ignite_domain.warmup import WarmupScheduler

LINKS = TrackingService(LinkCodec.of(["a secret of sixteen"]), "http://127.0.0.1:8025", ("discountblog.com",))
ISPS = ["gmail", "yahoo", None]
DOMAINS = {"gmail": "gmail.com", "yahoo": "yahoo.com", None: "acme.example"}
WARM = ("mta1", "mta2")
COLD = (VmtaSettings("mta4", "192.0.2.14", cold=True),)
HTML = '<body><p>Hi {{first_name}}, <a href="https://discountblog.com/x">look</a></p></body>'


class Killed(BaseException):
    """Stands for kill -9: nothing of ours catches it."""


@attrs.define
class HandClock:
    """Business time that moves when the test says so."""

    at: datetime = NOW
    rate: float = 1.0

    def now(self) -> datetime:
        return self.at

    def advance(self, **time: float) -> None:
        self.at += timedelta(**time)


@attrs.define
class Controls:
    routes: set[ClosedRoute] = attrs.field(factory=set)
    jobs: set[str] = attrs.field(factory=set)
    probes: set[ClosedRoute] = attrs.field(factory=set)

    async def probed(self, now: datetime) -> frozenset[ClosedRoute]:
        return frozenset(self.probes)

    async def closed(self, now: datetime) -> frozenset[ClosedRoute]:
        return frozenset(self.routes)

    async def paused_jobs(self, now: datetime) -> frozenset[str]:
        return frozenset(self.jobs)


@attrs.define
class Progress:
    at: datetime | None = None

    async def read_until(self) -> datetime | None:
        return self.at


async def add_people(
    pool: Pool, count: int, *, score: float = 0.5, isp: Callable[[int], str | None] = lambda n: ISPS[n % 3], **more: Any
) -> list[int]:
    """Insert active people; returns their ids."""
    rows = []
    async with pool.connection() as conn:
        row = await (await conn.execute("select count(*) from mailing_subscribers")).fetchone()
        first = row[0] if row else 0
        for n in range(first, first + count):
            brand = isp(n)
            values = {
                "email": f"p{n}@{DOMAINS.get(brand, 'x.example')}",
                "email_md5": f"{n:032x}",
                "domain": DOMAINS.get(brand, "x.example"),
                "isp": brand,
                "limiter_group": brand or "acme.example",
                "first_name": f"N{n}",
                "data_quality_score": score,
                "imported_at": NOW,
                "updated_at": NOW,
                **more,
            }
            names = ", ".join(values)
            places = ", ".join(["%s"] * len(values))
            cursor = await conn.execute(
                f"insert into mailing_subscribers ({names}) values ({places}) returning id".encode(),
                list(values.values()),
            )
            rows.append((await cursor.fetchone())[0])  # type: ignore[index]  # an insert returns its row
    return rows


def draft(**changes: Any) -> CampaignDraft:
    base = CampaignDraft(
        name="November",
        from_name="Discount Blog",
        from_address="deals@mail.discountblog.com",
        landing_url="https://discountblog.com/",
        variants=(VariantDraft("A", "One", HTML), VariantDraft("B", "Two", HTML)),
        batch_per_min=1_000_000,
    )
    return attrs.evolve(base, **changes)


@attrs.define
class World:
    """One installation. `worker()` is a new process each time; `taken()` is what the MTA has."""

    pool: Pool
    dsn: str
    clock: HandClock = attrs.field(factory=HandClock)
    controls: Controls = attrs.field(factory=Controls)
    progress: Progress = attrs.field(factory=Progress)
    injector: MailInjector = attrs.field(factory=MemoryInjector)
    vmtas: Sequence[VmtaSettings] = ()
    warm: tuple[str, ...] = WARM
    batch: int = 20

    def __attrs_post_init__(self) -> None:
        self.store = PostgresCampaignStore(self.pool)
        self.ledger = PostgresSendLedger(self.pool)
        self.scheduler = WarmupScheduler(PostgresWarmupStore(self.pool))
        self.driver = self.new_driver()

    store: Any = attrs.field(init=False)
    ledger: Any = attrs.field(init=False)
    scheduler: Any = attrs.field(init=False)
    driver: Any = attrs.field(init=False)

    def new_driver(self) -> CampaignDriver:
        return CampaignDriver(
            self.store,
            self.scheduler,
            self.controls,
            self.clock,  # type: ignore[arg-type]  # a clock turned by hand
            warm=self.warm,
            pairs=cold_pairs(self.vmtas),
        )

    def worker(self) -> BatchSendWorker:
        cold = tuple(vmta.name for vmta in self.vmtas)
        return BatchSendWorker(
            SendBatch(self.ledger, self.injector, LINKS, self.controls, self.warm, cold),
            ResolveDoubts(self.ledger, self.progress),
            self.lease,
            self.clock,  # type: ignore[arg-type]  # a clock turned by hand
            batch=self.batch,
        )

    def lease(self) -> AbstractAsyncContextManager[Lease | None]:
        return lease(self.dsn, "send")

    async def scheduled(self, **changes: Any) -> int:
        campaign: int = await self.store.create(draft(**changes), "test", self.clock.now())
        await self.store.move(campaign, Verb.SCHEDULE, self.clock.now(), scheduled_at=self.clock.now())
        return campaign

    async def prepared(self, **changes: Any) -> int:
        """A campaign in `sending`, its audience in the ledger."""
        campaign = await self.scheduled(**changes)
        for _ in range(20):
            await self.driver.step()
            if await self.status(campaign) == "sending":
                return campaign
        raise AssertionError("never prepared")

    async def send_all(self, worker: BatchSendWorker, *, steps: int = 200) -> int:
        """Step until nothing moves for a while of business time."""
        quiet = moved = 0
        for _ in range(steps):
            done = await worker.step()
            self.clock.advance(seconds=1)
            moved += done
            quiet = 0 if done else quiet + 1
            if quiet > 2:
                return moved
        raise AssertionError("never quiet")

    async def account(self) -> None:
        """What the ingestor does: rows whose message the MTA logged become injected; then all is read."""
        logged = {message.key for message in self.injector.taken}  # type: ignore[attr-defined]
        async with self.pool.connection() as conn:
            rows = await (
                await conn.execute(
                    "select campaign_id, array_agg(id) from mailing_sends "
                    "where id = any(%s) and state in ('claimed', 'in_doubt') group by 1",
                    (sorted(logged),),
                )
            ).fetchall()
            for campaign, ids in rows:
                await mark_injected(conn, ids, campaign, self.clock.now())
        await self.ledger.resolve_doubts(None, self.clock.now())  # the sender's next look
        self.clock.advance(minutes=11)
        self.progress.at = self.clock.now()

    def taken(self) -> Counter[str]:
        """How often the MTA took a message, by recipient."""
        return Counter(message.recipient for message in self.injector.taken)  # type: ignore[attr-defined]

    async def status(self, campaign: int) -> str:
        return str(await self.one("select status from mailing_campaigns where id = %s", campaign))

    async def one(self, query: str, *values: Any) -> Any:
        async with self.pool.connection() as conn:
            row = await (await conn.execute(query.encode(), values)).fetchone()
        return row[0] if row else None

    async def states(self, campaign: int) -> dict[str, int]:
        """People by ledger state, with the reason where there is one."""
        async with self.pool.connection() as conn:
            rows = await (
                await conn.execute(
                    "select state || coalesce(':' || reason, ''), count(*) from mailing_sends "
                    "where campaign_id = %s group by 1",
                    (campaign,),
                )
            ).fetchall()
        return dict(rows)

    async def events(self, kind: str) -> int:
        return int(await self.one("select count(*) from subscriber_events where event_type = %s", kind))


@asynccontextmanager
async def dying(worker: BatchSendWorker) -> AsyncIterator[None]:
    """Run a step that is killed; the process's lease dies with it."""
    try:
        yield
    except Killed:
        pass
    finally:
        await worker.close()
