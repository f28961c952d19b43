"""What a host's configuration lacks, from answers typed by hand."""

import json

import pytest

from ignite_domain.governance.host_config import acct_lines, backoff_lacks, backoff_lines, kept_otherwise, settings_of

SET = {"max-msg-rate": "20000/h", "backoff-max-msg-rate": "6000/h", "backoff-to-normal-after": "4h"}


@pytest.mark.parametrize(
    "answer",
    [
        json.dumps({"status": "success", "data": {"settings": SET}}),
        json.dumps({"data": {"queue": {"settings": [{"name": name, "value": value} for name, value in SET.items()]}}}),
        json.dumps({"data": {"maxMsgRate": "20000/h", "backoffMaxMsgRate": "6000/h", "backoff_to_normal_after": "4h"}}),
        "domain gmail.com\n  max-msg-rate   20000/h\n  backoff-max-msg-rate 6000/h\n  backoff-to-normal-after 4h  \n",
    ],
)
def test_settings_are_found_in_any_of_their_forms(answer: str) -> None:
    found = settings_of(answer)
    assert {name: found[name] for name in SET} == SET
    assert backoff_lacks(found) == []


@pytest.mark.parametrize(
    ("changed", "lacks"),
    [
        ({"backoff-max-msg-rate": "unlimited"}, ["backoff-max-msg-rate"]),
        ({"backoff-max-msg-rate": "unlimited/never"}, ["backoff-max-msg-rate"]),
        ({"backoff-max-msg-rate": "20000/h"}, ["backoff-max-msg-rate"]),  # the default is the normal value
        ({"backoff-to-normal-after": "never"}, ["backoff-to-normal-after"]),
        (
            {"backoff-max-msg-rate": "", "backoff-to-normal-after": ""},
            ["backoff-max-msg-rate", "backoff-to-normal-after"],
        ),
    ],
)
def test_backoff_that_changes_nothing_or_never_ends_is_named(changed: dict[str, str], lacks: list[str]) -> None:
    assert [one.partition(" ")[0] for one in backoff_lacks(SET | changed)] == lacks


def test_the_lines_to_paste_hold_what_was_missing_and_no_more() -> None:
    assert acct_lines(["tq"]).splitlines()[1] == "    records t,tq"
    assert acct_lines(["tq"]).count("<acct-file") == 1
    lines = backoff_lines(["mta1"], 20_000)
    assert lines.startswith("include /etc/pmta/ignite.conf")
    assert "backoff-max-msg-rate 6000/h" in lines


@pytest.mark.parametrize(
    ("shown", "hours", "right"),
    [
        ("4d12h", 108, True),
        ("388800", 108, True),
        ("388800s", 108, True),
        ("4d", 108, False),
        ("90m", 1.5, True),
        ("never", 108, True),  # nothing that could be compared
        ("", 108, True),
    ],
)
def test_how_long_the_host_keeps_mail_is_held_against_what_we_were_told(shown: str, hours: float, right: bool) -> None:
    assert (kept_otherwise({"bounce-after": shown}, hours) == "") is right
    assert settings_of(f"domain gmail.com\n  bounce-after   {shown}\n").get("bounce-after", "") == shown
