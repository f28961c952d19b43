"""What is counted where and for how long; alarms that rise, are forgotten, and are derived again."""

from datetime import datetime, timedelta

import attrs
import pytest

from governance_streams import IPS, START, outcome, steady
from ignite_domain.governance.accounting import AccountingRecord
from ignite_domain.governance.observed import Outcome, OutcomeKind
from ignite_domain.governance.outcomes import outcome_of, reply_of
from ignite_domain.governance.signals import HOST, Seen, Signal, SignalProcessor
from ignite_domain.isps import Isp

GMAIL = ("gmail", "isp", "gmail")
DEAD = {"address_fault": True, "reply_kind": "invalid", "reply_rule": "unknown"}


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def fed(*outcomes: Outcome) -> SignalProcessor:
    signals = SignalProcessor()
    signals.observe(list(outcomes))
    return signals


@pytest.mark.parametrize(
    ("seconds", "now", "n"),
    [
        (300, 4, 3),  # minutes 0, 2, 4
        (300, 6, 2),  # 2, 4
        (300, 9, 0),
        (3600, 59, 3),
        (3600, 62, 1),
        (86_400, 62, 3),
        (86_400, 24 * 60, 0),  # 9 o'clock has left a day of hours
    ],
)
def test_a_window_holds_what_lies_in_it(seconds: int, now: int, n: int) -> None:
    signals = fed(*(outcome(k, at(k)) for k in (0, 2, 4)))
    assert signals.seen(*GMAIL, Signal.DEFERRAL, seconds, at(now)) == Seen(n, 0)


def test_one_outcome_counts_at_the_provider_the_host_its_address_job_and_queue() -> None:
    signals = fed(outcome(0, START, OutcomeKind.DEFERRED, reply_kind="load", reply_rule="busy"))
    scopes = [
        GMAIL,
        (HOST, "host", HOST),
        ("gmail", "ip", IPS[0]),
        ("gmail", "job", "c1"),
        ("gmail", "queue", "gmail.com/mta"),
    ]
    assert {signals.seen(*scope, Signal.DEFERRAL, 300, at(1)) for scope in scopes} == {Seen(1, 1)}
    assert signals.seen("yahoo", "isp", "yahoo", Signal.DEFERRAL, 300, at(1)) == Seen()


def test_mail_outside_the_eight_brands_is_counted_under_elsewhere() -> None:
    signals = fed(outcome(0, START, isp=None))
    assert signals.seen("elsewhere", "isp", "elsewhere", Signal.ATTEMPT, 300, at(1)) == Seen(1, 0)


def test_retries_move_no_alarm_and_judge_probes() -> None:
    retries = [
        attrs.evolve(outcome(0, at(n), OutcomeKind.DEFERRED, reply_kind="load", reply_rule="busy"), first=False)
        for n in range(5)
    ]
    signals = fed(*retries)
    assert signals.statistic(*GMAIL, Signal.DEFERRAL) == 0
    assert signals.since(*GMAIL, Signal.ATTEMPT, at(0)) == Seen(4, 4)


def test_distinct_recipients_of_a_reply_are_counted_for_ten_minutes() -> None:
    same = [outcome(1, at(0.1 * n), OutcomeKind.DEFERRED, reply_kind="rate_limit", reply_rule="r") for n in range(5)]
    signals = fed(*same, outcome(2, at(6), OutcomeKind.DEFERRED, reply_kind="rate_limit", reply_rule="r"))
    assert signals.replies(*GMAIL, at(8)) == {"r": ("rate_limit", 2)}
    assert signals.replies(*GMAIL, at(11)) == {"r": ("rate_limit", 1)}
    assert signals.replies(*GMAIL, at(17)) == {}


def test_the_alarm_climbs_by_up_falls_by_one_and_stops_at_twice_its_level() -> None:
    three = [outcome(n, at(n / 10), OutcomeKind.BOUNCED, **DEAD) for n in range(3)]  # type: ignore[arg-type]
    assert fed(*three).statistic(*GMAIL, Signal.BOUNCE) == 57  # 3 x 19
    assert fed(*three, *steady(50, 600, at(1))).statistic(*GMAIL, Signal.BOUNCE) == 7
    many = [outcome(n, at(n / 10), OutcomeKind.BOUNCED, **DEAD) for n in range(60)]  # type: ignore[arg-type]
    assert fed(*many).statistic(*GMAIL, Signal.BOUNCE) == 412


def test_jobs_that_somebody_names_one_a_message_fill_no_memory() -> None:
    signals = fed(*(outcome(n, at(n / 100), job=f"job-{n}") for n in range(800)), outcome(0, at(9), job="j" * 5000))
    assert len(signals.scopes("gmail", "job")) == 500
    assert signals.seen(*GMAIL, Signal.DEFERRAL, 3600, at(10)) == Seen(801, 0)


def test_a_reset_begins_afresh() -> None:
    signals = fed(*(outcome(n, at(n), OutcomeKind.BOUNCED, **DEAD) for n in range(3)))  # type: ignore[arg-type]
    signals.reset(*GMAIL)
    assert signals.statistic(*GMAIL, Signal.BOUNCE) == 0
    assert signals.seen(*GMAIL, Signal.BOUNCE, 3600, at(5)) == Seen(3, 3)


def test_a_complaint_is_an_event_among_what_was_delivered_before() -> None:
    signals = fed(*steady(200, 6000), outcome(3, at(5), OutcomeKind.COMPLAINED))
    assert signals.seen(*GMAIL, Signal.COMPLAINT, 3600, at(6)) == Seen(200, 1)


def test_only_what_changed_is_handed_out_and_only_once() -> None:
    signals = fed(outcome(0, START))
    rows, points = signals.take_changes(at(1))
    assert {row.window_s for row in rows if row.signal != "state"} == {60, 300, 3600, 86_400}
    assert {(point.isp, point.signal, point.n) for point in points} >= {
        ("gmail", "deferral", 1),
        ("gmail", "bounce", 1),
    }
    assert signals.take_changes(at(1)) == ([], [])


def test_a_brand_whose_mail_runs_in_anothers_queues_is_steered_by_that_brand() -> None:
    def in_rollup(n: int, isp: Isp) -> Outcome:
        return attrs.evolve(outcome(n, at(n / 100), isp=isp), queue="yahoo.rollup/mta1")

    signals = fed(*(in_rollup(n, Isp.YAHOO) for n in range(30)), *(in_rollup(n, Isp.COX) for n in range(5)))
    assert signals.steered_by(Isp.COX, at(2)) is Isp.YAHOO
    assert signals.steered_by(Isp.YAHOO, at(2)) is None
    assert signals.steered_by(Isp.GMAIL, at(2)) is None


def test_latency_is_the_seconds_of_deliveries_alone_and_survives_a_restart() -> None:
    """Three deliveries after 2, 10 and 300 seconds, the last a retry; a bounce waited too, and that is no latency."""
    record = AccountingRecord("d", START, queued=START - timedelta(seconds=2), rcpt="ann@gmail.com")
    waits = {
        "d": (2, 10, 300),
        "b": (5,),
    }
    outcomes = []
    for kind, seconds in waits.items():
        for waited in seconds:
            one = attrs.evolve(record, type=kind, queued=START - timedelta(seconds=waited), status="5.1.1")
            outcomes.append(outcome_of(one, waited < 300, reply_of(one), Isp.GMAIL, "r"))
    signals = SignalProcessor()
    signals.observe([one for one in outcomes if one])
    again = SignalProcessor(signals.take_changes(START)[0])
    for told in (signals, again):
        assert told.seen("gmail", "isp", "gmail", Signal.LATENCY, 3600, START) == Seen(3, 312)
        assert told.seen("gmail", "isp", "gmail", Signal.ATTEMPT, 3600, START).n == 4


def test_mail_that_expired_in_our_own_queue_is_no_refusal_and_no_second_word_of_the_provider() -> None:
    """While an address is quarantined its mail waits; after two hours the MTA gives it up and quotes the last reply."""
    text = "554 5.4.7 [internal] message expired; last reply: 550 5.7.1 [192.0.2.11] blocked by our reputation system"
    record = AccountingRecord("b", START, rcpt="ann@gmail.com", status="5.4.7 (delivery time expired)", diagnostic=text)
    refused = attrs.evolve(record, status="5.7.1", diagnostic=text.partition("last reply: ")[2])
    for one, counted in ((record, 0), (refused, 1)):
        reply = reply_of(one)
        outcome = outcome_of(one, True, reply, Isp.GMAIL, "r")
        assert outcome is not None
        signals = fed(outcome)
        assert signals.seen(*GMAIL, Signal.REFUSAL, 3600, START) == Seen(1, counted)
        kinds = {kind for kind, _ in signals.replies(*GMAIL, START).values()}
        assert kinds == ({"expired"} if one is record else {"reputation"})
