"""A segment of an audience means the same people in SQL and in Python."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ignite_adapters.postgres.pool import Pool
from ignite_domain.campaigns import Person, parse
from integration.sending import World, add_people


@pytest.fixture
def world(pool: Pool, pg_dsn: str) -> World:
    return World(pool, pg_dsn)


LEAVES = st.one_of(
    st.fixed_dictionaries({"isp": st.lists(st.sampled_from(["gmail", "yahoo", "elsewhere", "cox"]), min_size=1)}),
    st.fixed_dictionaries({"min_score": st.sampled_from([0, 0.25, 0.5, 0.6, 1])}),
    st.fixed_dictionaries({"max_score": st.sampled_from([0, 0.25, 0.5, 0.6, 1])}),
    st.fixed_dictionaries({"domain": st.lists(st.sampled_from(["gmail.com", "x.example"]), min_size=1)}),
    st.fixed_dictionaries({"from_warmup_file": st.booleans()}),
    st.fixed_dictionaries({"attribute": st.sampled_from(["state", "a'b"]), "is": st.sampled_from(["NY", "%s", ""])}),
)
TREES = st.recursive(
    LEAVES | st.just({}),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"all": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=6,
)


async def test_a_segment_means_the_same_in_sql_and_in_python(world: World) -> None:
    for n, score in enumerate([0, 0.25, 0.5, 0.75, 1]):
        await add_people(world.pool, 3, score=score, from_warmup_file=bool(n % 2))
        await add_people(world.pool, 3, score=score, attributes='{"state": "NY", "a\'b": "%s", "n": 1}')
        await add_people(world.pool, 1, score=score, attributes='{"state": 5}')
    async with world.pool.connection() as conn:
        rows = await (
            await conn.execute(
                "select id, isp, domain, data_quality_score::float8, from_warmup_file, attributes "
                "from mailing_subscribers"
            )
        ).fetchall()
    seen: list[Any] = []

    @settings(max_examples=150, database=None, deadline=None)
    @given(TREES)
    def collect(tree: Any) -> None:
        seen.append(tree)

    collect()
    async with world.pool.connection() as conn:
        for tree in seen:
            segment, values = parse(tree), dict[str, Any]()
            query = f"select s.id from mailing_subscribers s where {segment.to_sql(values)}"
            found = {row[0] for row in await (await conn.execute(query.encode(), values)).fetchall()}
            assert found == {id_ for id_, *person in rows if segment.matches(Person(*person))}, tree
