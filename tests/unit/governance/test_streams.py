"""Streams against naive twins: windows counted record by record, alarms walked message by message."""

import json
import math
from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance_streams import START, outcome, steady
from ignite_domain.governance.alarms import level_of
from ignite_domain.governance.observed import Outcome, OutcomeKind
from ignite_domain.governance.ports import StoredSignal
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.streams import Stream, count, deliver
from ignite_domain.governance.walks import ComplaintWalk
from ignite_domain.governance.words import Signal
from ignite_domain.inference import lattice_cusum

GMAIL = ("gmail", "isp", "gmail")
KINDS = {
    "delivered": (OutcomeKind.DELIVERED, {}),
    "deferred": (OutcomeKind.DEFERRED, {"reply_kind": "load", "reply_rule": "busy"}),
    "full": (OutcomeKind.DEFERRED, {"address_fault": True, "reply_kind": "full", "reply_rule": "full"}),
    "dead": (OutcomeKind.BOUNCED, {"address_fault": True, "reply_kind": "invalid", "reply_rule": "gone"}),
    "refused": (OutcomeKind.BOUNCED, {"about_us": True, "reply_kind": "policy", "reply_rule": "policy"}),
    "bounced": (OutcomeKind.BOUNCED, {"reply_kind": "routing", "reply_rule": "routing"}),
}

told = st.lists(
    st.tuples(st.integers(0, 3 * 3600), st.sampled_from(sorted(KINDS)), st.booleans()), min_size=1, max_size=120
)


def records(entries: Sequence[tuple[int, str, bool]]) -> list[Outcome]:
    made = []
    for number, (second, name, first) in enumerate(entries):
        kind, more = KINDS[name]
        one = outcome(number, START + timedelta(seconds=second), kind, **more)  # type: ignore[arg-type]
        one.first = first
        made.append(one)
    return made


def naive(entries: Sequence[tuple[int, str, bool]], signal: Signal, edge: int, seconds: int) -> tuple[int, int]:
    """n and x of the minutes (above an hour: hours) of the window that ends with the one of `edge`."""
    grain = 60 if seconds <= 3600 else 3600
    inside = [(name, first) for at, name, first in entries if at // grain > edge // grain - seconds // grain]
    firsts = [name for name, first in inside if first]
    events = {Signal.DEFERRAL: ("deferred", "full"), Signal.BOUNCE: ("dead",), Signal.REFUSAL: ("refused",)}
    if signal in events:
        return len(firsts), sum(1 for name in firsts if name in events[signal])
    if signal is Signal.ATTEMPT:
        return len(inside), sum(1 for name, _ in inside if name in ("deferred", "refused", "bounced"))
    return sum(1 for name, _ in inside if name == "delivered"), 0


@given(told, st.sampled_from([60, 300, 600, 3600, 86_400]), st.integers(0, 1000))
def test_windows_hold_what_a_naive_count_finds(entries: list[tuple[int, str, bool]], seconds: int, later: int) -> None:
    entries.sort(key=lambda entry: entry[0])
    signals = SignalProcessor()
    for one in records(entries):  # one step a record: no count depends on the batch
        signals.observe([one])
    edge = entries[-1][0] + later
    for signal in (Signal.DEFERRAL, Signal.BOUNCE, Signal.REFUSAL, Signal.ATTEMPT, Signal.COMPLAINT):
        seen = signals.seen(*GMAIL, signal, seconds, START + timedelta(seconds=edge))
        assert (seen.n, seen.x) == naive(entries, signal, edge, seconds), signal


@given(told, st.integers(1, 40))
def test_a_restart_at_any_moment_changes_nothing(entries: list[tuple[int, str, bool]], cut: int) -> None:
    entries.sort(key=lambda entry: entry[0])
    made = records(entries)
    whole, halves = SignalProcessor(), SignalProcessor()
    whole.observe(made[:cut])
    halves.observe(made[:cut])
    rows, _ = halves.take_changes(made[min(cut, len(made)) - 1].at)
    halves = SignalProcessor(
        StoredSignal(**{**_plain(row), "state": json.loads(json.dumps(row.state))}) for row in rows
    )
    whole.observe(made[cut:])
    halves.observe(made[cut:])
    now = made[-1].at
    for signal in (Signal.DEFERRAL, Signal.BOUNCE, Signal.REFUSAL):
        assert halves.seen(*GMAIL, signal, 3600, now) == whole.seen(*GMAIL, signal, 3600, now)
        assert halves.seen(*GMAIL, signal, 86_400, now) == whole.seen(*GMAIL, signal, 86_400, now)
        assert halves.statistic(*GMAIL, signal) == whole.statistic(*GMAIL, signal)


@given(told)
def test_deliveries_counted_in_bulk_leave_the_state_that_they_leave_one_by_one(
    entries: list[tuple[int, str, bool]],
) -> None:
    """In any order of minutes: some of them come late."""
    made = [(records([entry])[0], entry[0] // 60 * 60) for entry in entries]
    single, bulk = SignalProcessor(), SignalProcessor()
    for one, second in made:
        one.at = START + timedelta(seconds=second)  # a delivery's second matters to nobody
        single.observe([one])
        if one.kind is OutcomeKind.DELIVERED:
            where = (one.isp or "", one.ip, one.job, one.queue)
            bulk.accepted(int(one.at.timestamp()) // 60, {where: 1}, first=one.first)
        else:
            bulk.observe([one])
    grown = SignalProcessor()
    for one, _ in made:
        if one.kind is OutcomeKind.DELIVERED:
            grown.accepted(int(one.at.timestamp()) // 60, {("gmail", one.ip, one.job, one.queue): 3}, first=one.first)
    now = START + timedelta(hours=4)
    assert bulk.take_changes(now) == single.take_changes(now)
    delivered = sum(name == "delivered" for _, name, _ in entries)
    assert grown.seen(*GMAIL, Signal.COMPLAINT, 86_400, now).n == 3 * delivered


@given(told)
def test_a_state_taken_after_every_record_ends_as_one_taken_once(entries: list[tuple[int, str, bool]]) -> None:
    """In any order of minutes: what is remembered of those that are over must follow what comes late."""
    often, once = Stream(GMAIL, walked=True), Stream(GMAIL, walked=True)
    codes = {name: number for number, name in zip((0, 2, 4, 6, 8, 10), KINDS, strict=True)}
    for second, name, first in entries:
        for stream in (often, once):
            count([stream], second // 60, codes[name] + (not first))
        often.state()
    assert often.state() == once.state()


def test_what_changed_can_be_forgotten_where_nobody_stores_it() -> None:
    """Counts stay; replies older than ten minutes go; a later call tells of what came after alone."""
    signals = SignalProcessor()
    signals.observe(records([(0, "refused", True), (60, "delivered", True)]))
    now = START + timedelta(minutes=20)
    signals.forget_changes(now)
    assert signals.take_changes(now, shown=False) == ([], [])
    assert signals.replies(*GMAIL, START) == {}
    assert signals.seen(*GMAIL, Signal.REFUSAL, 3600, now).n == 2


def _plain(row: StoredSignal) -> dict[str, object]:
    names = ("isp", "scope_type", "scope", "signal", "window_s", "n", "x", "s")
    return {name: getattr(row, name) for name in names}


@given(st.lists(st.sampled_from(["delivered", "delivered", "delivered", "dead"]), min_size=1, max_size=150))
def test_an_alarm_walks_like_the_lattice_of_the_oracle(names: list[str]) -> None:
    """One message a second; the oracle's walk has no ceiling, so the comparison ends where ours would stop."""
    dead = [number + 1 for number, name in enumerate(names) if name == "dead"]
    walked = lattice_cusum(dead, len(names), 19, 206)
    signals = SignalProcessor()
    signals.observe(records([(number, name, True) for number, name in enumerate(names)]))
    if walked["first_alarm"] is None:
        assert signals.statistic(*GMAIL, Signal.BOUNCE) == walked["final"]
    else:
        assert signals.statistic(*GMAIL, Signal.BOUNCE) >= 206  # seen even if it has fallen again


@given(st.permutations(["delivered"] * 6 + ["dead"] * 2 + ["deferred"]))
def test_the_order_within_a_second_moves_no_alarm(names: list[str]) -> None:
    before = [(0, "dead", True)] * 3
    signals = SignalProcessor()
    signals.observe(records([*before, *((7, name, True) for name in names)]))
    # 57 after the first second; then 7 quiet ones, then two events of +19
    assert signals.statistic(*GMAIL, Signal.BOUNCE) == 57 - 7 + 38


def test_a_record_that_comes_late_is_counted_in_its_own_minute() -> None:
    signals = SignalProcessor()
    signals.observe(records([(0, "delivered", True), (600, "delivered", True)]))
    signals.observe(records([(60, "deferred", True)]))
    now = START + timedelta(seconds=600)
    assert signals.seen(*GMAIL, Signal.DEFERRAL, 300, now).x == 0
    assert signals.seen(*GMAIL, Signal.DEFERRAL, 3600, now) == signals.seen(*GMAIL, Signal.DEFERRAL, 86_400, now)
    assert signals.seen(*GMAIL, Signal.DEFERRAL, 3600, now).x == 1


def test_a_peak_within_a_step_is_seen_once() -> None:
    dead = [(number, "dead", True) for number in range(12)]  # 12 x 19 = 228
    quiet = [(60 + number, "delivered", True) for number in range(100)]
    signals = SignalProcessor()
    signals.observe(records([*dead, *quiet]))
    assert signals.statistic(*GMAIL, Signal.BOUNCE) == 228
    signals.observe(records([(200, "delivered", True)]))
    assert signals.statistic(*GMAIL, Signal.BOUNCE) == 228 - 101


@pytest.mark.parametrize("volume", [36_000, 360_001, 1_000_000, 1_440_000, 1_440_001, 5_000_000])
def test_a_restart_changes_no_level_and_no_s(volume: int) -> None:
    stream = Stream(GMAIL, walked=True)
    deliver({stream: volume}, 0)
    stream.turn(1440)
    stream.walks[Signal.BOUNCE].s = 150
    again = Stream.from_state(GMAIL, json.loads(json.dumps(stream.state())), walked=True)
    assert again.alarm(Signal.BOUNCE) == stream.alarm(Signal.BOUNCE)
    assert again.alarm(Signal.BOUNCE).p0 == (0.03 if volume <= 1_440_000 else 0.04)
    stream.relevel()
    again.relevel()
    assert again.walks[Signal.BOUNCE].s == stream.walks[Signal.BOUNCE].s == 150


def test_a_streams_level_follows_its_volume_and_s_keeps_its_share_of_the_way() -> None:
    signals = SignalProcessor()
    signals.observe(records([(0, "dead", True)] * 4))
    assert (signals.level(*GMAIL, Signal.BOUNCE).alarm, signals.statistic(*GMAIL, Signal.BOUNCE)) == (206, 76)
    signals.plan({"gmail": 100_000})
    assert signals.level(*GMAIL, Signal.BOUNCE).alarm == 252
    assert signals.statistic(*GMAIL, Signal.BOUNCE) == 93  # 76 x 252 / 206 = 92.97
    stream = Stream(GMAIL, walked=True)
    for day in range(40):
        deliver({stream: 2_000}, day * 1440)
    stream.turn(40 * 1440)
    # thirty days of 2,000 lie in the window
    assert sum(stream.days.values()) <= 60_000
    assert stream.alarm(Signal.BOUNCE).volume == 360_000


def test_complaints_walk_by_units_of_a_hundred_ripe_messages() -> None:
    walk = ComplaintWalk(level_of(Signal.COMPLAINT, 0))
    naive_s = 0
    ripe = 0.0
    for unit, complaints in enumerate([0, 2, 1, 0, 0, 3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]):
        for number in range(complaints):
            walk.up(ripe + 10 * (number + 1))
        ripe = 100.0 * (unit + 1)
        walk.ripen(ripe)
        naive_s = max(0, naive_s + 7 * complaints - 1)
        assert walk.s == naive_s, unit


def due(share: float) -> float:
    """Seconds after which this share of complaints has come: log-logistic, median 6 hours, shape 1.2."""
    return 6 * 3600 * (share / (1 - share)) ** (1 / 1.2)


def test_exposure_ripens_as_complaints_become_due() -> None:
    """100,000 delivered in an hour and the tolerated 0.05 % of complaints, which come over the next days."""
    signals = SignalProcessor()
    signals.observe(list(steady(100_000, 100_000)))
    highest = 0
    for number in range(50):
        at = START + timedelta(seconds=1800 + due((number + 0.5) / 50))
        signals.observe([outcome(number, at, OutcomeKind.COMPLAINED, ip="192.0.2.11")])
        highest = max(highest, signals.statistic(*GMAIL, Signal.COMPLAINT))
    assert highest < signals.level(*GMAIL, Signal.COMPLAINT).alarm == 37


def test_six_times_the_tolerated_complaints_reach_the_alarm() -> None:
    signals = SignalProcessor()
    signals.observe(list(steady(20_000, 20_000)))
    reached = 0
    for number in range(60):
        at = START + timedelta(seconds=1800 + due((number + 0.5) / 60))
        signals.observe([outcome(number, at, OutcomeKind.COMPLAINED, ip="192.0.2.11")])
        if signals.statistic(*GMAIL, Signal.COMPLAINT) >= 28:
            reached = number + 1
            break
    # Each complaint comes with the 333 messages that are due with it: +7 - 3.33 on average, 28 after about 8.
    assert 6 <= reached <= 10


@settings(max_examples=30)
@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_ripe_exposure_never_shrinks(first: float, more: float) -> None:
    walk = ComplaintWalk(level_of(Signal.COMPLAINT, 0))
    walk.ripen(first)
    walk.ripen(first - more)
    assert math.isclose(walk.taken, first)


@pytest.mark.parametrize("kind", ["ip", "job"])
def test_alarms_are_walked_where_rules_look(kind: str) -> None:
    signals = SignalProcessor()
    signals.observe(records([(0, "dead", True)]))
    (name,) = signals.scopes("gmail", kind)
    assert signals.statistic("gmail", kind, name, Signal.BOUNCE) == 19
