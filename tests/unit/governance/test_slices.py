"""What is counted by slice, against a naive count of the same outcomes; the highest S of a slice by hand."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from governance_streams import outcome
from ignite_domain.governance.observed import Outcome, OutcomeKind
from ignite_domain.governance.ports import HistoryPoint, StoredSignal
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.words import Signal

START = datetime(2026, 11, 2, 8, tzinfo=UTC)
Key = tuple[str, str, datetime]

OUTCOMES = st.lists(
    st.tuples(st.integers(0, 7200), st.sampled_from([OutcomeKind.DELIVERED] * 3 + [OutcomeKind.DEFERRED])), max_size=60
)


def slice_of(at: datetime, minutes: int) -> datetime:
    return at.replace(minute=at.minute // minutes * minutes, second=0)


def added(points: list[HistoryPoint], signal: Signal) -> Counter[Key]:
    """(scope type, "n" or "x", slice) -> how many."""
    found: Counter[Key] = Counter()
    for one in points:
        if one.signal == signal:
            found[(one.scope_type, "n", one.at)] += one.n
            found[(one.scope_type, "x", one.at)] += one.x
    return +found


@given(OUTCOMES, st.integers(1, 60))
def test_slices_add_up_to_what_was_counted_however_late_it_came_with_a_restart_after_every_save(
    made: list[tuple[int, OutcomeKind]], step: int
) -> None:
    state: dict[tuple[str, ...], StoredSignal] = {}
    points = list[HistoryPoint]()
    naive = Counter[Key]()
    outcomes = [outcome(n, START + timedelta(seconds=s), kind) for n, (s, kind) in enumerate(made)]
    for begin in range(0, len(outcomes), step):
        signals = SignalProcessor(state.values())
        signals.observe(sorted(outcomes[begin : begin + step], key=lambda one: one.at))
        rows, more = signals.take_changes(START, shown=False)
        state |= {(row.isp, row.scope_type, row.scope, row.signal): row for row in rows}
        points += more
    for one in outcomes:
        for kind, minutes in (("isp", 5), ("host", 5), ("ip", 15), ("job", 15), ("queue", 15)):
            naive[(kind, "n", slice_of(one.at, minutes))] += 1
            naive[(kind, "x", slice_of(one.at, minutes))] += one.kind is OutcomeKind.DEFERRED
    assert added(points, Signal.DEFERRAL) == +naive


def deferrals(signals: SignalProcessor) -> list[tuple[int, int | None, int | None]]:
    """n, S and H of a provider's slices."""
    points = [one for one in signals.take_changes(START)[1] if (one.scope_type, one.signal) == ("isp", "deferral")]
    return [(one.n, one.s, one.h) for one in points]


def of(minute: float, kind: OutcomeKind) -> Outcome:
    return outcome(int(100 * minute), START + timedelta(minutes=minute), kind)


def test_a_slice_keeps_the_highest_s_though_the_alarm_fell_or_began_afresh_since() -> None:
    # each deferral is four points up, each delivery one down, the limit is 40
    signals = SignalProcessor()
    signals.observe([of(n / 10, OutcomeKind.DEFERRED) for n in range(11)])
    signals.reset("gmail", "isp", "gmail")
    signals.observe([of(2 + n / 10, OutcomeKind.DELIVERED) for n in range(11)])
    assert deferrals(signals) == [(22, 44, 40)]
    signals.observe([of(6, OutcomeKind.DEFERRED), *(of(6.1 + n / 10, OutcomeKind.DELIVERED) for n in range(3))])
    assert deferrals(signals) == [(4, 4, 40)]
    signals.observe([of(9, OutcomeKind.DELIVERED)])
    assert deferrals(signals) == [(1, 0, 40)]


def test_an_alarm_of_an_earlier_slice_is_not_told_of_the_later_ones_read_with_it() -> None:
    signals = SignalProcessor()
    alarmed = [of(n / 10, OutcomeKind.DEFERRED) for n in range(11)]
    signals.observe([*alarmed, *(of(6 + n / 20, OutcomeKind.DELIVERED) for n in range(50))])
    assert deferrals(signals) == [(11, 44, 40), (50, 0, 40)]


def test_a_late_record_says_nothing_of_where_s_stood() -> None:
    signals = SignalProcessor()
    signals.observe([of(60, OutcomeKind.DEFERRED)])
    signals.take_changes(START)
    signals.observe([of(0, OutcomeKind.DELIVERED)])
    assert deferrals(signals) == [(1, None, None)]


def test_where_nothing_is_counted_nothing_comes() -> None:
    signals = SignalProcessor()
    signals.observe([of(0, OutcomeKind.DEFERRED)])
    signals.take_changes(START)
    signals.reset("gmail", "isp", "gmail")
    signals.plan({"gmail": 1_000_000})
    assert signals.take_changes(START + timedelta(hours=1))[1] == []
