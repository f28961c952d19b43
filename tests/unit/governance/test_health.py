"""When silence, missing types, differing totals or a wrong clock deserve attention. Tables typed by hand."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from ignite_domain.governance.health import Compared, HostLog, Total, agree, findings, frozen_by

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
FINE = HostLog("", NOW, "", NOW, NOW, -1.0, {"d": 900, "b": 200, "t": 5, "tq": 1})


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def kinds(log: HostLog, *totals: Total, compared: Compared | None = None) -> list[str]:
    found = findings(
        [log],
        NOW,
        stalled=timedelta(minutes=10),
        skew=timedelta(seconds=60),
        totals={"": totals} if totals else {},
        compared={"": compared} if compared else {},
    )
    return [one.kind for one in found]


def test_a_log_that_is_well_gives_no_finding() -> None:
    assert kinds(FINE) == []


@pytest.mark.parametrize(
    ("quiet", "totals", "expected"),
    [
        (9, [Total(ago(8), 0), Total(ago(4), 900)], []),  # not yet
        (11, [Total(ago(8), 0), Total(ago(4), 900)], ["dead_man"]),
        (11, [Total(ago(8), 500), Total(ago(4), 500)], []),  # nothing was sent: nothing to log
        (11, [Total(ago(8), 500), Total(ago(1), 900)], []),  # it went out a moment ago
        (11, [Total(ago(8), 500, 7), Total(ago(4), 500, 7)], ["feed_stalled"]),  # mail waits, no attempt in the log
        (11, [Total(ago(8), 900), Total(ago(6), 0), Total(ago(4), 3)], []),  # it was started anew: unknown
        (11, [], ["feed_stalled"]),  # nobody can be asked, and it was alive
        (60 * 25, [], []),  # that was a day ago
    ],
)
def test_silence_is_judged_by_what_the_mta_says(quiet: float, totals: list[Total], expected: list[str]) -> None:
    log = attrs.evolve(FINE, record_at=ago(quiet), logged_at=ago(quiet))
    assert kinds(log, *totals) == expected


def test_a_log_that_never_had_a_record_is_missed_once_the_mta_sends() -> None:
    empty = attrs.evolve(FINE, record_at=None, logged_at=None, types={})
    assert kinds(empty) == []
    assert kinds(empty, Total(ago(8), 0), Total(ago(4), 1)) == ["dead_man"]


def test_a_backfilled_log_of_last_year_is_not_missed() -> None:
    assert kinds(attrs.evolve(FINE, record_at=ago(11), logged_at=ago(60 * 24 * 300))) == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"failure": "No such file or directory"}, ["feed_unreadable"]),
        ({"read_at": ago(11)}, ["feed_unreadable"]),  # the worker is gone
        ({"ahead_s": 61.0}, ["clock_skew"]),
        ({"ahead_s": 59.0}, []),
        ({"types": {"d": 900, "b": 100}}, ["record_types_missing"]),
        ({"types": {"d": 9_899, "b": 100, "t": 1}}, []),  # a healthy host may have no tq for a while
        ({"types": {"d": 900, "b": 99}}, []),  # too few to say
        ({"types": {"d": 1000, "t": 1, "tq": 1}}, ["record_types_missing"]),  # no bounce ever
    ],
)
def test_each_fault_has_its_kind(changed: dict[str, object], expected: list[str]) -> None:
    assert kinds(attrs.evolve(FINE, **changed)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("by_status", "at_least", "at_most", "agreed"),
    [
        (1000, 990, 1010, True),
        (1000, 400, 500, False),  # half of the records are not there
        (1000, 1500, 1500, False),  # read twice
        (1020, 900, 1000, True),  # within 2 %, or 20
        (1040, 900, 1020, True),
        (1050, 900, 1020, False),  # 2 % of 1020 are 20.4
        (20, 0, 0, True),
        (21, 0, 0, False),
        (0, 0, 0, True),
    ],
)
def test_totals_agree_within_two_percent_or_twenty(by_status: int, at_least: int, at_most: int, agreed: bool) -> None:
    assert agree(Compared(by_status, at_least, at_most, timedelta(hours=1))) is agreed


def test_a_finding_names_host_and_numbers() -> None:
    (one,) = findings(
        [attrs.evolve(FINE, host="mta2")],
        NOW,
        stalled=timedelta(minutes=10),
        skew=timedelta(seconds=60),
        totals={},
        compared={"mta2": Compared(1000, 400, 500, timedelta(hours=1))},
    )
    assert (one.kind, one.subject) == ("totals_differ", "mta2")
    assert all(word in one.text for word in ("mta2", "60 minutes", "1000", "400 to 500"))


@pytest.mark.parametrize(
    ("standing", "hosts", "frozen"),
    [
        ([], [""], False),
        ([("dead_man", "")], [""], True),
        ([("feed_stalled", "")], ["", "mta2"], True),
        ([("feed_unreadable", "mta2")], ["", "mta2"], False),  # levers are turned at the main host
        ([("feed_unreadable", "mta2")], ["mta2", "mta3"], True),  # no log of which is known to be its
        ([("clock_skew", ""), ("halt", "gmail")], [""], False),
    ],
)
def test_what_the_alerts_about_the_logs_freeze(standing: list[tuple[str, str]], hosts: list[str], frozen: bool) -> None:
    assert bool(frozen_by(standing, hosts)) is frozen
    if frozen:
        assert standing[0][0] in frozen_by(standing, hosts)
