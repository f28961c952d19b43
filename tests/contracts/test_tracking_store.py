"""What every `TrackingStore` does: the memory twin and PostgreSQL give the same answers."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest

from ignite_adapters.memory.tracking import MemoryPerson, MemoryTrackingStore
from ignite_adapters.postgres.tracking import PostgresTrackingStore
from ignite_domain.events import EventType, SubscriberEvent, Verdict
from ignite_domain.isps import Isp
from ignite_domain.quality import Evidence
from ignite_domain.tracking import Hit, LinkCodec, RecordHits, Token, TokenKind, TrackingService, prepare, read_report
from ignite_domain.tracking.ports import TrackedSend, TrackingStore, Unsubscribe
from ignite_domain.tracking.verdict import Earlier

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
HTML = '<a href="https://discountblog.com/deals">a</a><a href="https://b.example/">b</a>'
SERVICE = TrackingService(LinkCodec.of(["the secret of these tests"]), "http://t.example", ("discountblog.com",))
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36"


class World(Protocol):
    store: TrackingStore

    async def person(self, score: float = 0.75, status: str = "active", reason: str | None = None) -> int: ...
    async def send(self, person: int, html: str = HTML) -> int: ...
    async def past(self, person: int, *types: EventType) -> None: ...
    async def state(self, person: int) -> tuple[float, str, str | None]: ...
    async def events(self, person: int | None) -> list[tuple[str, str | None, dict[str, Any]]]: ...


class MemoryWorld:
    def __init__(self) -> None:
        self.store: MemoryTrackingStore = MemoryTrackingStore()

    async def person(self, score: float = 0.75, status: str = "active", reason: str | None = None) -> int:
        number = len(self.store.people) + 1
        self.store.people[number] = MemoryPerson(score, status, reason)
        return number

    async def send(self, person: int, html: str = HTML) -> int:
        number = len(self.store.ledger) + 1
        self.store.ledger[number] = TrackedSend(number, person, 1, 1, Isp.GMAIL, NOW, prepare(html).targets)
        return number

    async def past(self, person: int, *types: EventType) -> None:
        self.store.events += [SubscriberEvent(kind, NOW, person) for kind in types]

    async def state(self, person: int) -> tuple[float, str, str | None]:
        found = self.store.people[person]
        return found.score, found.status, found.status_reason

    async def events(self, person: int | None) -> list[tuple[str, str | None, dict[str, Any]]]:
        return [(e.type.value, e.verdict, e.metadata) for e in self.store.events if e.subscriber_id == person]


class PostgresWorld:
    def __init__(self, pool: Any) -> None:
        self.pool = pool
        self.store = PostgresTrackingStore(pool)

    async def _one(self, sql: str, *values: Any) -> Any:
        async with self.pool.connection() as conn:
            return await (await conn.execute(sql, values)).fetchone()

    async def person(self, score: float = 0.75, status: str = "active", reason: str | None = None) -> int:
        count = (await self._one("select count(*) from mailing_subscribers"))[0]
        email = f"person{count}@gmail.com"
        row = await self._one(
            "insert into mailing_subscribers (email, email_md5, domain, isp, limiter_group, "
            "data_quality_score, status, status_reason, imported_at, updated_at) "
            "values (%s, %s, 'gmail.com', 'gmail', 'gmail', %s, %s, %s, %s, %s) returning id",
            *(email, hashlib.md5(email.encode()).hexdigest(), score, status, reason, NOW, NOW),
        )
        return int(row[0])

    async def send(self, person: int, html: str = HTML) -> int:
        campaign = await self._one(
            "insert into mailing_campaigns (name, from_name, from_address, landing_url, created_at, created_by) "
            "values ('c', 'n', 'a@mail.discountblog.com', 'https://discountblog.com/', %s, 'test') returning id",
            NOW,
        )
        test = await self._one(
            "insert into mailing_ab_tests (campaign_id, element, salt) values (%s, 'subject', 's') returning id",
            campaign[0],
        )
        variant = await self._one(
            "insert into mailing_ab_variants (test_id, name, weight, subject, html) values (%s, 'A', 1, 's', %s) "
            "returning id",
            *(test[0], html),
        )
        row = await self._one(
            "insert into mailing_sends (campaign_id, subscriber_id, variant_id, isp, domain, state, claimed_at) "
            "values (%s, %s, %s, 'gmail', 'gmail.com', 'injected', %s) returning id",
            *(campaign[0], person, variant[0], NOW),
        )
        return int(row[0])

    async def past(self, person: int, *types: EventType) -> None:
        async with self.pool.connection() as conn:
            for kind in types:
                await conn.execute(
                    "insert into subscriber_events (event_type, event_at, subscriber_id) values (%s, %s, %s)",
                    (kind.value, NOW, person),
                )

    async def state(self, person: int) -> tuple[float, str, str | None]:
        row = await self._one(
            "select data_quality_score, status, status_reason from mailing_subscribers where id = %s", person
        )
        return float(row[0]), row[1], row[2]

    async def events(self, person: int | None) -> list[tuple[str, str | None, dict[str, Any]]]:
        async with self.pool.connection() as conn:
            cursor = await conn.execute(
                "select event_type, verdict, metadata from subscriber_events "
                "where subscriber_id is not distinct from %s order by id",
                (person,),
            )
            return list(await cursor.fetchall())


@pytest.fixture(params=["memory", "postgres"])
def world(request: pytest.FixtureRequest) -> World:
    return MemoryWorld() if request.param == "memory" else PostgresWorld(request.getfixturevalue("pool"))


async def hit(
    world: World, send: int, kind: TokenKind, *, minutes: float = 5, link: int = 0, agent: str = CHROME
) -> Any:
    record = RecordHits(world.store, SERVICE)
    at = NOW + timedelta(minutes=minutes)
    return (await record([Hit(at, Token(kind, send, link, 2497), user_agent=agent, sid="s1")]))[0]


async def test_a_send_is_found_with_its_compiled_links(world: World) -> None:
    person = await world.person()
    send = await world.send(person)
    found = await world.store.sends([send, 999_999])
    assert list(found) == [send]
    assert found[send].subscriber_id == person
    assert found[send].left_at == NOW
    assert found[send].targets == ("https://discountblog.com/deals", "https://b.example/")


async def test_a_persons_click_lifts_to_the_top_once(world: World) -> None:
    person = await world.person(0.75)
    send = await world.send(person)
    answer = await hit(world, send, TokenKind.CLICK)
    assert answer.location.startswith("https://discountblog.com/deals?eid=")
    await hit(world, send, TokenKind.CLICK, minutes=6)
    assert await world.state(person) == (1.00, "active", None)
    events = await world.events(person)
    assert [(kind, verdict) for kind, verdict, _ in events] == [
        ("clicked", "human"),
        ("quality_changed", None),
        ("clicked", "human"),
    ]
    assert events[1][2] == {"from": 0.75, "to": 1.0, "evidence": "human_click"}
    assert events[0][2]["send"] == send
    assert events[0][2]["link"] == 0


async def test_a_machine_is_recorded_and_moves_nothing(world: World) -> None:
    person = await world.person(0.75)
    send = await world.send(person)
    for kind in (TokenKind.HONEYPOT, TokenKind.CLICK, TokenKind.OPEN):
        await hit(world, send, kind)
    assert (await world.state(person))[0] == 0.75
    assert [(k, v, m["reason"]) for k, v, m in await world.events(person)] == [
        ("clicked", "machine", "honeypot"),
        ("clicked", "machine", "after_honeypot"),
        ("opened", "machine", "after_honeypot"),
    ]


async def test_the_honeypot_of_one_mail_says_nothing_about_another(world: World) -> None:
    person = await world.person()
    first, second = await world.send(person), await world.send(person)
    await hit(world, first, TokenKind.HONEYPOT)
    await hit(world, second, TokenKind.CLICK)
    assert [(k, v) for k, v, _ in await world.events(person)][1] == ("clicked", "human")


async def test_earlier_clicks_are_remembered_with_link_and_client(world: World) -> None:
    person = await world.person()
    send = await world.send(person)
    await hit(world, send, TokenKind.HONEYPOT, minutes=1)
    await hit(world, send, TokenKind.CLICK, minutes=20, link=1)
    sends = list((await world.store.sends([send])).values())
    both = (await world.store.earlier(sends, NOW))[send]
    assert [(e.at, e.link) for e in both] == [(NOW + timedelta(minutes=1), None), (NOW + timedelta(minutes=20), 1)]
    late = (await world.store.earlier(sends, NOW + timedelta(minutes=2)))[send]
    assert late == [Earlier(NOW + timedelta(minutes=20), 1, both[1].client)]


@pytest.mark.parametrize(
    ("status", "reason", "past", "score"),
    [
        ("active", None, (), 1.00),
        ("suppressed", "unsubscribed", (), 1.00),
        ("suppressed", "listed", (), 1.00),
        ("suppressed", "hard_bounced", (EventType.HARD_BOUNCED,), 0.00),
        ("suppressed", "complained", (EventType.COMPLAINED,), 0.00),
        ("suppressed", "unsubscribed", (EventType.COMPLAINED,), 0.00),
        ("unmailable", "mx_invalid", (), 0.00),
    ],
)
async def test_whose_score_a_late_click_moves(
    world: World, status: str, reason: str | None, past: tuple[EventType, ...], score: float
) -> None:
    person = await world.person(0.00, status, reason)
    await world.past(person, *past)
    await world.store.save(
        [SubscriberEvent(EventType.CLICKED, NOW, person, verdict=Verdict.HUMAN)],
        {person: (NOW, Evidence.HUMAN_CLICK)},
        [],
    )
    assert (await world.state(person))[0] == score


async def test_an_unsubscribe_counts_once_and_leaves_the_score(world: World) -> None:
    person = await world.person(0.75)
    send = (await world.store.sends([await world.send(person)])).popitem()[1]  # type: ignore[attr-defined]
    wish = Unsubscribe(NOW, send, "one_click")
    await world.store.save([], {}, [wish, wish])
    await world.store.save([], {}, [wish])
    assert await world.state(person) == (0.75, "suppressed", "unsubscribed")
    events = await world.events(person)
    assert sorted(kind for kind, _, _ in events) == ["suppressed", "unsubscribed"]
    assert {verdict for kind, verdict, _ in events if kind == "unsubscribed"} == {"human"}


async def test_who_came_back_can_leave_again(world: World) -> None:
    person = await world.person(0.75)
    send_id = await world.send(person)
    await world.past(person, EventType.UNSUBSCRIBED, EventType.UNSUPPRESSED)
    await hit(world, send_id, TokenKind.UNSUBSCRIBE)
    assert (await world.state(person))[1:] == ("suppressed", "unsubscribed")


async def test_a_complaint_stays_the_reason_when_an_unsubscribe_follows(world: World) -> None:
    person = await world.person(0.00, "suppressed", "complained")
    await hit(world, await world.send(person), TokenKind.UNSUBSCRIBE)
    assert await world.state(person) == (0.00, "suppressed", "complained")
    assert [kind for kind, _, _ in await world.events(person)] == ["unsubscribed"]


async def test_a_visit_is_named_by_its_signed_click_alone(world: World) -> None:
    person = await world.person(0.75)
    send = await world.send(person)
    record = RecordHits(world.store, SERVICE)
    report = read_report({"type": "page_view", "sid": "s1", "url": "https://discountblog.com/x?y"})
    at = NOW + timedelta(minutes=9)
    machine = Token(TokenKind.VISIT_MACHINE, send, 0, 2497)
    await record([Hit(at, None, report=report), Hit(at, machine, report=report)])
    assert (await world.state(person))[0] == 0.75
    await record([Hit(at, Token(TokenKind.VISIT_HUMAN, send, 0, 2497), report=report)])
    assert (await world.state(person))[0] == 1.00
    assert [(k, v) for k, v, _ in await world.events(person)] == [
        ("page_view", "machine"),
        ("page_view", "human"),
        ("quality_changed", None),
    ]
    assert [(k, v, m["url"]) for k, v, m in await world.events(None)] == [
        ("page_view", None, "https://discountblog.com/x")
    ]


async def test_a_click_after_its_time_still_leads_there_and_counts_no_more(world: World) -> None:
    person = await world.person(0.75)
    send = await world.send(person)
    answer = await hit(world, send, TokenKind.CLICK, minutes=91 * 24 * 60)
    assert answer.location == "https://discountblog.com/deals"
    assert await world.events(person) == []


async def test_a_link_number_that_the_variant_does_not_have_leads_nowhere(world: World) -> None:
    send = await world.send(await world.person())
    assert not (await hit(world, send, TokenKind.CLICK, link=2)).known
    assert not (await hit(world, 999_999, TokenKind.CLICK)).known
