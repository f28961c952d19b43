"""What may be said to PMTA, and what its answers mean. Forms typed from the vendor's guide, chapter 6."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignite_domain.errors import BadInput
from ignite_domain.governance import commands
from ignite_domain.governance.commands import PmtaCommand, Verb, check, failure

FORMS = [
    (commands.pause_queue("*/customer1"), "pmta --json pause queue */customer1"),
    (commands.resume_queue("gmail.com/mta1"), "pmta --json resume queue gmail.com/mta1"),
    (commands.pause_queue("yahoo.rollup/*"), "pmta --json pause queue yahoo.rollup/*"),
    (commands.pause_job("c12"), "pmta --json pause job c12"),
    (commands.resume_job("c12"), "pmta --json resume job c12"),
    (commands.set_mode("yahoo.com/v", backoff=True), "pmta --json set queue --mode=backoff yahoo.com/v"),
    (commands.set_mode("yahoo.com/v", backoff=False), "pmta --json set queue --mode=normal yahoo.com/v"),
    (
        commands.disable_source("192.0.2.4", "yahoo.com/vmta1", reenable_after="1h"),
        "pmta --json disable source --reenable-after=1h 192.0.2.4 yahoo.com/vmta1",
    ),
    (commands.enable_source("2001:db8::1", "a.example/v"), "pmta --json enable source 2001:db8::1 a.example/v"),
    (commands.reload(), "pmta --json reload"),
    (commands.check_config(), "pmta --json test config"),
    (commands.show(Verb.SHOW_DISABLED), "pmta --json show disabled sources"),
    (commands.show(Verb.SHOW_QUEUES, "--paused=yes"), "pmta --json show queues --paused=yes"),
]


@pytest.mark.parametrize(("command", "line"), FORMS, ids=[line for _, line in FORMS])
def test_every_command_has_the_guides_form_and_may_leave(command: PmtaCommand, line: str) -> None:
    assert " ".join(command.argv) == line
    check(command)


HOSTILE = [
    "gmail.com/mta1; rm -rf /",
    "gmail.com/mta1 ",
    "gmail.com/$(id)",
    "gmail.com/`id`",
    "gmail.com/m'x'",
    "gmail.com",
    "gmail.com/",
    "/mta1",
    "--dsn/mta1",
    "-x.com/mta1",
    "gmail.com/--mode=normal",
    "gmail.com/mta1/x",
    "gmail.com\n/mta1",
    "gmail.com/mta1\n",
    "GMAIL.com/mta1",
    "gmaіl.com/mta1",  # a Cyrillic letter
    "*gmail.com/mta1",
    "a" * 64 + ".com/v",
]


@pytest.mark.parametrize("target", HOSTILE)
def test_a_hostile_target_becomes_no_command(target: str) -> None:
    for make in (commands.pause_queue, commands.resume_queue):
        with pytest.raises(BadInput):
            make(target)
    with pytest.raises(BadInput):
        commands.set_mode(target, backoff=True)
    with pytest.raises(BadInput):
        commands.disable_source("192.0.2.1", target, reenable_after="1h")
    with pytest.raises(BadInput):
        check(PmtaCommand(Verb.PAUSE_QUEUE, ("pmta", "--json", "pause", "queue", target)))


@pytest.mark.parametrize("job", ["*", "c", "c0", "12", "c12 c13", "--all", "c12;x", "c٣"])
def test_only_our_own_job_ids_can_be_paused(job: str) -> None:
    with pytest.raises(BadInput):
        commands.pause_job(job)


@given(st.text())
def test_no_text_that_a_shell_or_pmta_could_misread_passes_as_a_queue(text: str) -> None:
    try:
        queue = commands.queue(text)
    except BadInput:
        return
    assert queue == text
    assert not set(text) & set(" \t\r\n;&|<>$`\"'\\(){}[]!#~?=,")
    assert not text.startswith("-")
    assert text.isascii()
    assert text.count("/") == 1


FORGED = [
    PmtaCommand(Verb.RELOAD, ("pmta", "--json", "shutdown")),
    PmtaCommand(Verb.RELOAD, ("pmta", "--json", "reload", "now")),
    PmtaCommand(Verb.PAUSE_QUEUE, ("sh", "-c", "id")),
    PmtaCommand(Verb.PAUSE_QUEUE, ("pmta", "--json", "pause", "queue", "a.example/v", "b.example/v")),
    PmtaCommand(Verb.SET_QUEUE, ("pmta", "--json", "set", "queue", "--mode=x", "a.example/v")),
    PmtaCommand(Verb.SHOW_QUEUES, ("pmta", "--json", "show", "queues", "--errors")),
    PmtaCommand(Verb.PUT_INCLUDE, ("ignite-put-include",)),
    PmtaCommand(Verb.PUT_INCLUDE, ("ignite-put-include", "/etc/passwd"), stdin="x"),
    PmtaCommand(Verb.RELOAD, ("pmta", "--json", "reload"), stdin="x"),
]


@pytest.mark.parametrize("command", FORGED, ids=[" ".join(c.argv) for c in FORGED])
def test_a_command_put_together_elsewhere_cannot_leave(command: PmtaCommand) -> None:
    with pytest.raises(BadInput):
        check(command)


PAUSE = commands.pause_queue("gmail.com/mta1")
PUT = commands.put_include("text\n")
ANSWERS = [
    (PAUSE, 0, json.dumps({"data": {}, "status": "success", "message": "Queue(s) paused."}), None),
    (PAUSE, 0, "Queue(s) paused.\n", None),
    (PAUSE, 0, "", "an answer we do not know"),
    (PAUSE, 0, "Something was done.", "an answer we do not know"),
    (PAUSE, 0, json.dumps({"data": {}, "status": "error", "message": "no such queue"}), "refused: no such queue"),
    (PAUSE, 1, "Queue(s) paused.", "exit status 1"),
    (commands.reload(), 0, "Configuration reloaded.", None),
    (commands.reload(), 0, "Queue(s) paused.", "an answer we do not know"),
    (PUT, 0, "0" * 64, "another checksum"),
    # sha256 of b"text\n", by sha256sum(1)
    (PUT, 0, "b9e68e1bea3e5b19ca6b2f98b73a54b73daafaa250484902e09982e07a12e733\n", None),
]


@pytest.mark.parametrize(("command", "status", "output", "why"), ANSWERS)
def test_an_answer_is_a_success_only_if_it_says_so(
    command: PmtaCommand, status: int, output: str, why: str | None
) -> None:
    said = failure(command, status, output)
    assert said is None if why is None else said is not None and said.startswith(why)
