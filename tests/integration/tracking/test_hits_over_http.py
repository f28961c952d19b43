"""Pixel, click, unsubscribe and beacon over HTTP, on PostgreSQL."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from ignite_adapters.postgres.tracking import PostgresTrackingStore
from ignite_app.clock import Clock
from ignite_app.http import site_events, tracking
from ignite_app.http.group_commit import GroupCommit
from ignite_app.http.tracking import TrackingDeps
from ignite_domain.tracking import LinkCodec, RecordHits, Token, TokenKind, TrackingService
from ignite_domain.tracking.site import FIELDS

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36"
SERVICE = TrackingService(LinkCodec.of(["the secret of these tests"]), "http://t.example", ("discountblog.com",))
HTML = '<body><a href="https://discountblog.com/deals?x=1">a</a><a href="https://b.example/">b</a></body>'
SITE = {"origin": "http://discountblog.com:8025", "user-agent": CHROME, "content-type": "text/plain;charset=UTF-8"}


@attrs.frozen
class Web:
    client: AsyncTestClient[Litestar]
    pool: Any
    sends: list[int]

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        async with self.pool.connection() as conn:
            return list(await (await conn.execute(sql)).fetchall())

    def link(self, kind: TokenKind, send: int = 0, number: int = 0) -> str:
        path = {TokenKind.OPEN: "/t/o/", TokenKind.UNSUBSCRIBE: "/u/"}.get(kind, "/t/c/")
        return path + SERVICE.codec.encode(Token(kind, self.sends[send], number, 2497))

    async def click(self, send: int = 0, number: int = 0, agent: str = CHROME, method: str = "GET") -> Any:
        url = self.link(TokenKind.CLICK, send, number)
        return await self.client.request(method, url, headers={"user-agent": agent}, follow_redirects=False)


@pytest.fixture
async def web(pool: Any) -> AsyncIterator[Web]:
    async with pool.connection() as conn:
        await conn.execute(
            "insert into mailing_campaigns (name, from_name, from_address, landing_url, created_at, created_by) "
            "values ('c', 'n', 'a@mail.discountblog.com', 'https://discountblog.com/', %s, 'test')",
            (NOW,),
        )
        await conn.execute(
            "insert into mailing_ab_tests (campaign_id, element, salt) select id, 'subject', 's' from mailing_campaigns"
        )
        await conn.execute(
            "insert into mailing_ab_variants (test_id, name, weight, subject, html) "
            "select id, 'A', 1, 's', %s from mailing_ab_tests",
            (HTML,),
        )
        await conn.execute(
            "insert into mailing_subscribers (email, email_md5, domain, isp, limiter_group, data_quality_score, "
            "imported_at, updated_at) select 'p' || n || '@gmail.com', md5('p' || n || '@gmail.com'), 'gmail.com', "
            "'gmail', 'gmail', 0.75, %s, %s from generate_series(1, 300) n",
            (NOW, NOW),
        )
        cursor = await conn.execute(
            "insert into mailing_sends (campaign_id, subscriber_id, variant_id, isp, domain, state, claimed_at) "
            "select c.id, s.id, v.id, 'gmail', 'gmail.com', 'injected', %s "
            "from mailing_campaigns c, mailing_ab_variants v, mailing_subscribers s order by s.id returning id",
            (datetime(2026, 11, 2, 8, tzinfo=UTC),),
        )
        sends = [row[0] for row in await cursor.fetchall()]
    record = GroupCommit(RecordHits(PostgresTrackingStore(pool), SERVICE))
    deps = TrackingDeps(SERVICE, record, Clock.starting(NOW, 1.0))
    app = Litestar([*tracking.routes(deps), *site_events.routes(deps)])
    async with AsyncTestClient(app, base_url="http://127.0.0.1:8025") as client:
        yield Web(client, pool, sends)


async def test_a_click_redirects_to_the_compiled_target_with_who_and_which_campaign(web: Web) -> None:
    answer = await web.click()
    assert answer.status_code == 302
    location = urlsplit(answer.headers["location"])
    query = parse_qs(location.query)
    assert (location.netloc, location.path, query["x"]) == ("discountblog.com", "/deals", ["1"])
    assert set(query) == {"x", "eid", "cid", "sid"}
    assert "no-store" in answer.headers["cache-control"]
    assert (await web.click(number=1)).headers["location"] == "https://b.example/"
    assert await web.rows("select event_type, verdict from subscriber_events order by id") == [
        ("clicked", "human"),
        ("quality_changed", None),
        ("clicked", "human"),
    ]


async def test_the_query_of_a_click_never_says_where_it_leads(web: Web) -> None:
    url = web.link(TokenKind.CLICK) + "?url=https://evil.example/&u=https://evil.example/"
    answer = await web.client.get(url, headers={"user-agent": CHROME}, follow_redirects=False)
    assert urlsplit(answer.headers["location"]).hostname == "discountblog.com"
    assert "evil" not in answer.headers["location"]


@pytest.mark.parametrize("path", ["/t/o/", "/t/c/", "/u/"])
async def test_a_tampered_link_is_not_found_and_leaves_nothing(web: Web, path: str) -> None:
    for kind in TokenKind:
        token = SERVICE.codec.encode(Token(kind, web.sends[0], 0, 2497))
        for forged in (("A" if token[0] != "A" else "B") + token[1:], token[:-1], token + "A", "x" * 4000):
            answer = await web.client.get(path + forged, follow_redirects=False)
            assert answer.status_code == 404
            assert "location" not in answer.headers
    assert await web.rows("select 1 from subscriber_events") == []


async def test_a_token_of_one_kind_opens_no_other_door(web: Web) -> None:
    open_token = web.link(TokenKind.OPEN).removeprefix("/t/o/")
    click_token = web.link(TokenKind.CLICK).removeprefix("/t/c/")
    assert (await web.client.get(f"/t/c/{open_token}", follow_redirects=False)).status_code == 404
    assert (await web.client.post(f"/u/{click_token}")).status_code == 404


async def test_the_pixel_is_a_picture_and_an_open(web: Web) -> None:
    answer = await web.client.get(web.link(TokenKind.OPEN), headers={"user-agent": CHROME})
    assert answer.headers["content-type"] == "image/gif"
    assert answer.content.startswith(b"GIF89a")
    assert await web.rows("select event_type, verdict from subscriber_events") == [("opened", "human")]


async def test_a_scanner_that_follows_everything_moves_no_score(web: Web) -> None:
    await web.client.get(web.link(TokenKind.HONEYPOT), headers={"user-agent": CHROME}, follow_redirects=False)
    for number in (0, 1):
        assert (await web.click(number=number)).status_code == 302
    assert (await web.click(send=1, method="HEAD")).status_code == 302
    assert await web.rows("select distinct event_type, verdict from subscriber_events") == [("clicked", "machine")]
    assert await web.rows("select distinct data_quality_score::float from mailing_subscribers") == [(0.75,)]


async def test_looking_at_the_unsubscribe_page_unsubscribes_nobody(web: Web) -> None:
    page = await web.client.get(web.link(TokenKind.UNSUBSCRIBE))
    assert page.status_code == 200
    assert '<form method="post">' in page.text
    assert await web.rows("select 1 from subscriber_events") == []


async def test_one_click_and_button_unsubscribe_and_repeating_them_changes_nothing(web: Web) -> None:
    link = web.link(TokenKind.UNSUBSCRIBE)
    first = await web.client.post(link, data={"List-Unsubscribe": "One-Click"})
    assert first.status_code == 200
    for form in ({"confirm": "yes"}, {"List-Unsubscribe": "One-Click"}):
        assert (await web.client.post(link, data=form)).status_code == 200
    assert await web.rows(
        "select event_type, verdict, metadata->>'how' from subscriber_events order by event_type"
    ) == [("suppressed", None, None), ("unsubscribed", "human", "one_click")]
    assert await web.rows("select reason, source from mailing_global_suppressions") == [("unsubscribed", "link")]
    assert await web.rows(
        "select status_reason, data_quality_score::float from mailing_subscribers where status = 'suppressed'"
    ) == [("unsubscribed", 0.75)]


def beacon(location: str, kind: str = "page_view") -> str:
    query = parse_qs(urlsplit(location).query)
    values: dict[str, Any] = {name: query[name][0] for name in ("eid", "cid", "sid")}
    values |= {"type": kind, "url": location, "referrer": "", "duration_ms": 10, "scroll_pct": 5}
    return json.dumps({name: values[name] for name in FIELDS})


async def test_a_visit_after_a_click_is_the_persons_and_lifts_the_score(web: Web) -> None:
    location = (await web.click()).headers["location"]
    for kind in ("page_view", "session_end"):
        answer = await web.client.post("/api/v1/site-events", content=beacon(location, kind), headers=SITE)
        assert answer.status_code == 202
        assert answer.headers["access-control-allow-origin"] == SITE["origin"]
    events = await web.rows(
        "select event_type, verdict, subscriber_id is not null, metadata->>'url' from subscriber_events "
        "where event_type in ('page_view', 'session_end') order by id"
    )
    assert events == [
        ("page_view", "human", True, "https://discountblog.com/deals"),
        ("session_end", "human", True, "https://discountblog.com/deals"),
    ]
    assert (await web.rows("select count(*) from live_feed"))[0][0] == 3


async def test_a_visit_with_a_worthless_eid_is_stored_with_nobodys_name(web: Web) -> None:
    location = (await web.click(agent="python-requests/2.33")).headers["location"]
    click_token = web.link(TokenKind.CLICK, 1).removeprefix("/t/c/")
    for text in (
        beacon(location.replace("eid=", "eid=A")),
        json.dumps({"type": "page_view", "eid": click_token}),
        json.dumps({"type": "page_view"}),
    ):
        assert (await web.client.post("/api/v1/site-events", content=text, headers=SITE)).status_code == 202
    assert await web.rows(
        "select subscriber_id, verdict, count(*) from subscriber_events where event_type = 'page_view' group by 1, 2"
    ) == [(None, None, 3)]
    assert (await web.client.post("/api/v1/site-events", content=beacon(location), headers=SITE)).status_code == 202
    assert await web.rows("select distinct data_quality_score::float from mailing_subscribers") == [(0.75,)]
    assert await web.rows("select count(*) from live_feed") == [(0,)]


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://discountblog.com", 202),
        ("http://discountblog.com:9999", 202),
        ("https://shop.discountblog.com", 202),
        ("https://discountblog.com.evil.example", 403),
        ("https://evil.example", 403),
        ("null", 403),
        (None, 403),
    ],
)
async def test_only_owned_sites_may_report(web: Web, origin: str | None, status: int) -> None:
    headers = {"origin": origin} if origin else {}
    answer = await web.client.post("/api/v1/site-events", content='{"type": "page_view"}', headers=headers)
    assert answer.status_code == status
    asked = await web.client.options("/api/v1/site-events", headers=headers)
    assert asked.status_code == (204 if status == 202 else 403)
    assert asked.headers.get("access-control-allow-methods") == ("POST" if status == 202 else None)


@pytest.mark.parametrize(
    ("text", "status"),
    [("", 400), ("{", 400), ("[]", 400), ('{"type": "open"}', 400), ("[" * 5000, 400), ('"' + "x" * 9000 + '"', 413)],
)
async def test_a_body_that_is_no_report_is_refused(web: Web, text: str, status: int) -> None:
    answer = await web.client.post("/api/v1/site-events", content=text, headers=SITE)
    assert answer.status_code == status
    assert await web.rows("select 1 from subscriber_events") == []


async def test_of_many_hits_at_once_none_is_lost_and_each_person_rises_once(web: Web) -> None:
    answers = await asyncio.gather(*(web.click(send=n % 300, number=n % 2) for n in range(900)))
    assert {answer.status_code for answer in answers} == {302}
    assert await web.rows("select event_type, count(*) from subscriber_events group by 1 order by 1") == [
        ("clicked", 900),
        ("quality_changed", 300),
    ]
