"""What a person is told of governance: replies that only a person can mend, and what the host does not carry out.

Real records over the ingest worker, decisions on the database, alerts over the API.
"""

from typing import Any

import pytest

from conftest import NOW
from ignite_adapters.postgres.alerts import AlertStore
from ignite_domain.governance.commands import Verb
from ignite_domain.governance.words import Mode
from integration.test_ingest import FILE, HEADER, line
from integration.test_people_govern import WHY, Floor, floor  # noqa: F401  # the fixture

AUTH = "smtp;550 5.7.515 Access denied, sending domain does not meet the required authentication level"
BROKEN = {"rows": [{"x": 1}]}
"""What a host answers that has other names than ours for everything."""
UNREAD = "status.out.recipients"


@pytest.fixture
def mode() -> Mode:
    return Mode.ACT


async def alerts(floor: Floor) -> dict[str, str]:  # noqa: F811
    """The open alerts: kind -> text."""
    rows = await AlertStore(floor.pool).listed(1 << 62, 100, open_only=True)
    return {row["kind"]: row["text"] for row in rows}


async def refused(floor: Floor, text: str, count: int = 20) -> None:  # noqa: F811
    """So many first attempts are refused at Microsoft in this minute."""
    path = floor.folder / FILE
    if not path.exists():
        path.write_text(HEADER + "\r\n", newline="")
    minutes = (floor.clock.at - NOW).total_seconds() / 60
    with path.open("a", newline="") as file:
        for number in range(count):
            one = line("b", "", minutes, "5.7.515 (access denied)", text, rcpt=f"p{number}@outlook.com")
            file.write(one.replace("gmail.com/mta1", "outlook.com/mta1").replace("gmail-smtp-in.l.google", "x.outlook"))


async def test_replies_about_our_authentication_are_an_alert_until_they_cease_whatever_the_mode(floor: Floor) -> None:  # noqa: F811
    await floor.call("PUT", "governance/modes", {"agent": None, "isp": None, "mode": "observe", **WHY})
    await refused(floor, AUTH)
    await floor.go()
    told = (await alerts(floor))["authentication_refused"]
    assert told.startswith("Microsoft: since ")
    assert "microsoft-authentication" in told
    assert "What to do: check SPF, DKIM, DMARC" in told
    for _ in range(75):  # past the warning's life: the next one is the same alert
        await refused(floor, AUTH)
        await floor.go()
    assert "authentication_refused" in await alerts(floor)
    assert [one for one in floor.phone.told if one[1] == "authentication_refused"] == [
        ("begun", "authentication_refused")
    ]
    await floor.go(75)
    assert "authentication_refused" not in await alerts(floor)


async def test_a_throttle_that_the_host_refuses_is_an_alert_until_it_is_in_force(floor: Floor) -> None:  # noqa: F811
    floor.host.refuse = Verb.RELOAD
    await floor.refusals()
    await floor.go()
    one = await floor.throttle()
    assert one["status"] == "failed"
    told = (await alerts(floor))["not_carried_out"]
    assert told.startswith("Gmail: throttle Gmail of ")
    assert f"(decision {one['id']}) is not in force: exit status 1: refused by this host" in told
    assert "`ignite check`" in told
    floor.host.refuse = None
    await floor.go(12)
    assert (await floor.throttle())["status"] == "verified"
    assert "not_carried_out" not in await alerts(floor)


async def test_a_decision_that_no_executor_takes_up_is_one_alert_until_it_is_carried_out(floor: Floor) -> None:  # noqa: F811
    floor.executing = False
    await floor.refusals()
    await floor.go(5)
    one = await floor.throttle()
    assert one["status"] == "approved"
    assert "not_sent" not in await alerts(floor)
    await floor.go()
    told = (await alerts(floor))["not_sent"]
    assert f"Gmail: throttle Gmail (decision {one['id']}) since " in told
    assert "the worker `execute` does not run. What to do: start it (`ignite work execute`)" in told
    await floor.go(20)
    assert [word for word in floor.phone.told if word[1] == "not_sent"] == [("begun", "not_sent")]
    floor.executing = True
    await floor.go(2)
    assert (await floor.throttle())["status"] == "verified"
    assert "not_sent" not in await alerts(floor)


async def test_a_host_that_cannot_be_read_is_only_observed_and_everything_says_why(floor: Floor) -> None:  # noqa: F811
    await floor.go()
    before = list(floor.host.mutations)
    floor.host._show = lambda command: BROKEN  # type: ignore[method-assign]  # another dialect
    mine: dict[str, Any] = {"isp": "gmail", "action": "pause_queue", "target_type": "queue", "target": "gmail.com/mta1"}
    pause = await floor.call("POST", "decisions", {**mine, "minutes": 90, "parameters": {}, **WHY}, expect=201)
    await floor.go()
    state = await floor.call("GET", "governance")
    assert state["default_mode"] == "act"  # what people set stays set
    assert UNREAD in state["host_unread"]
    await floor.refusals()
    await floor.go(2)
    wish = await floor.throttle()
    assert (wish["status"], wish["mode"]) == ("proposed", "observe")
    assert UNREAD in wish["status_note"]
    modes = {(one["isp"], one["agent"]): one["mode"] for one in (await floor.call("GET", "agents"))["items"]}
    assert modes["gmail", "throttle"] == "observe"
    assert modes["gmail", "warmup"] == "act"  # holds back inside IGNITE: no host is needed for that
    mine_now = await floor.call("GET", f"decisions/{pause['id']}")
    assert mine_now["status"] == "failed"
    assert UNREAD in mine_now["status_note"]
    told = await alerts(floor)
    assert UNREAD in told["host_not_governed"]
    assert "ignite check" in told["host_not_governed"]
    assert "not_carried_out" in told
    assert floor.host.mutations == before

    del floor.host._show  # type: ignore[method-assign]  # the host is back
    await floor.refusals()
    await floor.go(3)
    assert (await floor.call("GET", "governance"))["host_unread"] is None
    assert (await floor.call("GET", f"decisions/{pause['id']}"))["status"] == "verified"
    assert (await floor.throttle())["mode"] == "act"
    assert not {"host_not_governed", "not_carried_out"} & set(await alerts(floor))


async def test_what_was_in_force_when_a_host_cannot_be_read_any_more_stays_and_is_held(floor: Floor) -> None:  # noqa: F811
    await floor.refusals()
    await floor.go(3)
    assert (await floor.throttle())["status"] == "verified"
    floor.host._show = lambda command: BROKEN  # type: ignore[method-assign]
    sent = list(floor.host.mutations)
    await floor.go(45)
    one = await floor.throttle()
    assert (one["status"], one["ended_at"]) == ("verified", None)
    assert one["status_note"].startswith("held, neither probed nor released: the host is only observed")
    assert floor.host.mutations == sent
