"""The API on a real database: what lists say, page by page."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from psycopg.types.json import Jsonb

from ignite_adapters.postgres import events
from ignite_adapters.postgres.pool import Pool, transaction
from ignite_adapters.postgres.reading import loop_counts
from ignite_domain.events import EventType, SubscriberEvent
from ignite_domain.isps import Isp
from integration.serving import ANN, NOW, Client, people, served


@pytest.fixture
async def client(pool: Pool, tmp_path: Path) -> AsyncIterator[Client]:
    async with served(pool, tmp_path) as opened:
        yield opened


async def test_pages_follow_the_key_and_miss_nobody(client: Client, pool: Pool) -> None:
    ids = await people(pool, 5)
    seen: list[int] = []
    after: int | None = 0
    while after is not None:
        page = (await client.get(f"/api/v1/subscribers?after={after}&limit=2", headers=ANN)).json()
        seen += [item["id"] for item in page["items"]]
        after = page["next"]
    assert seen == ids
    found = (await client.get("/api/v1/subscribers?email=P3@Gmail.com", headers=ANN)).json()["items"]
    assert [(one["id"], one["email"], one["data_quality_score"]) for one in found] == [(ids[2], "p3@gmail.com", 0.0)]


async def test_events_come_newest_first_and_of_one_person(client: Client, pool: Pool) -> None:
    first, second = await people(pool, 2)
    async with transaction(pool) as conn:
        await events.append(
            conn,
            [
                SubscriberEvent(EventType.SENT, NOW + timedelta(minutes=n), (first, second)[n % 2], Isp.GMAIL)
                for n in range(5)
            ],
        )
    page = (await client.get("/api/v1/events?limit=3", headers=ANN)).json()
    rest = (await client.get(f"/api/v1/events?before={page['next']}", headers=ANN)).json()
    ids = [item["id"] for item in page["items"] + rest["items"]]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 5
    hers = (await client.get(f"/api/v1/events?subscriber={second}", headers=ANN)).json()["items"]
    assert [item["subscriber_id"] for item in hers] == [second, second]


async def test_a_suppression_by_hand_names_its_author_and_a_person_can_undo_it(client: Client, pool: Pool) -> None:
    [person] = await people(pool, 1)
    made = await client.post("/api/v1/suppressions", json={"address": "Mary <P1@gmail.com>"}, headers=ANN)
    assert (made.status_code, made.json()["people"]) == (201, 1)
    [listed] = (await client.get("/api/v1/suppressions", headers=ANN)).json()["items"]
    assert (listed["id"], listed["reason"], listed["source"]) == (made.json()["email_md5"], "listed", "api:ann")
    again = (await client.post("/api/v1/suppressions", json={"address": listed["id"]}, headers=ANN)).json()
    assert (again["new"], again["people"]) == (False, 0)
    bob = {"X-API-Key": "key-of-bob-" + "k" * 20}
    undone = await client.delete("/api/v1/suppressions/p1%40gmail.com", headers=bob)
    assert (undone.status_code, undone.json()) == (200, {"email_md5": listed["id"]})
    assert (await client.delete("/api/v1/suppressions/p1%40gmail.com", headers=bob)).status_code == 404
    told = (await client.get(f"/api/v1/events?subscriber={person}", headers=ANN)).json()["items"]
    assert [(one["event_type"], one["metadata"].get("by")) for one in told] == [
        ("unsuppressed", "api:bob"),
        ("suppressed", None),
    ]


async def test_all_48_agents_are_listed_before_any_of_them_looked(client: Client, pool: Pool) -> None:
    async with transaction(pool) as conn:
        await conn.execute(
            "insert into mailing_engine_agents (isp, agent, mode, state, reason, evaluations, evaluated_at) "
            "values ('gmail', 'throttle', 'act', 'alarmed', 'deferrals', 7, %s)",
            (NOW,),
        )
    items = (await client.get("/api/v1/agents", headers=ANN)).json()["items"]
    assert len({(one["isp"], one["agent"]) for one in items}) == 48
    assert [(one["isp"], one["agent"]) for one in items if one["state"] != "idle"] == [("gmail", "throttle")]


async def test_signals_are_the_points_of_the_last_hours(client: Client, pool: Pool) -> None:
    async with transaction(pool) as conn:
        for hours in (1, 5, 30):
            await conn.execute(
                "insert into mailing_engine_signals (at, isp, scope_type, scope, signal, n, x) "
                "values (%s, 'gmail', 'isp', 'gmail', 'bounce', 9, 1)",
                (NOW - timedelta(hours=hours),),
            )
    assert len((await client.get("/api/v1/signals", headers=ANN)).json()["items"]) == 2
    assert len((await client.get("/api/v1/signals?hours=48", headers=ANN)).json()["items"]) == 3


async def test_a_decision_shows_the_commands_that_carried_it(client: Client, pool: Pool) -> None:
    async with transaction(pool) as conn:
        row = await conn.execute(
            "insert into mailing_engine_decisions (at, until, isp, agent, action, target_type, target, reason, rule, "
            "mode, status, evidence) values (%s, %s, 'gmail', 'throttle', 'throttle', 'queue', 'gmail.com/mta1', "
            "'deferrals rose', 'deferral@1', 'act', 'applied', '{\"n\": 200}') returning id",
            (NOW, NOW + timedelta(hours=1)),
        )
        decision = (await row.fetchone() or [0])[0]
        await conn.execute(
            "insert into mailing_engine_commands (host, knob, generation, decision_id, argv, state, exit_status, "
            "created_at) values ('mta', 'include', 1, %s, '[\"reload\"]', 'done', 0, %s)",
            (decision, NOW),
        )
    [shown] = (await client.get("/api/v1/decisions", headers=ANN)).json()["items"]
    assert (shown["id"], shown["reason"], shown["evidence"]) == (decision, "deferrals rose", {"n": 200})
    [command] = (await client.get(f"/api/v1/decisions/{decision}/commands", headers=ANN)).json()["items"]
    assert (command["argv"], command["exit_status"]) == (["reload"], 0)


FOUND_BY = [
    ("", [5, 4, 3, 2, 1]),
    ("action=throttle,probe", [4, 1]),
    ("action=suppress", [5, 2]),
    ("isp=yahoo", [4, 2, 1]),
    ("isp=elsewhere", [5, 3]),
    ("isp=yahoo&agent=throttle", [4, 1]),
    ("standing=true", [4, 3]),  # no suppression, nothing that has ended or is only proposed
    ("action=throttle,probe&limit=1", [4]),
]


async def test_decisions_are_found_by_provider_agent_action_and_standing_page_by_page(
    client: Client, pool: Pool
) -> None:
    rows = [
        ("yahoo", "throttle", "throttle", "verified", NOW, {}),
        ("yahoo", "suppression", "suppress", "applied", None, {"recipients": 3}),
        (None, "emergency", "emergency_halt", "failed", None, {}),
        ("yahoo", "throttle", "probe", "applied", None, {}),
        (None, "suppression", "suppress", "applied", None, {"recipients": 1}),
    ]
    async with transaction(pool) as conn:
        await conn.execute("alter sequence mailing_engine_decisions_id_seq restart")
        for isp, agent, action, status, ended, evidence in rows:
            await conn.execute(
                "insert into mailing_engine_decisions (at, until, isp, agent, action, target_type, target, reason, "
                "rule, mode, status, ended_at, evidence) values (%s, %s, %s, %s, %s, 't', 't', 'r', 'x@1', 'act', "
                "%s, %s, %s)",
                (NOW, NOW + timedelta(hours=1), isp, agent, action, status, ended, Jsonb(evidence)),
            )
    for query, ids in FOUND_BY:
        page = (await client.get(f"/api/v1/decisions?{query}", headers=ANN)).json()
        assert [one["id"] for one in page["items"]] == ids, query
    older = await client.get(f"/api/v1/decisions?action=throttle,probe&limit=1&before={page['next']}", headers=ANN)
    assert [one["id"] for one in older.json()["items"]] == [1]
    taken = (await client.get("/api/v1/decisions/suppressing", headers=ANN)).json()["items"]
    assert [(one["isp"], one["decisions"], one["addresses"]) for one in taken] == [("yahoo", 1, 3), ("elsewhere", 1, 1)]
    for wrong in ("isp=aol", "agent=boss", "action=throttle,shout"):
        assert (await client.get(f"/api/v1/decisions?{wrong}", headers=ANN)).status_code == 400


async def test_every_kind_of_agent_but_suppression_shows_the_rules_it_goes_by(client: Client) -> None:
    rules = (await client.get("/api/v1/rules", headers=ANN)).json()["items"]
    assert {one["agent"] for one in rules} == {"throttle", "reputation", "pool", "warmup", "emergency"}
    assert all(one["says"] and one["lifetime_s"] > 0 for one in rules)


async def test_an_accounting_file_shows_the_lines_that_could_not_be_read(client: Client, pool: Pool) -> None:
    async with transaction(pool) as conn:
        await conn.execute(
            "insert into mailing_engine_feeds (source, path, byte_offset, line, ingested, rejected, updated_at) "
            "values ('a', 'acct-1.csv', 900, 30, 7, 23, %s), ('b', 'acct-2.csv', 0, 0, 0, 0, %s)",
            (NOW, NOW),
        )
        await conn.execute(
            "insert into mailing_engine_feed_rejects (source, line, reason) "
            "select 'a', n, 'cut off' from generate_series(1, 23) as n"
        )
    first, second = (await client.get("/api/v1/feeds", headers=ANN)).json()["items"]
    assert (first["path"], first["ingested"], first["rejected"]) == ("acct-1.csv", 7, 23)
    assert first["rejects"] == [{"line": n, "reason": "cut off"} for n in range(1, 21)]
    assert second["rejects"] == []


async def test_the_loop_counts_each_step_from_what_the_tables_hold(client: Client, pool: Pool) -> None:
    assert set((await loop_counts(pool)).values()) == {0}
    [person] = await people(pool, 1)
    kinds = "verified verified quality_changed opened clicked page_view session_end delivered suppressed".split()
    async with transaction(pool) as conn:
        await events.append(
            conn,
            [
                SubscriberEvent(EventType(kind), NOW, person, Isp.GMAIL, metadata={"evidence": "delivered"})
                for kind in kinds
            ],
        )
        await conn.execute(
            "insert into data_import_log (original_key, fingerprint, classification, status, inserted, updated, "
            "unchanged, rejected, row_count, started_at) "
            "values ('a.csv', 'f', 'mailable', 'merged', 5, 3, 2, 1, 11, %s)",
            (NOW,),
        )
    steps = (await client.get("/api/v1/loop", headers=ANN)).json()["steps"]
    assert list(steps) == [*(f"import.{n}" for n in range(1, 13)), *(f"accounting.{n}" for n in range(1, 10))]
    counted = {name: count for name, count in steps.items() if count}
    assert counted == {
        **{"import.1": 1, "import.2": 1, "import.4": 10, "import.5": 1, "import.6": 1, "import.9": 2},
        **{"import.10": 2, "import.11": 9, "accounting.8": 1, "accounting.9": 2},
    }
