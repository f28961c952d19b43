"""What the terminal says: outside, marks, decisions in words, the end; and the verdict on the books."""

from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from ignite_adapters.postgres.report import Fate
from ignite_app.clock import Clock
from ignite_app.demo.story import HEARTBEAT_REAL_SECONDS, MARKS, Look, Story, ending_of
from ignite_app.demo.verdict import verdict_of
from ignite_app.simulator.incidents import IncidentKind
from ignite_domain.governance.words import PMTA_LEVER, Action

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
CALM = {"injected": 0, "delivered": 0, "campaigns_open": 1}
BLOCK = {"kind": "ip_block", "group": "microsoft", "ip": "192.0.2.11"}


@attrs.define
class Terminal:
    """Lines, and the seconds that have passed."""

    lines: list[str] = attrs.field(factory=list)
    now: float = 1000.0

    def story(self, *, marks: bool = True) -> Story:
        return Story(1000.0, marks, self.lines.append, lambda: self.now)


def decision(number: int, action: str, status: str = "approved", **more: Any) -> dict[str, Any]:
    row = {
        **{"id": number, "agent": "pool", "isp": "microsoft", "action": action, "target": "192.0.2.11"},
        **{"reason": "it refuses", "status": status, "until": START.replace(hour=11, minute=8)},
        **{"author": None, "deadline": None},
    }
    return row | more


def test_the_outside_is_told_once_when_it_begins_and_once_when_it_is_over() -> None:
    terminal = Terminal()
    story = terminal.story()
    for second, state in ((1, "waiting"), (35, "on"), (36, "on"), (90, "over"), (91, "over")):
        terminal.now = 1000.0 + second
        story.see(Look(CALM, outside=BLOCK | {"state": state}))
    assert terminal.lines == [
        "   35s outside: microsoft begins to refuse 192.0.2.11 (played by the simulator; no agent is told)"
        "  [after 35 s; expected within 90 s]",
        "   90s outside: microsoft takes mail from 192.0.2.11 again",
    ]


def test_an_incident_that_came_and_went_between_two_looks_is_told_whole() -> None:
    terminal = Terminal()
    terminal.story(marks=False).see(Look(CALM, outside=BLOCK | {"state": "over"}))
    assert [line.split("outside: ")[1].split(" (")[0] for line in terminal.lines] == [
        "microsoft begins to refuse 192.0.2.11",
        "microsoft takes mail from 192.0.2.11 again",
    ]


@pytest.mark.parametrize("kind", IncidentKind)
def test_every_kind_of_incident_has_words_for_both_ends(kind: IncidentKind) -> None:
    terminal = Terminal()
    terminal.story().see(Look(CALM, outside={"state": "over", "kind": kind.value, "group": "yahoo", "ip": ""}))
    assert len(terminal.lines) == 2
    assert all("yahoo" in line for line in terminal.lines)


def test_a_calm_day_and_a_simulator_that_does_not_answer() -> None:
    terminal = Terminal()
    story = terminal.story()
    for outside in ({}, {"state": "none"}, {"state": "none"}):
        story.see(Look(CALM, outside=outside))
    assert len(terminal.lines) == 1
    assert "nothing is going to go wrong" in terminal.lines[0]


ENDINGS = [
    ("quarantine_ip", "approved", "the MTA is told now; it ends by itself at 11:08"),
    ("hold_warmup", "approved", "in force; it ends by itself at 11:08"),
    ("quarantine_ip", "proposed", "a proposal only, nothing is turned"),
    ("release", "proposed", "a proposal only, nothing is turned"),
    ("release", "approved", "the MTA is told now"),
    ("probe", "approved", "the MTA is told now"),
    ("throttle", "verified", "verified; it goes when its rate binds no more, not before 11:08"),
]


def test_what_waits_for_a_person_says_until_when_and_where_to_answer() -> None:
    waits = decision(1, "probe", "proposed", deadline=START.replace(hour=10, minute=15))
    assert ending_of(waits) == "waits for a person until 10:15: open Approvals on the dashboard"


def test_what_a_person_decides_is_told_as_theirs_and_meets_no_mark() -> None:
    terminal = Terminal()
    story = terminal.story()
    story.see(Look(CALM, [decision(1, "set_mode", "applied", author="ann"), decision(2, "release", author="ann")]))
    assert all(line[7:].startswith("a person (ann) for the pool agent") for line in terminal.lines)
    assert terminal.lines[0].endswith("[in force]")
    assert "decision not seen" in story.closing()
    assert "release not seen" in story.closing()


@pytest.mark.parametrize(("action", "status", "said"), ENDINGS)
def test_a_decision_says_what_it_means_for_now(action: str, status: str, said: str) -> None:
    assert (Action(action) in PMTA_LEVER) == (action != "hold_warmup")
    assert ending_of(decision(1, action, status)) == said


def test_the_first_decision_and_the_first_release_show_their_marks_and_proposals_do_not() -> None:
    terminal = Terminal()
    story = terminal.story()
    terminal.now = 1052.0
    rows = [decision(1, "throttle", "proposed"), decision(2, "suppress"), decision(3, "quarantine_ip")]
    story.see(Look(CALM, [*rows, decision(4, "throttle")]))
    terminal.now = 1132.0
    story.see(Look(CALM, [decision(5, "probe"), decision(6, "release")]))
    marked = [line.rpartition("  [after ")[2] for line in terminal.lines if "expected within" in line]
    assert marked == ["52 s; expected within 150 s]", "132 s; expected within 300 s]"]
    assert len(terminal.lines) == 5  # suppressions are for the dashboard
    assert story.last == 6
    assert story.closing().endswith("decision 52 s (expected within 150 s), release 132 s (expected within 300 s)")
    assert "incident not seen (expected within 90 s)" in story.closing()
    assert all(name in story.closing() for name in MARKS)


def test_what_became_of_a_decision_is_told_once() -> None:
    terminal = Terminal()
    story = terminal.story()
    story.see(Look(CALM, [decision(3, "quarantine_ip"), decision(4, "throttle", "proposed"), decision(5, "warn")]))
    assert list(story.waiting) == [3]
    story.see(Look(CALM, fates={3: Fate("applied")}))
    story.see(Look(CALM, fates={3: Fate("verified")}))
    assert terminal.lines[-1].endswith("quarantine ip 192.0.2.11: done and read back from the MTA")
    assert story.waiting == {}


PASSED = Fate("verified", author="ann", reason="seen")
ANSWERS: list[tuple[str, list[Fate], list[str]]] = [
    ("approved in time", [PASSED], ["approved by ann: seen", "done and read back from the MTA"]),
    ("rejected", [Fate("rejected", "rejected by ann", "ann", "no need")], ["rejected by ann: no need"]),
    (
        "nobody answers a restriction",
        [Fate("approved", "nobody answered within 15 minutes"), Fate("verified")],
        [
            "nobody answered in time, so it is carried out: the safe side is to restrict",
            "done and read back from the MTA",
        ],
    ),
    ("nobody answers a stop of much mail", [Fate("rejected", "nobody answered")], ["rejected: nobody answered"]),
    ("overtaken", [Fate("superseded", "released by ann")], ["something else takes its place"]),
]


@pytest.mark.parametrize(("fates", "said"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
def test_the_answer_to_what_waits_is_told_and_then_what_came_of_it(fates: list[Fate], said: list[str]) -> None:
    terminal = Terminal()
    story = terminal.story()
    waits = decision(3, "quarantine_ip", "proposed", deadline=START.replace(hour=10))
    story.see(Look(CALM, [waits], fates={}))
    for fate in [Fate("proposed"), *fates]:
        story.see(Look(CALM, fates={3: fate}))
    assert [line.rpartition("quarantine ip 192.0.2.11: ")[2] for line in terminal.lines[1:]] == said
    assert story.waiting == {}


def test_a_probe_that_fails_says_so_and_one_whose_cause_is_gone_does_not_claim_it() -> None:
    terminal = Terminal()
    story = terminal.story()
    story.see(Look(CALM, [decision(3, "probe"), decision(4, "probe")]))
    story.see(Look(CALM, fates={3: Fate("verified"), 4: Fate("verified")}))
    assert terminal.lines[-1].endswith("it is out; a few messages tell whether to release")
    gone = "what it would undo has ended already"
    story.see(Look(CALM, fates={3: Fate("expired", "the probe was refused: 9 of 30 not accepted")}))
    assert terminal.lines[-1].endswith("the probe was refused: 9 of 30 not accepted; what it tested is held longer")
    story.see(Look(CALM, fates={4: Fate("expired", gone)}))
    assert terminal.lines[-1].endswith(f"probe 192.0.2.11: {gone}")
    assert story.waiting == {}


def test_the_end_of_the_campaign_the_pace_of_time_and_a_quiet_minute() -> None:
    terminal = Terminal()
    story = terminal.story()
    story.campaign = 2
    story.opening(Clock.starting(START, 60.0))
    assert "1 second here is 1 min of business time; there it is Mon 02 Nov 2026 09:0" in terminal.lines[0]
    story.finished({"sent": 1200, "suppressed:listed": 30, "suppressed:complained": 4, "held:unmailable": 5})
    story.finished({"sent": 1200})
    assert terminal.lines[1:] == ["    0s campaign 2 is finished: 1,200 sent, 34 suppressed, 5 held"]
    terminal.now += HEARTBEAT_REAL_SECONDS
    story.heartbeat({"sent": 1200, "decisions standing": 1}, START)
    assert terminal.lines[2] == "   60s nothing new: sent 1,200, decisions standing 1; 09:00 there"


def book(name: str, left: int, right: int, *, ok: bool, by: dict[str, list[int]] | None = None) -> dict[str, Any]:
    sides = {"left_source": f"{name} outside", "right_source": f"{name} stored"}
    return {"name": name, "left": left, "right": right, "by": by or {}, "ok": ok} | sides


VERDICTS = [
    (
        "all agree",
        [book("rows", 2000, 2000, ok=True)],
        ["ok     rows: rows outside = rows stored: 2,000 = 2,000", "all 1 books agree, 45 s"],
    ),
    (
        "one differs",
        [book("rows", 5, 5, ok=True), book("events", 7, 6, ok=False, by={"gmail": [4, 3], "cox": [3, 3]})],
        [
            "ok     rows: rows outside = rows stored: 5 = 5",
            "FAILS  events: events outside ≠ events stored: 7 ≠ 6; differing parts: {'gmail': [4, 3]}",
            "1 of 2 books do not agree: events; 45 s",
        ],
    ),
    (
        "nothing on both sides proves nothing",
        [book("live", 0, 0, ok=False)],
        [
            "FAILS  live: live outside = live stored: 0 = 0; there was nothing to compare",
            "1 of 1 books do not agree: live; 45 s",
        ],
    ),
]


@pytest.mark.parametrize(("name", "books", "lines"), VERDICTS, ids=[row[0] for row in VERDICTS])
def test_the_verdict_names_both_sides_and_comes_last(name: str, books: list[Any], lines: list[str]) -> None:
    assert verdict_of({"reconciliations": books, "wall_seconds": 45.2}) == lines
