"""A person undoes a suppression that covers many people: real records make it, the API lifts it, the gate tells."""

from typing import Any

import pytest

from conftest import NOW
from ignite_adapters.postgres.pool import Pool, transaction
from ignite_adapters.postgres.suppressions import PostgresSuppressionStore
from ignite_domain.governance.words import Mode
from ignite_domain.subscribers import SuppressionReason
from integration.test_ingest import FILE, HEADER, line
from integration.test_people_govern import WHY, Floor, floor  # noqa: F401  # the fixture

DEAD = "smtp;550 5.1.1 The email account that you tried to reach does not exist"


@pytest.fixture
def mode() -> Mode:
    return Mode.OBSERVE


async def sent(pool: Pool, count: int) -> list[int]:
    """So many people of Gmail have been sent to; returns the ids of sends in the order of the people."""
    async with transaction(pool) as conn:
        await conn.execute(
            "insert into mailing_campaigns (name, status, from_name, from_address, landing_url, created_at, "
            "created_by) values ('November', 'sending', 'D', 'd@mail.example', 'https://x.example/', %s, 'test')",
            (NOW,),
        )
        await conn.execute(
            "insert into mailing_subscribers (email, email_md5, domain, isp, limiter_group, data_quality_score, "
            "verify_state, imported_at, updated_at) select 'p' || n || '@gmail.com', md5('p' || n || '@gmail.com'), "
            "'gmail.com', 'gmail', 'gmail', 0.50, 'done', %(now)s, %(now)s from generate_series(1, %(count)s) n",
            {"now": NOW, "count": count},
        )
        cursor = await conn.execute(
            "insert into mailing_sends (campaign_id, subscriber_id, isp, domain, state, vmta, claimed_at, injected_at) "
            "select 1, id, 'gmail', 'gmail.com', 'injected', 'mta1', %(now)s, %(now)s "
            "from mailing_subscribers order by id returning id",
            {"now": NOW},
        )
        return [row[0] for row in await cursor.fetchall()]


async def bounced(floor: Floor, sends: list[int], first: int = 1) -> None:  # noqa: F811
    """Each of these people's mail meets a dead address in this minute."""
    path = floor.folder / FILE
    if not path.exists():
        path.write_text(HEADER + "\r\n", newline="")
    minutes = (floor.clock.at - NOW).total_seconds() / 60
    with path.open("a", newline="") as file:
        for number, send in enumerate(sends, first):
            file.write(line("b", send, minutes, "5.1.1 (bad destination)", DEAD, rcpt=f"p{number}@gmail.com"))


async def gate(floor: Floor) -> list[str]:  # noqa: F811
    """Why each person may not be mailed, by id; "" if she may."""
    async with transaction(floor.pool) as conn:
        ids = [
            row[0] for row in await (await conn.execute("select id from mailing_subscribers order by id")).fetchall()
        ]
    said = await PostgresSuppressionStore(floor.pool).verdicts(ids, floor.clock.now(), frequency=None)
    return [said[one].reason or "" for one in ids]


async def events(floor: Floor) -> list[dict[str, Any]]:  # noqa: F811
    found = (await floor.call("GET", "events?limit=100"))["items"]
    return [one for one in found if one["event_type"] == "unsuppressed"]


async def test_releasing_a_suppression_lifts_what_it_made_and_leaves_what_came_since(floor: Floor) -> None:  # noqa: F811
    sends = await sent(floor.pool, 6)
    await bounced(floor, sends[:5])
    await floor.go()
    (one,) = await floor.decisions("action=suppress")
    assert await gate(floor) == ["suppressed_global"] * 5 + [""]
    assert (await floor.call("GET", f"decisions/{one['id']}"))["entries"] == 5
    store = PostgresSuppressionStore(floor.pool)
    async with transaction(floor.pool) as conn:
        rows = await conn.execute("select email_md5 from mailing_subscribers order by id")
        md5s = [row[0] for row in await rows.fetchall()]
    await store.suppress([md5s[0]], SuppressionReason.UNSUBSCRIBED, "link", floor.clock.now())  # she said so herself
    await store.suppress([md5s[1]], SuppressionReason.LISTED, "import:7", floor.clock.now())
    async with transaction(floor.pool) as conn:  # a later decision has taken one over
        await conn.execute(
            "insert into mailing_engine_decisions (at, until, isp, agent, action, target_type, target, reason, rule, "
            "mode, status, evidence) values (%s, %s, 'gmail', 'suppression', 'suppress', 'address', 't', 'r', 'x@1', "
            "'act', 'applied', '{}')",
            (NOW, NOW),
        )
        await conn.execute(
            "update mailing_engine_suppressions set decision_id = (select max(id) from mailing_engine_decisions) "
            "where email_md5 = %s",
            (md5s[2],),
        )

    made = await floor.call("POST", f"decisions/{one['id']}/release", {"reason": "their server was broken"}, "bob")
    assert (made["action"], made["undoes"], made["status"], made["by"]) == ("release", one["id"], "released", "bob")
    assert made["status_note"] == "lifted for 4 addresses"
    assert {key: made["evidence"][key] for key in ("entries", "everywhere", "people")} == {
        "entries": 4, "everywhere": 2, "people": 4,
    }  # fmt: skip
    assert await gate(floor) == ["suppressed_global"] * 3 + ["", "", ""]
    old = await floor.call("GET", f"decisions/{one['id']}")
    assert (old["status"], old["status_note"], old["entries"]) == (
        "released",
        "released by bob: lifted for 4 addresses",
        0,
    )
    told = await events(floor)
    assert [row["metadata"]["at"] for row in told] == ["everywhere", "everywhere", "gmail", "gmail"]
    assert {(row["metadata"]["by"], row["metadata"]["decision"], row["metadata"]["reason"]) for row in told} == {
        ("bob", one["id"], "their server was broken")
    }
    async with transaction(floor.pool) as conn:
        rows = await conn.execute("select verify_state, status from mailing_subscribers order by id")
        assert await rows.fetchall() == [("done", "suppressed")] * 3 + [("new", "active")] * 2 + [("done", "active")]
    again = await floor.call("POST", f"decisions/{one['id']}/release", WHY, expect=409)
    assert "is over (released)" in again["detail"]


async def test_a_suppression_that_made_nothing_that_stands_is_not_released(floor: Floor) -> None:  # noqa: F811
    sends = await sent(floor.pool, 2)
    await bounced(floor, sends[:1])
    await floor.go()
    (one,) = await floor.decisions("action=suppress")
    undone = await floor.call("DELETE", "suppressions/p1%40gmail.com")
    assert undone["email_md5"]
    assert await gate(floor) == ["", ""]  # by hand she is off the provider's list too
    answer = await floor.call("POST", f"decisions/{one['id']}/release", WHY, expect=409)
    assert "has no entry left that it made" in answer["detail"]
    assert (await floor.call("GET", f"decisions/{one['id']}"))["status"] == "applied"


async def test_after_the_undo_the_same_reply_suppresses_again(floor: Floor) -> None:  # noqa: F811
    sends = await sent(floor.pool, 1)
    await bounced(floor, sends)
    await floor.go()
    (one,) = await floor.decisions("action=suppress")
    await floor.call("POST", f"decisions/{one['id']}/release", WHY)
    assert await gate(floor) == [""]
    await bounced(floor, sends)
    await floor.go()
    assert await gate(floor) == ["suppressed_global"]
