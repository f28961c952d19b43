"""What is due at a host, and what may be said of a decision: tables of (wanted, shown, done) -> commands."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from ignite_domain.governance import desired as d
from ignite_domain.governance import reconcile as r
from ignite_domain.governance.host_state import HostState, MissingPath, Reading, missing, read
from ignite_domain.governance.words import Action, AgentKind, Decision, DecisionStatus, TargetType
from ignite_domain.isps import Isp

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
NOW = AT + timedelta(minutes=10)
TOPOLOGY = d.Topology({"mta1": "192.0.2.11"}, frozenset({"gmail.com"}))
HALT = Decision(
    AT, AT + timedelta(hours=1), Isp.GMAIL, AgentKind.EMERGENCY, Action.PAUSE_QUEUE, TargetType.QUEUE,
    "gmail.com/mta1", "because", "rule@1", {}, {}, DecisionStatus.APPROVED, 7,
)  # fmt: skip
KNOB = "queue:gmail.com/mta1"
SHOWN = HostState(queues=frozenset({"gmail.com/mta1"}))
PAUSED = attrs.evolve(SHOWN, paused=frozenset({"gmail.com/mta1"}))
EMPTY = HostState()


def state(*decisions: Decision, held: dict[str, int] | None = None) -> d.Desired:
    return d.desired(decisions, TOPOLOGY, base_rate=20000, held=held)


def loaded(wanted: d.Desired, at: datetime = AT) -> dict[str, r.Turned]:
    return {
        "include": r.Turned(True, at, None, 1, wanted.include.sha256),
        "reload": r.Turned(True, at, None, 1),
    }


def lines(planned: list[r.Planned]) -> list[tuple[str, int | None]]:
    return [(" ".join(one.command.argv), one.decision) for one in planned]


PAUSE, RESUME = "pmta --json pause queue gmail.com/mta1", "pmta --json resume queue gmail.com/mta1"
ON = r.Turned(True, AT, 7, 1)
STOP = attrs.evolve(HALT, action=Action.PAUSE_JOB, target_type=TargetType.JOB, target="c3")
RUNS, JOB, ON_JOB, PAUSE_JOB = HostState(running=frozenset({"c3"})), "job:c3", ON, "pmta --json pause job c3"
CASES: list[tuple[str, list[Decision], HostState, dict[str, r.Turned], list[tuple[str, int | None]]]] = [
    ("a new decision", [HALT], SHOWN, {}, [(PAUSE, 7)]),
    ("in force: nothing to do", [HALT], PAUSED, {KNOB: ON}, []),
    ("an operator resumed it", [HALT], SHOWN, {KNOB: ON}, [(PAUSE, 7)]),
    ("its queue ran empty", [HALT], EMPTY, {KNOB: ON}, []),
    ("no queue yet: said all the same, once", [HALT], EMPTY, {}, [(PAUSE, 7)]),
    ("an operator paused it before us", [HALT], PAUSED, {}, [(PAUSE, 7)]),
    ("failed half a minute ago", [HALT], SHOWN, {KNOB: r.Turned(failed_at=NOW - timedelta(seconds=30))}, []),
    ("failed a minute ago", [HALT], SHOWN, {KNOB: r.Turned(failed_at=NOW - timedelta(minutes=1))}, [(PAUSE, 7)]),
    ("ended", [], PAUSED, {KNOB: ON}, [(RESUME, 7)]),
    ("released", [HALT, attrs.evolve(HALT, action=Action.RELEASE, parameters={"of": 7}, id=9)], PAUSED,
     {KNOB: ON}, [(RESUME, 9)]),
    ("a host that started anew runs a paused job", [STOP], RUNS, {JOB: ON_JOB}, [(PAUSE_JOB, 7)]),
    ("a paused job has no mail: it is not shown", [STOP], EMPTY, {JOB: ON_JOB}, []),
    ("undone already", [], SHOWN, {KNOB: r.Turned(False, AT, 7, 2)}, []),
    ("paused by an operator, never by us", [], PAUSED, {}, []),
]  # fmt: skip


@pytest.mark.parametrize(("why", "decisions", "host", "turned", "due"), CASES, ids=[case[0] for case in CASES])
def test_these_commands_are_due(
    why: str,
    decisions: list[Decision],
    host: HostState,
    turned: dict[str, r.Turned],
    due: list[tuple[str, int | None]],
) -> None:
    wanted = state(*decisions, held={n: t.decision for n, t in turned.items() if t.on and t.decision})
    assert lines(r.plan(wanted, host, {**turned, **loaded(wanted)}, NOW)) == due


THROTTLE = attrs.evolve(HALT, action=Action.THROTTLE, parameters={"factor": 0.5}, id=8)
PUT, RELOAD = "ignite-put-include", "pmta --json reload"


def test_a_fresh_host_gets_the_include_file_as_reconcile_and_a_throttle_names_itself() -> None:
    assert lines(r.plan(state(), EMPTY, {}, NOW)) == [(PUT, None), (RELOAD, None)]
    assert lines(r.plan(state(THROTTLE), EMPTY, loaded(state()), NOW)) == [(PUT, 8), (RELOAD, 8)]


def test_reloads_are_a_minute_apart_and_all_changes_of_that_minute_go_together() -> None:
    recent = loaded(state(), NOW - timedelta(seconds=59))
    second = attrs.evolve(THROTTLE, target="gmail.com/*", id=9)
    wanted = state(THROTTLE, second)
    assert r.plan(wanted, EMPTY, recent, NOW) == []
    due = r.plan(wanted, EMPTY, recent, NOW + timedelta(seconds=1))
    assert [one.decisions for one in due] == [(9, 8), (9, 8)]


def test_a_file_that_pmta_refused_is_not_offered_again_for_ten_minutes_but_another_one_is() -> None:
    wanted = state(THROTTLE)
    turned = loaded(state())
    turned["include"] = attrs.evolve(
        turned["include"], failed_at=NOW - timedelta(minutes=2), failed_sha256=wanted.include.sha256
    )
    assert r.plan(wanted, EMPTY, turned, NOW) == []
    other = state(attrs.evolve(THROTTLE, parameters={"factor": 0.3}))
    assert len(r.plan(other, EMPTY, turned, NOW)) == 2


def test_a_probe_resumes_only_after_its_rate_is_loaded() -> None:
    probe = attrs.evolve(HALT, action=Action.PROBE, parameters={"of": 7, "factor": 0.1}, id=9)
    wanted = state(HALT, probe)
    recent = loaded(state(), NOW - timedelta(seconds=30))
    assert r.plan(wanted, PAUSED, {KNOB: ON, **recent}, NOW) == []
    due = r.plan(wanted, PAUSED, {KNOB: ON, **recent}, NOW + timedelta(minutes=1))
    assert lines(due) == [(PUT, 9), (RELOAD, 9), (RESUME, 9)]


def test_the_dead_mans_backstop_is_wound_up_again_after_one_lifetime() -> None:
    disable = attrs.evolve(HALT, action=Action.QUARANTINE_IP, target_type=TargetType.IP, target="192.0.2.11")
    wanted = state(disable)
    knob = "source:192.0.2.11 gmail.com/mta1"
    host = HostState(disabled=frozenset({("192.0.2.11", "gmail.com/mta1")}))
    turned = {knob: ON, **loaded(wanted)}
    assert r.plan(wanted, host, turned, AT + timedelta(minutes=59)) == []
    due = r.plan(wanted, host, turned, AT + timedelta(minutes=60))
    line = "pmta --json disable source --reenable-after=120m 192.0.2.11 gmail.com/mta1"
    assert lines(due) == [(line, 7)]


def test_a_source_that_the_backstop_gave_back_needs_no_undo() -> None:
    knob = "source:192.0.2.11 gmail.com/mta1"
    turned = {knob: ON, **loaded(state())}
    assert r.plan(state(), EMPTY, turned, NOW) == []
    disabled = HostState(disabled=frozenset({("192.0.2.11", "gmail.com/mta1")}))
    assert lines(r.plan(state(), disabled, turned, NOW)) == [("pmta --json enable source 192.0.2.11 gmail.com/mta1", 7)]


S = DecisionStatus
VERDICTS: list[tuple[str, Decision, HostState, dict[str, r.Turned], tuple[DecisionStatus, str] | None]] = [
    ("not tried yet", HALT, SHOWN, {}, None),
    ("shown in force", HALT, PAUSED, {KNOB: ON}, (S.VERIFIED, "")),
    ("turned, no queue to see it by", HALT, EMPTY, {KNOB: ON}, (S.APPLIED, "")),
    ("seen once, empty now", attrs.evolve(HALT, status=S.VERIFIED), EMPTY, {KNOB: ON}, None),
    ("refused by PMTA", HALT, SHOWN, {KNOB: r.Turned(failed_at=AT, failure="no")}, (S.FAILED, "no")),
    ("said to be done and not shown", HALT, SHOWN, {KNOB: ON}, None),
    ("not ours", attrs.evolve(HALT, target="gmail.com/x"), SHOWN, {}, (S.FAILED, "not one of our virtual MTAs")),
]


@pytest.mark.parametrize(("why", "decision", "host", "turned", "word"), VERDICTS, ids=[v[0] for v in VERDICTS])
def test_this_may_be_said_of_a_decision(
    why: str,
    decision: Decision,
    host: HostState,
    turned: dict[str, r.Turned],
    word: tuple[DecisionStatus, str] | None,
) -> None:
    wanted = state(decision)
    stamps = r.stamps([(decision, 1)], wanted, host, {**turned, **loaded(wanted)})
    assert [(s.status, s.note) for s in stamps] == ([] if word is None else [word])


def test_a_release_is_verified_when_nothing_that_it_lifts_is_turned_and_otherwise_waits() -> None:
    release = attrs.evolve(HALT, action=Action.RELEASE, parameters={"of": 7}, id=9)
    wanted = state(release)
    undone = {KNOB: r.Turned(False, NOW, 9, 2), **loaded(wanted)}
    assert r.stamps([(release, 2)], wanted, SHOWN, {KNOB: ON, **loaded(wanted)}) == []
    assert r.stamps([(release, 2)], wanted, SHOWN, undone) == [r.Stamp(9, S.VERIFIED, ended=True)]
    (never,) = r.stamps([(release, None)], wanted, SHOWN, loaded(wanted))
    assert (never.status, never.ended) == (S.RELEASED, True)


def answers(**changed: str) -> dict[Reading, str]:
    good = {
        "status": '{"status":"success","data":{"status":{"traffic":{"total":{"out":{"rcp":"12"}}}}}}',
        "queues": '{"status":"success","data":{"queue":[{"name":"a.example/v"},{"name":"b.example/v"}]}}',
        "paused": '{"status":"success","data":{"queue":{"name":"a.example/v"}}}',
        "backoff": '{"status":"success","data":{}}',
        "jobs": '{"status":"success","data":{"job":[{"id":"c1","paused":true},{"id":"c2","paused":false}]}}',
        "disabled": '{"status":"success","data":{"source":[{"ip":"192.0.2.1","queue":"a.example/v"}]}}',
    }
    return {Reading(name): text for name, text in {**good, **changed}.items()}


def test_a_host_is_read_by_the_one_table_of_paths() -> None:
    assert read(answers()) == HostState(
        queues=frozenset({"a.example/v", "b.example/v"}),
        paused=frozenset({"a.example/v"}),
        jobs=frozenset({"c1"}),
        running=frozenset({"c2"}),
        disabled=frozenset({("192.0.2.1", "a.example/v")}),
        delivered=12,
    )


BROKEN = [
    ("status", '{"status":"success","data":{}}', "status.out.recipients"),
    ("queues", "queue  #rcpt\na.example/v 3", "queues: the answer is not JSON"),
    ("queues", '{"status":"success","data":{"rows":[{"name":"a.example/v"}]}}', "queues"),
    ("queues", '{"status":"success","data":{"queue":[{"title":"a.example/v"}]}}', "queue.name"),
    ("jobs", '{"status":"error","data":{},"message":"x"}', "jobs"),
    ("disabled", '{"status":"success","data":{"source":[{"ip":"192.0.2.1"}]}}', "source.queue"),
]


@pytest.mark.parametrize(("question", "answer", "named"), BROKEN)
def test_a_path_that_is_missing_is_named(question: str, answer: str, named: str) -> None:
    with pytest.raises(MissingPath, match=named):
        read(answers(**{question: answer}))
    assert named in (missing(Reading(question), answer) or "")


def test_a_rung_is_confirmed_with_the_time_of_the_reload_only_if_the_loaded_file_holds_it() -> None:
    steered = attrs.evolve(
        THROTTLE, parameters={"factor": 0.5, "rung": 10, "rate_per_min": 6.19}, status=DecisionStatus.VERIFIED
    )
    wanted = state(steered)
    (stamp,) = r.stamps([(steered, 1)], wanted, EMPTY, loaded(wanted))
    assert (stamp.rung, stamp.rung_at, stamp.word) == (10, AT, False)
    # between planning and stamping it was steered on: the file holds the earlier rung
    on = attrs.evolve(steered, parameters={**steered.parameters, "rung": 11})
    assert [one.rung for one in r.stamps([(on, 1)], wanted, EMPTY, loaded(wanted))] == [10]
    known = attrs.evolve(steered, parameters={**steered.parameters, "applied_rung": 10})
    assert r.stamps([(known, 1)], wanted, EMPTY, loaded(wanted)) == []
    higher = state(attrs.evolve(steered, parameters={"rung": 14, "rate_per_min": 12.84}))
    assert r.stamps([(known, 1)], higher, EMPTY, loaded(wanted)) == []  # not loaded yet
