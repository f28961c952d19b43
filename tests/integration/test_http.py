"""The API on a real database: who gets in, and how refusals look."""

import re
from collections.abc import AsyncIterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from ignite_adapters.postgres.pool import Pool
from ignite_app.http.app import MAX_BODY, HttpDeps, create_app
from ignite_app.http.auth import Gatekeeper
from ignite_app.settings import Secret
from integration.serving import ADDRESS, ANN, KEY, TOKEN, Client, served


@pytest.fixture
async def client(pool: Pool, tmp_path: Path) -> AsyncIterator[Client]:
    async with served(pool, tmp_path) as opened:
        yield opened


# ---- who gets in

OPEN = ["/health/live", "/health/ready", "/", "/schema/openapi.json"]
LISTS = "loop subscribers suppressions imports decisions agents signals feeds events".split()
DISGUISES = ["//api/v1/loop", "/api//v1/loop", "/api/v1/loop/", "/api/v1//loop"]


async def test_a_browser_that_is_lost_gets_a_page_and_a_program_gets_a_problem(client: Client) -> None:
    for path in ("/nowhere", "/decision/x", "/assets/none.js"):
        shown = await client.get(path, headers={"Accept": "text/html,application/xhtml+xml"})
        assert (shown.status_code, shown.headers["content-type"]) == (404, "text/html; charset=utf-8"), path
        assert '<a href="/">' in shown.text
        plain = await client.get(path, headers={"Accept": "application/json"})
        assert (plain.status_code, plain.headers["content-type"]) == (404, "application/problem+json")
    api = await client.get("/api/v1/nope", headers={"Accept": "text/html", **ANN})
    assert (api.status_code, api.headers["content-type"]) == (404, "application/problem+json")


async def test_lists_need_a_key_and_the_open_paths_need_none(client: Client) -> None:
    for name in LISTS:
        refused = await client.get(f"/api/v1/{name}")
        assert refused.status_code == 401, name
        assert refused.headers["www-authenticate"] == "Bearer"
        assert refused.headers["content-type"] == "application/problem+json"
        assert (await client.get(f"/api/v1/{name}", headers=ANN)).status_code == 200, name
    for path in OPEN:
        assert (await client.get(path)).status_code in (200, 503), path


async def raw_status(app: Litestar, path: str, headers: list[tuple[bytes, bytes]]) -> int:
    """The status of a request whose path no client would send like this."""
    said: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        said.append(message)

    scope: dict[str, Any] = {
        **{"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b""},
        **{"headers": headers, "root_path": "", "scheme": "http", "http_version": "1.1", "state": {}},
        **{"server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "asgi": {"version": "3.0"}},
    }
    await app(scope, receive, send)  # type: ignore[arg-type]  # a hand-made scope is a plain dict
    return int(said[0]["status"])


@pytest.mark.parametrize("path", DISGUISES)
async def test_no_spelling_of_a_path_gets_past_the_gatekeeper(client: Client, path: str) -> None:
    assert await raw_status(client.app, path, []) == 401


NOT_KEYS = [
    {"X-API-Key": "wrong"},
    {"X-API-Key": ""},
    {"Authorization": "Bearer "},
    {"Authorization": f"Basic {KEY}"},
    {"Authorization": KEY},
    {"Cookie": f"ignite_console={KEY}; bad{{}}=1"},
    {"X-API-Key": TOKEN},
]


@pytest.mark.parametrize("headers", NOT_KEYS)
async def test_what_is_not_a_key_opens_nothing(client: Client, headers: dict[str, str]) -> None:
    assert (await client.get("/api/v1/loop", headers=headers)).status_code == 401


@pytest.mark.parametrize("headers", [ANN, {"Authorization": f"Bearer {KEY}"}, {"Authorization": f"bearer {KEY}"}])
async def test_a_key_goes_in_either_header(client: Client, headers: dict[str, str]) -> None:
    assert (await client.get("/api/v1/loop", headers=headers)).status_code == 200


async def test_the_console_link_works_once_and_its_cookie_only_from_our_own_pages(client: Client) -> None:
    assert (await client.get("/console/not-the-token")).status_code == 404
    first = await client.get(f"/console/{TOKEN}", follow_redirects=False)
    assert (first.status_code, first.headers["location"]) == (303, "/")
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie.replace("Strict", "strict")
    assert TOKEN not in cookie
    again = await client.get(f"/console/{TOKEN}", follow_redirects=False)
    assert (again.status_code, "set-cookie" in again.headers) == (303, False)  # a signed-in browser just goes on
    assert (await client.get("/api/v1/loop")).status_code == 200
    own = str(client.base_url).rstrip("/")
    assert (await client.get("/api/v1/loop", headers={"Origin": own})).status_code == 200
    assert (await client.get("/api/v1/loop", headers={"Origin": "https://evil.example"})).status_code == 401
    client.cookies.clear()
    used = await client.get(f"/console/{TOKEN}", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (used.status_code, used.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert 'action="/console"' in used.text
    assert (await client.get(f"/console/{TOKEN}")).headers["content-type"] == "application/problem+json"


async def test_an_api_key_signs_a_browser_in_and_its_name_is_the_author(client: Client) -> None:
    own = {"Origin": str(client.base_url).rstrip("/")}
    for origin in ({}, {"Origin": "null"}, {"Origin": "https://evil.example"}):
        assert (await client.post("/console", data={"key": KEY}, headers=origin)).status_code == 403
    signed = await client.post("/console", data={"key": KEY}, headers=own, follow_redirects=False)
    assert (signed.status_code, signed.headers["location"]) == (303, "/")
    cookie = signed.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert KEY not in cookie
    md5 = "0" * 32
    assert (await client.post("/api/v1/suppressions", json={"address": md5}, headers=own)).status_code == 201
    (listed,) = (await client.get("/api/v1/suppressions")).json()["items"]
    assert (listed["id"], listed["source"]) == (md5, "api:ann")


async def test_who_tries_keys_is_made_to_wait_and_an_empty_key_is_none(client: Client) -> None:
    own = {"Origin": str(client.base_url).rstrip("/")}
    for wrong in ["", "wrong", KEY[:-1], TOKEN, "é" * 20]:
        assert (await client.post("/console", data={"key": wrong}, headers=own)).status_code == 401
    refused = await client.post("/console", data={"key": KEY}, headers=own)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 60


EXTERNAL = re.compile(r"""(?:src|href|action)\s*=\s*["']?\s*(?:https?:)?//|url\(\s*["']?(?:https?:)?//|@import""", re.I)


async def test_no_page_refers_to_another_host_and_each_has_a_policy_that_forbids_it(client: Client) -> None:
    for path in ["/", "/console", "/console/used", "/schema", "/schema/", "/schema/nope", "/health/live", "/nope"]:
        answer = await client.get(path, headers={"Accept": "text/html"})
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; "), path
        assert not re.search(r"https?:|\*", policy), path
        assert not EXTERNAL.search(answer.text), path
    reference = (await client.get("/schema")).text
    assert "What agents and people decided, newest first" in reference
    for path in (await client.get("/schema/openapi.json")).json()["paths"]:
        assert path in reference


async def test_consoles_on_one_host_do_not_overwrite_each_others_cookie() -> None:
    first, second = Gatekeeper({}, Secret("first-token-of-a-demo")), Gatekeeper({}, Secret("second-token-of-a-demo"))
    jar = f"junk; {first.cookie_name()}={first.cookie_value()}; {second.cookie_name()}={second.cookie_value()}"
    assert first.author({"cookie": jar}, same_origin=True) == "console"
    assert second.author({"cookie": jar}, same_origin=True) == "console"
    swapped = f"{first.cookie_name()}={second.cookie_value()}"
    assert first.author({"cookie": swapped}, same_origin=True) is None


# ---- how answers look


async def test_every_answer_carries_the_security_headers_refusals_included(client: Client) -> None:
    for path, headers in [("/health/live", {}), ("/api/v1/loop", {}), ("/nope", {}), ("/api/v1/broken/bug", ANN)]:
        answer = await client.get(path, headers=headers)
        assert answer.headers["x-content-type-options"] == "nosniff", path
        assert answer.headers["x-frame-options"] == "DENY", path
        assert answer.headers["referrer-policy"] == "no-referrer", path


PROBLEMS = [
    ("/api/v1/broken/conflict", 409, "[address] changed meanwhile"),
    ("/api/v1/broken/busy", 503, "database: lock time-out"),
    ("/api/v1/broken/refused", 500, "the server could not do this; its log says why"),
    ("/api/v1/broken/bug", 500, "the server could not do this; its log says why"),
    ("/api/v1/nope", 404, None),
    ("/api/v1/events?limit=0", 400, "limit: must be between 1 and 1000"),
    ("/api/v1/events?limit=many", 400, "limit: expected a whole number"),
    (f"/api/v1/events?limit={ADDRESS}", 400, "limit: expected a whole number"),
    (
        "/api/v1/subscribers?after=ann%20smith&limit=all",
        400,
        "after: expected a whole number; limit: expected a whole number",
    ),
    ("/api/v1/signals?hours=ann%20smith", 400, "hours: expected a number"),
    ("/api/v1/decisions/999999/commands", 404, "there is no such decision"),
    ("/api/v1/decisions/999999/rates", 404, "there is no such decision"),
    ("/api/v1/subscribers?email=not-an-address", 400, "not an e-mail address: syntax"),
    ("/api/v1/suppressions?after=zz%00", 400, "after: must be the last hash of the page before"),
    ("/api/v1/signals?hours=nan", 400, "hours: must be above 0 and at most 2160"),
    ("/api/v1/signals?hours=1e9", 400, "hours: must be above 0 and at most 2160"),
]


@pytest.mark.parametrize(("path", "status", "detail"), PROBLEMS)
async def test_an_error_is_a_problem_document_without_values(
    client: Client, path: str, status: int, detail: str | None
) -> None:
    answer = await client.get(path, headers=ANN)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    body = answer.json()
    assert body["status"] == status
    assert {"type", "title", "detail"} <= set(body)
    assert detail is None or body["detail"] == detail
    assert ADDRESS not in answer.text
    assert "smith" not in answer.text
    assert (answer.headers.get("retry-after") == "5") == (status == 503)


@pytest.mark.parametrize("query", ["before=99999999999999999999", "before=-1", "subscriber=99999999999999999999"])
async def test_a_key_outside_the_range_of_ids_is_the_end_of_the_list(client: Client, query: str) -> None:
    answer = await client.get(f"/api/v1/events?{query}", headers=ANN)
    assert (answer.status_code, answer.json()) == (200, {"items": [], "next": None})


BODIES: list[tuple[bytes, str]] = [
    (b"", "body.address: is missing"),
    (b"{", "body: not JSON"),
    (b"[]", "body: an object is expected"),
    (b'{"address": 5}', "body.address: a text is expected"),
    (b'{"address": "a@b.example", "reson": "x"}', "body.reson: no such field"),
    (b'{"address": "secret words"}', "not an e-mail address: syntax"),
]


@pytest.mark.parametrize(("body", "said"), BODIES)
async def test_a_wrong_body_is_refused_by_field_and_never_quoted(client: Client, body: bytes, said: str) -> None:
    answer = await client.post("/api/v1/suppressions", content=body, headers=ANN)
    assert answer.status_code == 400
    assert answer.json()["detail"] == said


async def test_a_body_that_is_too_large_is_refused(client: Client) -> None:
    answer = await client.post("/api/v1/suppressions", content=b"x" * (MAX_BODY + 1), headers=ANN)
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


async def test_readiness_names_what_is_missing() -> None:
    async def lacking() -> dict[str, str]:
        return {"database": "no connection"}

    async with AsyncTestClient(create_app(HttpDeps(Gatekeeper({}), [], lacking))) as client:
        assert (await client.get("/health/live")).json() == {"status": "ok"}
        answer = await client.get("/health/ready")
        assert (answer.status_code, answer.json()["missing"]) == (503, {"database": "no connection"})


async def test_the_api_describes_itself(client: Client) -> None:
    described = (await client.get("/schema/openapi.json")).json()["paths"]
    assert {f"/api/v1/{name}" for name in LISTS} <= set(described)
    assert not any(path.startswith("/console") for path in described)


async def test_a_console_that_was_not_built_says_how_to_build_it(client: Client) -> None:
    answer = await client.get("/")
    assert answer.status_code == 503
    assert "make dashboard" in answer.text
