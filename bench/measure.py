"""One measurement: how long a piece of work takes beside its naive twin. Decides nothing about what is measured.

Seconds differ between machines, ratios hardly do: each round times ours and the twin one after the other, and
the best round of each counts, since other load only ever adds.
"""

import math
from collections.abc import Callable, Sequence
from time import perf_counter

import attrs

ROUNDS = 5
LONG_ENOUGH = 0.05
"""Seconds; shorter work is repeated until a round takes that long."""


@attrs.frozen
class Case:
    """`ours` and `twin` do the same work on `items` things; `same` says whether their answers agree.

    `limit` is what ours must manage, in things a second. One of `twin` and `limit` is needed. `prepare` runs before
    each pass, untimed: it lays out fresh work where what was met before would be cheaper.
    """

    name: str
    what: str
    items: int
    ours: Callable[[], object]
    twin: Callable[[], object] | None = None
    twin_is: str = ""
    limit: float | None = None
    same: Callable[[object, object], bool] | None = None
    prepare: Callable[[], object] | None = None


@attrs.frozen
class Measured:
    """`per_second` counts things; `times_twin` is how many times faster than the twin, `times_limit` than the limit."""

    name: str
    what: str
    per_second: float
    times_twin: float | None
    twin_is: str
    times_limit: float | None
    limit: float | None


class Disagreement(Exception):
    """Ours and its twin gave different answers: their times cannot be compared."""


def measure(case: Case, rounds: int = ROUNDS) -> Measured:
    """Time a case. Raises Disagreement before timing anything whose answers differ."""
    if case.twin is None and case.limit is None:
        raise ValueError(f"{case.name}: neither a twin nor a limit to compare with")
    if case.twin is not None:
        if case.prepare is not None:
            case.prepare()
        mine, theirs = case.ours(), case.twin()
        if not (case.same(mine, theirs) if case.same else mine == theirs):
            raise Disagreement(case.name)
    ours = twin = math.inf
    for _ in range(rounds):
        ours = min(ours, _seconds(case.ours, case.prepare))
        if case.twin is not None:
            twin = min(twin, _seconds(case.twin, case.prepare))
    speed = case.items / ours
    return Measured(
        case.name,
        case.what,
        speed,
        twin / ours if case.twin is not None else None,
        case.twin_is,
        speed / case.limit if case.limit else None,
        case.limit,
    )


def _seconds(work: Callable[[], object], prepare: Callable[[], object] | None) -> float:
    """Seconds of one pass, averaged over as many as a round needs."""
    passes, spent = 0, 0.0
    while spent < LONG_ENOUGH:
        if prepare is not None:
            prepare()
        start = perf_counter()
        work()
        spent += perf_counter() - start
        passes += 1
    return spent / passes


def table(results: Sequence[Measured]) -> str:
    """The results for people, one line each."""
    lines = []
    for one in results:
        against = []
        if one.times_twin is not None:
            against.append(f"{one.times_twin:.3g} x {one.twin_is}")
        if one.times_limit is not None:
            against.append(f"{one.times_limit:.3g} x the limit of {one.limit:,.0f}/s")
        lines.append(f"{one.name:<22} {one.per_second:>14,.0f}/s   {'; '.join(against)}\n    {one.what}")
    return "\n".join(lines)
