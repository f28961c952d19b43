"""What every `PolicyStore` promises: in memory and on PostgreSQL."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ignite_adapters.memory.policies import MemoryPolicyStore
from ignite_adapters.postgres.policies import PostgresPolicyStore
from ignite_domain.errors import Conflict
from ignite_domain.governance.ports import PolicyStore, PolicyVersion

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


def policy(version: int, document: str = "bounce-rise: {at_least: 20}\n") -> PolicyVersion:
    return PolicyVersion(version, NOW + timedelta(hours=version), "ann", f"reason {version}", document)


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> PolicyStore:
    if request.param == "memory":
        return MemoryPolicyStore()
    return PostgresPolicyStore(request.getfixturevalue("pool"))


async def test_without_a_version_there_is_none(store: PolicyStore) -> None:
    assert await store.newest() is None
    assert list(await store.versions(100, 10)) == []


async def test_the_newest_is_in_force_and_all_are_kept_as_they_were(store: PolicyStore) -> None:
    added = [policy(1), policy(2, "# as shipped — again\n"), policy(3, "")]
    for one in added:
        await store.add(one)
    assert await store.newest() == added[2]
    assert await store.newest(2) == added[2]
    assert await store.newest(3) is None
    assert list(await store.versions(100, 10)) == [added[2], added[1], added[0]]
    assert list(await store.versions(100, 2)) == [added[2], added[1]]
    assert list(await store.versions(2, 2)) == [added[0]]


@pytest.mark.parametrize("version", [1, 3, 4])
async def test_only_the_version_after_the_newest_is_taken(store: PolicyStore, version: int) -> None:
    await store.add(policy(1))
    if version == 1:
        await store.add(policy(2))
    with pytest.raises(Conflict):
        await store.add(policy(version, "other: {}"))
    assert [one.document for one in await store.versions(100, 10)] == [policy(1).document] * (2 if version == 1 else 1)


async def test_of_several_at_once_one_is_taken(store: PolicyStore) -> None:
    tried = await asyncio.gather(*(store.add(policy(1, f"# {n}\n")) for n in range(4)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in tried) == ["Conflict", "Conflict", "Conflict", "NoneType"]
    newest = await store.newest()
    assert newest is not None
    assert newest.document == f"# {next(n for n, one in enumerate(tried) if one is None)}\n"
