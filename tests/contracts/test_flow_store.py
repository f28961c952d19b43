"""What every `FlowStore` promises: in memory and on PostgreSQL."""

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import psycopg
import pytest

from ignite_adapters.memory.flows import MemoryFlowStore, MemoryPerson
from ignite_adapters.postgres.events import append
from ignite_adapters.postgres.flows import PostgresFlowStore
from ignite_adapters.postgres.pool import Pool
from ignite_domain.automation import FlowDraft, FlowEngine, FlowStatus, FlowStore, Step, StepKind, advance, in_share
from ignite_domain.campaigns.campaign import CampaignDraft, VariantDraft
from ignite_domain.errors import BadInput, Conflict, NotFound
from ignite_domain.events import EventType, SubscriberEvent, Verdict
from ignite_domain.subscribers import Reason, hash_of

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
MAIL = CampaignDraft(
    name="Welcome",
    from_name="Blog",
    from_address="hello@mail.discountblog.com",
    landing_url="https://discountblog.com/start",
    variants=(VariantDraft("A", "Welcome", '<p>Hello <a href="https://discountblog.com/">you</a></p>'),),
    element="body",
    kind="flow",
)
FLOW = FlowDraft(
    "welcome",
    (
        Step(StepKind.WAIT, minutes=15),
        Step(StepKind.SEND),
        Step(StepKind.WAIT, minutes=120),
        Step(StepKind.CONDITION, event=EventType.CLICKED),
    ),
)


class World:
    """People of the store under test, and what happens to them. Ids are 1, 2, ..."""

    store: FlowStore

    async def person(self, number: int, score: float = 0.5, *, tell: bool = True) -> None:
        """A person who is verified now."""
        raise AssertionError

    async def tell(self, kind: EventType, number: int, at: datetime, **about: Any) -> None:
        raise AssertionError

    async def suppress(self, number: int) -> None:
        raise AssertionError

    async def ledger(self) -> list[int]:
        raise AssertionError

    async def told(self, *kinds: EventType) -> list[tuple[int, str]]:
        raise AssertionError


class MemoryWorld(World):
    def __init__(self) -> None:
        self.memory = MemoryFlowStore()
        self.store = self.memory

    async def person(self, number: int, score: float = 0.5, *, tell: bool = True) -> None:
        self.memory.people[number] = MemoryPerson(number, score)
        if tell:
            await self.tell(EventType.VERIFIED, number, NOW)

    async def tell(self, kind: EventType, number: int, at: datetime, **about: Any) -> None:
        self.memory.happened.append(SubscriberEvent(kind, at, number, **about))

    async def suppress(self, number: int) -> None:
        self.memory.people[number].refused = Reason.SUPPRESSED_GLOBAL

    async def ledger(self) -> list[int]:
        return sorted(person for _, person in self.memory.ledger)

    async def told(self, *kinds: EventType) -> list[tuple[int, str]]:
        return [(event.subscriber_id or 0, event.type.value) for event in self.memory.happened if event.type in kinds]


class PostgresWorld(World):
    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.store = PostgresFlowStore(pool)

    async def person(self, number: int, score: float = 0.5, *, tell: bool = True) -> None:
        email = f"p{number}@x.example"
        async with self.pool.connection() as conn:
            await conn.execute(
                "insert into mailing_subscribers (id, email, email_md5, domain, limiter_group, data_quality_score, "
                "verify_state, imported_at, updated_at) overriding system value values (%s, %s, %s, 'x.example', "
                "'x.example', %s, 'done', %s, %s)",
                (number, email, hash_of(email), score, NOW, NOW),
            )
        if tell:
            await self.tell(EventType.VERIFIED, number, NOW)

    async def tell(self, kind: EventType, number: int, at: datetime, **about: Any) -> None:
        async with self.pool.connection() as conn:
            await append(conn, [SubscriberEvent(kind, at, number, **about)])

    async def suppress(self, number: int) -> None:
        async with self.pool.connection() as conn:
            await conn.execute(
                "insert into mailing_global_suppressions (email_md5, reason, source, since) "
                "select email_md5, 'listed', 'import:1', %s from mailing_subscribers where id = %s",
                (NOW, number),
            )

    async def ledger(self) -> list[int]:
        async with self.pool.connection() as conn:
            rows = await conn.execute("select subscriber_id from mailing_sends where state = 'waiting' order by 1")
            return [person for (person,) in await rows.fetchall()]

    async def told(self, *kinds: EventType) -> list[tuple[int, str]]:
        async with self.pool.connection() as conn:
            rows = await conn.execute(
                "select subscriber_id, event_type from subscriber_events where event_type = any(%s) order by id",
                ([kind.value for kind in kinds],),
            )
            return [(person, kind) for person, kind in await rows.fetchall()]


@pytest.fixture(params=["memory", "postgres"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "memory":
        return MemoryWorld()
    return PostgresWorld(request.getfixturevalue("pool"))


async def run(world: World, at: datetime) -> None:
    """Step until nothing happens, and twice more: a horizon needs a second look."""
    quiet = 0
    while quiet < 3:
        quiet = 0 if await FlowEngine(world.store)(at) else quiet + 1


async def people(world: World) -> dict[str, int]:
    (flow,) = await world.store.flows()
    return dict(flow.people)


async def test_a_verified_person_enters_waits_is_mailed_once_and_leaves_by_what_they_did(world: World) -> None:
    flow = await world.store.create(FLOW, MAIL, "anna", NOW)
    (view,) = await world.store.flows()
    assert (view.id, view.draft, view.status) == (flow, FLOW, FlowStatus.ACTIVE)
    for number in (1, 2):
        await world.person(number)
    await run(world, NOW)
    assert await people(world) == {"waiting": 2}
    assert await world.ledger() == []
    await run(world, NOW + timedelta(minutes=15))
    assert await world.ledger() == [1, 2]
    clicked = NOW + timedelta(minutes=30)
    await world.tell(EventType.CLICKED, 1, clicked, campaign_id=view.campaign_id, verdict=Verdict.HUMAN)
    await world.tell(EventType.CLICKED, 2, clicked, campaign_id=view.campaign_id, verdict=Verdict.MACHINE)
    await run(world, NOW + timedelta(minutes=135))
    (view,) = await world.store.flows()
    assert dict(view.people) == {"exited": 1, "done": 1}
    assert dict(view.exits) == {"clicked": 1}
    assert await world.ledger() == [1, 2]
    assert await world.told(EventType.FLOW_ENTERED) == [(1, "flow_entered"), (2, "flow_entered")]
    assert sorted(await world.told(EventType.FLOW_STEP)) == [(1, "flow_step")] * 4 + [(2, "flow_step")] * 4
    assert sorted(await world.told(EventType.FLOW_EXITED)) == [(1, "flow_exited"), (2, "flow_exited")]


async def test_nobody_enters_twice_whatever_is_said_again(world: World) -> None:
    await world.store.create(FLOW, MAIL, "anna", NOW)
    await world.person(1)
    await run(world, NOW)
    await world.tell(EventType.VERIFIED, 1, NOW + timedelta(minutes=1))
    await run(world, NOW + timedelta(minutes=2))
    assert len(await world.told(EventType.FLOW_ENTERED)) == 1


async def test_those_who_were_there_before_who_score_too_low_or_are_suppressed_stay_out(world: World) -> None:
    await world.person(1)
    await world.store.create(FLOW, MAIL, "anna", NOW + timedelta(minutes=1))
    await world.person(2, 0.25, tell=False)
    await world.tell(EventType.VERIFIED, 2, NOW + timedelta(minutes=2))
    await run(world, NOW + timedelta(minutes=3))
    assert await world.told(EventType.FLOW_ENTERED) == []


async def test_the_gate_is_asked_when_it_sends_and_its_reason_is_the_exit(world: World) -> None:
    await world.store.create(FLOW, MAIL, "anna", NOW)
    await world.person(1)
    await run(world, NOW)
    await world.suppress(1)
    await run(world, NOW + timedelta(minutes=15))
    (view,) = await world.store.flows()
    assert dict(view.exits) == {"suppressed_global": 1}
    assert await world.ledger() == []


async def test_a_share_lets_in_exactly_those_whom_the_domain_names(world: World) -> None:
    flow = await world.store.create(FlowDraft("part", share=20), MAIL, "anna", NOW)
    for number in range(1, 61):
        await world.person(number)
    await run(world, NOW)
    entered = {person for person, _ in await world.told(EventType.FLOW_ENTERED)}
    assert entered == {number for number in range(1, 61) if in_share(flow, number, 20)}
    assert 0 < len(entered) < 60


async def test_a_paused_flow_stands_still_and_goes_on_without_losing_anybody(world: World) -> None:
    flow = await world.store.create(FLOW, MAIL, "anna", NOW)
    await world.person(1)
    await run(world, NOW)
    await world.store.set_status(flow, FlowStatus.PAUSED)
    await world.person(2)
    await run(world, NOW + timedelta(minutes=15))
    assert await people(world) == {"waiting": 1}
    assert await world.ledger() == []
    await world.store.set_status(flow, FlowStatus.ACTIVE)
    await run(world, NOW + timedelta(minutes=15))
    assert await people(world) == {"waiting": 2}
    assert await world.ledger() == [1]


async def test_a_move_made_from_an_old_look_is_dropped_whole(world: World) -> None:
    await world.store.create(FlowDraft("now", (Step(StepKind.SEND),)), MAIL, "anna", NOW)
    await world.person(1)
    while not await world.store.enrol(NOW):
        pass
    due = await world.store.due(NOW, 10)
    moves = [advance(one, NOW) for one in due]
    assert await world.store.save(moves, NOW) == 1
    assert await world.store.save(moves, NOW) == 0
    assert await world.ledger() == [1]
    assert len(await world.told(EventType.FLOW_STEP)) == 1


async def test_names_are_taken_once_mail_has_one_arm_and_an_unknown_flow_is_not_found(world: World) -> None:
    await world.store.create(FLOW, MAIL, "anna", NOW)
    with pytest.raises(Conflict):
        await world.store.create(FLOW, MAIL, "anna", NOW)
    with pytest.raises(NotFound):
        await world.store.set_status(99, FlowStatus.PAUSED)
    with pytest.raises(BadInput, match="exactly one"):
        await world.store.create(
            FlowDraft("two"),
            attrs.evolve(MAIL, variants=(*MAIL.variants, attrs.evolve(MAIL.variants[0], name="B"))),
            "anna",
            NOW,
        )


async def test_an_event_whose_transaction_commits_late_is_not_missed(pool: Pool, pg_dsn: str) -> None:
    world = PostgresWorld(pool)
    await world.store.create(FLOW, MAIL, "anna", NOW)
    await world.person(1, tell=False)
    await world.person(2, tell=False)
    async with await psycopg.AsyncConnection.connect(pg_dsn) as slow:
        await append(slow, [SubscriberEvent(EventType.VERIFIED, NOW, 1)])  # draws the lower id, does not commit
        await world.tell(EventType.VERIFIED, 2, NOW)
        await run(world, NOW)
        assert await world.told(EventType.FLOW_ENTERED) == []  # the horizon waits for the slow one
        await slow.commit()
    await run(world, NOW)
    assert {person for person, _ in await world.told(EventType.FLOW_ENTERED)} == {1, 2}
