"""What every `GovernanceStore` promises: in memory and on PostgreSQL. The same steps, the same answers."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import attrs
import pytest

from ignite_adapters.memory.governance import MemoryGovernanceStore, Person
from ignite_adapters.postgres.governance import PostgresGovernanceStore
from ignite_adapters.postgres.pool import Pool
from ignite_adapters.postgres.reported import ReportedRates
from ignite_domain.errors import PortFailure
from ignite_domain.governance.ports import (
    Fall,
    GovernanceStore,
    HistoryPoint,
    Lift,
    Position,
    RateStep,
    SendFacts,
    SendMark,
    StatusChange,
    Step,
    StoredSignal,
    Strike,
    Suppressing,
    Taken,
)
from ignite_domain.governance.reported import ReportedRate
from ignite_domain.governance.words import Action, AgentKind, Decision, DecisionStatus, Mode, TargetType
from ignite_domain.isps import Isp
from ignite_domain.subscribers import Status, hash_of

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
ADDRESSES = ("ann@gmail.com", "bob@gmail.com", "cyd@gmail.com")
MD5 = tuple(hash_of(address) for address in ADDRESSES)
PersonOf = Callable[[int], Awaitable[tuple[float, str, str | None]]]


@attrs.frozen
class Room:
    """A store with three people at Gmail, each with the ledger row of its own number, and what may be seen of them."""

    store: GovernanceStore
    person: PersonOf
    outcome: Callable[[int], Awaitable[str | None]]
    listed: Callable[[], Awaitable[set[tuple[str, str, str]]]]
    report: Callable[[ReportedRate], Awaitable[None]]
    slices: Callable[[], Awaitable[list[HistoryPoint]]]


def _in_memory() -> Room:
    store = MemoryGovernanceStore(
        ledger={
            number: SendFacts(number, 1, number, None, Isp.GMAIL, "mta1", 0, True, md5)
            for number, md5 in enumerate(MD5, 1)
        },
        people={1: Person(0.5), 2: Person(0.5), 3: Person(0.5, Status.SUPPRESSED, "unsubscribed")},
    )

    async def person(number: int) -> tuple[float, str, str | None]:
        one = store.people[number]
        return one.score, one.status.value, one.reason

    async def outcome(number: int) -> str | None:
        return store.outcomes.get(number)

    async def listed() -> set[tuple[str, str, str]]:
        return {(isp, md5, one.reason) for (isp, md5), one in store.suppressed.items()}

    async def report(rate: ReportedRate) -> None:
        store.rates[rate.isp.value] = rate

    async def slices() -> list[HistoryPoint]:
        return list(store.slices.values())

    return Room(store, person, outcome, listed, report, slices)


async def _on_postgres(pool: Pool) -> Room:
    async def ask(query: str, *values: Any) -> list[tuple[Any, ...]]:
        async with pool.connection() as conn:
            cursor = await conn.execute(query.encode(), values)
            return await cursor.fetchall() if cursor.description else []

    for address, md5 in zip(ADDRESSES, MD5, strict=True):
        await ask(
            "insert into mailing_subscribers (email, email_md5, domain, isp, limiter_group, data_quality_score, "
            "status, status_reason, imported_at, updated_at) "
            "values (%s, %s, 'gmail.com', 'gmail', 'gmail', 0.5, %s, %s, %s, %s)",
            *(address, md5, *(("suppressed", "unsubscribed") if address[0] == "c" else ("active", None)), NOW, NOW),
        )
    await ask(
        "insert into mailing_campaigns (name, kind, from_name, from_address, landing_url, created_at, created_by) "
        "values ('c', 'campaign', 'n', 'a@b.example', 'https://discountblog.com/', %s, 'test')",
        NOW,
    )
    for number in (1, 2, 3):
        await ask(
            "insert into mailing_sends (campaign_id, subscriber_id, isp, domain, vmta, state, injected_at) "
            "values (1, %s, 'gmail', 'gmail.com', 'mta1', 'injected', %s)",
            *(number, NOW),
        )

    async def person(number: int) -> tuple[float, str, str | None]:
        query = "select data_quality_score::float8, status, status_reason from mailing_subscribers where id = %s"
        ((score, status, reason),) = await ask(query, number)
        return score, status, reason

    async def outcome(number: int) -> str | None:
        ((found,),) = await ask("select outcome from mailing_sends where id = %s", number)
        return None if found is None else str(found)

    async def listed() -> set[tuple[str, str, str]]:
        return {(a, b, c) for a, b, c in await ask("select isp, email_md5, reason from mailing_engine_suppressions")}

    async def report(rate: ReportedRate) -> None:
        await ReportedRates(pool).keep([rate], "test", NOW)

    async def slices() -> list[HistoryPoint]:
        rows = await ask("select at, isp, scope_type, scope, signal, n, x, s, h from mailing_engine_signals")
        return [HistoryPoint(*row) for row in rows]

    return Room(PostgresGovernanceStore(pool), person, outcome, listed, report, slices)


@pytest.fixture(params=["memory", "postgres"])
def place(request: pytest.FixtureRequest) -> Pool | None:
    return None if request.param == "memory" else request.getfixturevalue("pool")


@pytest.fixture
async def room(place: Pool | None) -> Room:
    return _in_memory() if place is None else await _on_postgres(place)


def throttle(**more: Any) -> Decision:
    made = Decision(
        NOW, NOW + timedelta(minutes=30), Isp.GMAIL, AgentKind.THROTTLE, Action.THROTTLE, TargetType.ISP, "gmail",
        "because", "rule@1", {"n": 1}, {"factor": 0.5}, DecisionStatus.APPROVED,
    )  # fmt: skip
    return attrs.evolve(made, **more)


async def saved(room: Room, *decisions: Decision) -> list[Decision]:
    await room.store.save(Step(NOW, decisions=[(one, Mode.ACT, "") for one in decisions]))
    return list(await room.store.standing())


async def test_at_first_nothing_is_known(room: Room) -> None:
    assert await room.store.positions() == {}
    assert await room.store.signals() == []
    assert await room.store.standing() == []
    assert await room.store.released(NOW) == []
    assert await room.store.planned() == {}
    assert await room.store.reported(NOW.date()) == {}


async def test_a_position_is_where_the_last_step_left_it(room: Room) -> None:
    one, other = Position("1:2", "acct.csv", 10, 1, "type"), Position("1:3", "acct2.csv", 5, 1, "type")
    await room.store.save(Step(NOW, positions=[(one, 3, ()), (other, 1, ())]))
    await room.store.save(Step(LATER, positions=[(attrs.evolve(one, byte_offset=99, line=7), 4, ())]))
    assert await room.store.positions() == {"1:2": Position("1:2", "acct.csv", 99, 7, "type"), "1:3": other}


async def test_ledger_rows_are_found_by_id_and_by_person_and_strangers_are_absent(room: Room) -> None:
    found = await room.store.sends([1, 2, 77], named=[2])
    assert found == {
        1: SendFacts(1, 1, 1, None, Isp.GMAIL, "mta1", 0, True),
        2: SendFacts(2, 1, 2, None, Isp.GMAIL, "mta1", 0, True, MD5[1]),
    }
    latest = await room.store.last_sends([MD5[2], hash_of("stranger@gmail.com")])
    assert {md5: one.send_id for md5, one in latest.items()} == {MD5[2]: 3}


@pytest.mark.parametrize("known", [True, False], ids=["known to be injected", "not known"])
async def test_attempts_add_up_and_the_last_outcome_counts(room: Room, known: bool) -> None:
    await room.store.save(
        Step(NOW, marks=[SendMark(1, "deferred", 2, NOW, known), SendMark(3, "deferred", 1, NOW, known)])
    )
    marks = [SendMark(1, "delivered", 1, LATER, known), SendMark(2, None, 1, LATER, known)]
    await room.store.save(Step(LATER, marks=marks))
    sends = await room.store.sends([1, 2, 3], named=())
    assert [sends[number].attempts for number in (1, 2, 3)] == [3, 1, 1]
    assert [await room.outcome(number) for number in (1, 2, 3)] == ["delivered", None, "deferred"]


async def test_a_delivery_lifts_the_living_and_a_dead_address_falls_for_good(room: Room) -> None:
    lifts = [Lift(1, NOW), Lift(2, NOW), Lift(3, NOW)]
    await room.store.save(Step(NOW, falls=[Fall(2, MD5[1], "hard_bounced", NOW)], lifts=lifts))
    assert await room.person(1) == (0.75, "active", None)
    assert await room.person(2) == (0.0, "suppressed", "hard_bounced")
    assert await room.person(3) == (0.75, "suppressed", "unsubscribed")  # reached all the same


async def test_strikes_are_counted_by_person_and_rule(room: Room) -> None:
    full = Strike(MD5[0], "full", NOW)
    await room.store.save(Step(NOW, strikes=[full, Strike(MD5[1], "full", NOW)]))
    await room.store.save(Step(LATER, strikes=[full, Strike(MD5[0], "doubtful", LATER)]))
    assert await room.store.strikes([MD5[0]]) == {(MD5[0], "full"): 2, (MD5[0], "doubtful"): 1}


async def test_a_suppression_gives_way_only_to_one_that_lasts_longer(room: Room) -> None:
    day = timedelta(days=1)

    async def suppress(reason: str, expires: datetime | None) -> None:
        about = throttle(action=Action.SUPPRESS, agent=AgentKind.SUPPRESSION, status=DecisionStatus.APPLIED)
        one = Suppressing(Isp.GMAIL, MD5[0], reason, "row", NOW, expires, 0)
        await room.store.save(Step(NOW, suppress_decisions=[about], suppressions=[one]))

    await suppress("full", NOW + 14 * day)
    await suppress("inactive", NOW + 2 * day)
    assert await room.listed() == {("gmail", MD5[0], "full")}
    await suppress("hard_bounced", None)
    await suppress("full", NOW + 99 * day)
    assert await room.listed() == {("gmail", MD5[0], "hard_bounced")}
    assert await room.store.standing() == []  # a suppression has had its effect: nothing of it stands


async def test_decisions_stand_in_order_until_a_change_ends_them(room: Room) -> None:
    first, second = await saved(room, throttle(), throttle(isp=Isp.YAHOO, target="yahoo"))
    assert first.id is not None
    assert second.id is not None
    assert (first.id < second.id, first.target, second.target) == (True, "gmail", "yahoo")
    assert attrs.evolve(first, id=None) == throttle()
    longer = StatusChange(first.id, None, "stays", until=NOW + timedelta(hours=2), parameters={"more": "said"})
    await room.store.save(Step(LATER, changes=[longer, StatusChange(second.id, DecisionStatus.SUPERSEDED, "over")]))
    (left,) = await room.store.standing()
    assert (left.id, left.until, left.status) == (first.id, NOW + timedelta(hours=2), DecisionStatus.APPROVED)
    assert left.parameters == {**throttle().parameters, "more": "said"}
    await room.store.save(Step(LATER, changes=[StatusChange(second.id, DecisionStatus.APPROVED, "no way back")]))
    assert len(await room.store.standing()) == 1


async def test_a_rejected_wish_is_kept_and_stands_nowhere(room: Room) -> None:
    assert await saved(room, throttle(status=DecisionStatus.REJECTED)) == []


async def test_what_was_released_lately_is_remembered(room: Room) -> None:
    (one,) = await saved(room, throttle())
    assert one.id is not None
    await room.store.save(Step(LATER, changes=[StatusChange(one.id, DecisionStatus.RELEASED, "let go")]))
    assert [found.id for found in await room.store.released(NOW)] == [one.id]
    assert await room.store.released(LATER + timedelta(seconds=1)) == []


async def test_a_change_for_what_waits_comes_too_late_once_somebody_has_answered(room: Room) -> None:
    proposed = throttle(status=DecisionStatus.PROPOSED, deadline=LATER, on_deadline="apply")
    waits, answered = await saved(room, proposed, throttle(isp=Isp.YAHOO, target="yahoo"))
    assert waits.id is not None
    assert answered.id is not None
    late = [
        StatusChange(number, DecisionStatus.REJECTED, "nobody answered", waiting=True)
        for number in (waits.id, answered.id)
    ]
    await room.store.save(Step(LATER, changes=late))
    assert [one.id for one in await room.store.standing()] == [answered.id]


async def test_a_rate_step_adds_to_what_a_standing_throttle_knows(room: Room) -> None:
    (one,) = await saved(room, throttle())
    assert one.id is not None
    await room.store.save(Step(LATER, rate_steps=[RateStep(one.id, 7, 12.5, "cut", True, {"rung": 7})]))
    (after,) = await room.store.standing()
    assert after.parameters == {"factor": 0.5, "rung": 7}


async def test_signals_come_back_as_they_were_and_go_when_nothing_has_fed_them_for_a_week(room: Room) -> None:
    state = StoredSignal("gmail", "isp", "gmail", "state", 0, 10, 1, 3, {"a": [1, 2]})
    reply = StoredSignal("gmail", "isp", "gmail", "reply:full", 600, 1, 1, 0, {"kind": "full", "recipients": []})
    shown = StoredSignal("gmail", "isp", "gmail", "bounce", 60, 10, 1, 3, {})
    await room.store.save(Step(NOW, signals=[state, reply, shown]))
    await room.store.save(Step(LATER, signals=[attrs.evolve(state, s=9)]))
    assert sorted(await room.store.signals(), key=lambda row: row.signal) == [reply, attrs.evolve(state, s=9)]
    assert await room.store.prune(NOW + timedelta(days=7)) == 0
    await room.store.prune(LATER + timedelta(days=7, seconds=-1))
    assert [row.signal for row in await room.store.signals()] == ["state"]


SLICE = HistoryPoint(NOW, "gmail", "isp", "gmail", "deferral", 10, 4, 16, 40)
ON_TOP = [
    ("more, and S higher", {"n": 5, "x": 1, "s": 20}, {"n": 15, "x": 5, "s": 20}),
    ("more, and S lower: the highest stays", {"n": 30, "x": 0, "s": 0}, {"n": 40, "x": 4, "s": 16}),
    ("another limit", {"n": 1, "x": 0, "s": 18, "h": 48}, {"n": 11, "x": 4, "s": 18, "h": 48}),
    ("late, which says nothing of S", {"n": 1, "x": 1, "s": None, "h": None}, {"n": 11, "x": 5}),
]


@pytest.mark.parametrize(("_", "more", "then"), ON_TOP, ids=[one[0] for one in ON_TOP])
async def test_what_comes_on_top_in_a_slice_is_added_to_it(
    room: Room, _: str, more: dict[str, Any], then: dict[str, Any]
) -> None:
    elsewhere = [
        attrs.evolve(SLICE, scope_type="job", scope="it's, a {job}"),
        attrs.evolve(SLICE, signal="attempt", s=None, h=None),
        attrs.evolve(SLICE, at=NOW - timedelta(days=4000)),
    ]
    await room.store.save(Step(NOW, history=[SLICE, *elsewhere]))
    await room.store.save(Step(LATER, history=[attrs.evolve(SLICE, **more)]))
    await room.store.save(Step(LATER))  # nothing new, no row
    assert sorted(await room.slices(), key=repr) == sorted([attrs.evolve(SLICE, **then), *elsewhere], key=repr)


async def test_a_reported_rate_counts_for_its_day_and_not_before(room: Room) -> None:
    rate = ReportedRate(Isp.GMAIL, "mail.example", date(2026, 11, 1), 0.002)
    await room.report(rate)
    found = await room.store.reported(date(2026, 11, 1))
    assert {isp: (one.day, one.rate) for isp, one in found.items()} == {"gmail": (date(2026, 11, 1), 0.002)}
    assert await room.store.reported(date(2026, 11, 2)) == {}


async def taken_of(store: GovernanceStore, *numbers: int) -> Taken:
    """These rows, as delivered, with what the store knows of them."""
    found = Taken()
    for group in await store.groups(numbers):
        for send, person in zip(group.sends, group.people, strict=True):
            for column, value in zip(
                (found.sends, found.people, found.at, found.of), (send, person, NOW, group), strict=True
            ):
                column.append(value)  # type: ignore[attr-defined]
    return found


async def test_rows_that_share_everything_come_as_one_group_or_as_several_alike(room: Room) -> None:
    groups = await room.store.groups([1, 2, 3, 99])
    assert sorted(one for group in groups for one in group.sends) == [1, 2, 3]
    assert sorted(one for group in groups for one in group.people) == [1, 2, 3]
    facts = await room.store.sends([1, 2, 3], [])
    assert {one for group in groups for one in group.facts()} == set(facts.values())


async def test_deliveries_are_events_at_once_and_marks_and_scores_when_they_are_settled(room: Room) -> None:
    await room.store.save(Step(NOW, taken=await taken_of(room.store, 1, 3)))
    await room.store.save(Step(NOW, taken=await taken_of(room.store, 2)))
    assert [await room.store.settle() for _ in range(3)] == [2, 1, 0]
    assert [await room.outcome(number) for number in (1, 2, 3)] == ["delivered"] * 3
    assert [(await room.person(number))[0] for number in (1, 2, 3)] == [0.75] * 3
    assert {one.attempts for one in (await room.store.sends([1, 2, 3], [])).values()} == {1}
    assert not any(group.fresh for group in await room.store.groups([1, 2, 3]))


async def test_what_the_log_said_later_of_a_delivered_message_stays_when_it_is_settled(room: Room) -> None:
    known = True
    await room.store.save(Step(NOW, marks=[SendMark(2, "deferred", 1, NOW, known)]))
    await room.store.save(Step(NOW, taken=await taken_of(room.store, 1, 2)))
    await room.store.save(
        Step(
            LATER,
            marks=[SendMark(1, "complained", 0, LATER, known)],
            falls=[Fall(1, MD5[0], "complained", LATER)],
        )
    )
    assert await room.store.settle() == 2
    assert [await room.outcome(number) for number in (1, 2)] == ["complained", "delivered"]
    assert (await room.person(1))[0] == 0.0
    assert (await room.store.sends([2], []))[2].attempts == 2


async def test_a_step_may_be_saved_while_it_is_decided_and_is_not_if_that_fails(room: Room) -> None:
    taken = await taken_of(room.store, 1)

    async def decided() -> Step:
        return Step(NOW, taken=taken)

    async def failed() -> Step:
        raise PortFailure("database", "gone")

    with pytest.raises(PortFailure, match="gone"):
        await room.store.save_while((), taken, failed())
    assert await room.store.settle() == 0
    assert (await room.store.save_while((), taken, decided())).taken is taken
    assert [await room.store.settle() for _ in range(2)] == [1, 0]
