"""The worker: order, pace and what it does when the outside world is away."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest

from ignite_adapters.memory.verification import MemoryMxLookup, MemoryVerificationStore, MemoryVerifier
from ignite_app.clock import Clock
from ignite_app.workers.verify import EmailVerifier
from ignite_domain.errors import PortFailure
from ignite_domain.events import EventType
from ignite_domain.subscribers import VerifyState
from ignite_domain.verification import AddressVerifier, ApiVerdict, MxAnswer, MxKind, VerifierBusy

CLOCK = Clock.starting(datetime(2026, 11, 2, 9, tzinfo=UTC), 1.0)
HERE = MxAnswer(MxKind.MX, ("mx.x.example",))


def worker(
    store: MemoryVerificationStore, mx: MemoryMxLookup, ask: AddressVerifier | None, **options: int
) -> EmailVerifier:
    return EmailVerifier(store, mx, ask, CLOCK, poll_seconds=20, **options)


async def test_each_domain_is_asked_once_and_people_climb_both_steps() -> None:
    store = MemoryVerificationStore()
    for number in range(1, 10):
        store.add(number, f"p{number}@x.example")
    store.add(10, "lost@nowhere.example")
    mx = MemoryMxLookup({"x.example": HERE})
    ask = MemoryVerifier({f"p{n}@x.example": ApiVerdict.VALID for n in range(1, 9)})
    step = worker(store, mx, ask, api_batch=4).step
    assert await step() == 19
    assert await step() == 0
    assert sorted(mx.asked) == ["nowhere.example", "x.example"]
    assert [len(batch) for batch in ask.batches] == [4, 4, 1]
    scores = [store.people[number].person.score for number in range(1, 11)]
    assert scores == [0.5] * 8 + [0.25, 0.0]
    assert store.event_types(1) == [EventType.VERIFIED, EventType.QUALITY_CHANGED] * 2
    assert store.people[10].person.status_reason == "mx_invalid"
    store.add(11, "new@x.example")
    await step()
    assert sorted(mx.asked) == ["nowhere.example", "x.example"]


async def test_people_from_warm_up_files_come_first() -> None:
    store = MemoryVerificationStore()
    for number in range(1, 6):
        store.add(number, f"p{number}@x.example", warmup=number in (3, 5))
    ask = MemoryVerifier({})
    verifier = worker(store, MemoryMxLookup({"x.example": HERE}), ask, batch=2)
    await verifier.step()
    assert ask.batches == [("p3@x.example", "p5@x.example")]


async def test_without_a_third_party_addresses_stop_at_a_quarter() -> None:
    store = MemoryVerificationStore()
    store.add(1, "a@x.example")
    verifier = worker(store, MemoryMxLookup({"x.example": HERE}), None)
    assert [await verifier.step(), await verifier.step()] == [1, 0]
    assert (store.people[1].person.score, store.people[1].person.state) == (0.25, VerifyState.MX)


async def test_an_unclear_answer_waits_and_is_not_held_against_anyone() -> None:
    store = MemoryVerificationStore()
    store.add(1, "a@slow.example")
    store.add(2, "b@x.example")
    mx = MemoryMxLookup({"slow.example": MxAnswer(MxKind.UNKNOWN), "x.example": HERE})
    verifier = worker(store, mx, None)
    await verifier.step()
    await verifier.step()
    assert mx.asked.count("slow.example") == 1
    assert store.people[1].person.state is VerifyState.NEW
    assert store.people[1].verify_after is not None


async def test_a_dns_that_is_away_altogether_puts_nobody_off() -> None:
    names = [f"d{n}.example" for n in range(6)]
    store = MemoryVerificationStore()
    for number, name in enumerate(names):
        store.add(number, f"a@{name}")
    verifier = worker(store, MemoryMxLookup(dict.fromkeys(names, MxAnswer(MxKind.UNKNOWN))), None)
    with pytest.raises(PortFailure):
        await verifier.step()
    assert all(one.verify_after is None for one in store.people.values())


async def test_a_busy_third_party_gets_its_pause_and_answered_parts_are_kept() -> None:
    store = MemoryVerificationStore()
    for number in range(4):
        store.add(number, f"p{number}@x.example", state=VerifyState.MX)
    calls: list[int] = []

    async def ask(addresses: Sequence[str]) -> Mapping[str, ApiVerdict]:
        calls.append(len(addresses))
        if len(calls) == 2:
            raise VerifierBusy("address verifier", "HTTP 429", True, 60.0)
        return dict.fromkeys(addresses, ApiVerdict.VALID)

    verifier = worker(store, MemoryMxLookup({}), ask, api_batch=2)
    await verifier.step()
    assert sorted(one.person.score for one in store.people.values()) == [0.0, 0.0, 0.5, 0.5]
    assert await verifier.step() == 0
    assert calls == [2, 2]
