"""What every `ModesStore` promises: in memory and on PostgreSQL."""

from datetime import UTC, datetime, timedelta

import pytest

from ignite_adapters.memory.modes import MemoryModes
from ignite_adapters.postgres.modes import PostgresModesStore
from ignite_adapters.postgres.pool import Pool
from ignite_domain.errors import Conflict, NotFound
from ignite_domain.governance.modes import ModeEntry, Modes, ModesStore, Stop
from ignite_domain.governance.words import AgentKind, Mode
from ignite_domain.isps import Isp

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> ModesStore:
    if request.param == "memory":
        return MemoryModes(Mode.OBSERVE)
    pool: Pool = request.getfixturevalue("pool")
    return PostgresModesStore(pool, Mode.OBSERVE)


async def test_at_first_there_is_nothing_but_the_setting(store: ModesStore) -> None:
    assert await store.load() == Modes(Mode.OBSERVE)
    assert await store.refused(NOW, timedelta(minutes=10)) == frozenset()


async def test_entries_are_set_replaced_and_removed_each_with_its_author(store: ModesStore) -> None:
    throttle, gmail = AgentKind.THROTTLE, Isp.GMAIL
    await store.set_mode(None, None, Mode.SHADOW, "ann", "one", NOW)
    await store.set_mode(throttle, gmail, Mode.ACT, "ann", "two", NOW)
    await store.set_mode(throttle, None, Mode.APPROVE, "ann", "three", NOW)
    await store.set_mode(None, gmail, Mode.OBSERVE, "ann", "four", NOW)
    await store.set_mode(throttle, gmail, Mode.APPROVE, "bob", "five", LATER)
    assert set((await store.load()).entries) == {
        ModeEntry(None, None, Mode.SHADOW, "ann", NOW, "one"),
        ModeEntry(throttle, gmail, Mode.APPROVE, "bob", LATER, "five"),
        ModeEntry(throttle, None, Mode.APPROVE, "ann", NOW, "three"),
        ModeEntry(None, gmail, Mode.OBSERVE, "ann", NOW, "four"),
    }
    assert (await store.load()).default is Mode.SHADOW
    await store.set_mode(None, None, None, "bob", "six", LATER)
    assert (await store.load()).default is Mode.OBSERVE
    with pytest.raises(NotFound):
        await store.set_mode(None, None, None, "bob", "seven", LATER)


async def test_a_stop_has_its_author_and_only_that_stop_is_taken_back(store: ModesStore) -> None:
    await store.stop(Isp.GMAIL, "ann", "list trouble", NOW)
    await store.stop(None, "ann", "all of it", NOW)
    await store.stop(Isp.GMAIL, "bob", "still", LATER)
    assert set((await store.load()).stops) == {
        Stop(Isp.GMAIL, "bob", LATER, "still"),
        Stop(None, "ann", NOW, "all of it"),
    }
    await store.resume(None, "ann", "seen to", LATER)
    with pytest.raises(Conflict, match="what can be resumed: at Gmail"):
        await store.resume(Isp.YAHOO, "ann", "seen to", LATER)
    await store.resume(Isp.GMAIL, "ann", "seen to", LATER)
    assert (await store.load()).stops == ()
    with pytest.raises(Conflict, match="what can be resumed: nothing"):
        await store.resume(Isp.GMAIL, "ann", "seen to", LATER)
