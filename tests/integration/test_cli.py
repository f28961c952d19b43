"""Commands on a real database: who is known, what the steps are called, and a database that is not there."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from ignite_app.cli.main import run
from ignite_app.steps import STEP_NAMES


@pytest.fixture
def config(pg_dsn: str, tmp_path: Path) -> Iterator[str]:
    """Settings that lead to the test's database; logging as it was afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    path = tmp_path / "ignite.yaml"
    path.write_text(yaml.safe_dump({"database": {"dsn": pg_dsn}}), encoding="utf-8")
    yield str(path)
    root.handlers, root.level = handlers, level


def commanded(*words: str) -> int:
    return run(words)


def test_a_stranger_is_not_known_and_a_person_is_erased_once(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = tmp_path / "people.csv"
    people.write_text("email\nann@example.com\n", encoding="utf-8")
    assert commanded("import", str(people), "--config", config) == 0
    for what, nothing in (("export", "null"), ("erase", "false")):
        capsys.readouterr()
        assert commanded("person", what, "bob@example.com", "--config", config) == 1
        assert capsys.readouterr() == ("", "not known: nothing is held about this address\n")
        assert commanded("person", what, "bob@example.com", "--config", config, "--json") == 1
        assert capsys.readouterr().out.strip() == nothing
    assert commanded("person", "export", "ann@example.com", "--config", config) == 0
    assert "ann@example.com" in json.dumps(json.loads(capsys.readouterr().out))
    assert commanded("person", "erase", "ann@example.com", "--config", config) == 0
    assert commanded("person", "erase", "ann@example.com", "--config", config) == 1


def test_status_names_the_21_steps(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert commanded("status", "--config", config) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:21]] == list(STEP_NAMES)
    assert all(name in line for name, line in zip(STEP_NAMES.values(), lines, strict=False))


def told(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    assert commanded(*words) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_people_govern_from_the_terminal_as_they_do_over_http(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    by = ("--reason", "seen by eye", "--by", "ann", "--config", config, "--json")
    state = told(capsys, "governance", "mode", "approve", "--agent", "pool", "--isp", "gmail", *by)
    (line,) = state["modes"]
    assert [line[key] for key in ("agent", "isp", "mode", "by", "reason")] == [
        "pool", "gmail", "approve", "ann", "seen by eye",
    ]  # fmt: skip
    assert [one["isp"] for one in told(capsys, "governance", "stop", "yahoo", *by)["stops"]] == ["yahoo"]
    assert told(capsys, "governance", "stop", *by)["stops"] != []
    assert [one["isp"] for one in told(capsys, "governance", "go", *by)["stops"]] == ["yahoo"]
    assert told(capsys, "governance", "mode", "default", "--agent", "pool", "--isp", "gmail", *by)["modes"] == []

    halt = told(capsys, "governance", "decide", "emergency_halt", "--isp", "gmail", "--minutes", "45", *by)
    assert [halt[key] for key in ("action", "target_type", "target", "by", "rule", "status")] == [
        "emergency_halt", "isp", "gmail", "ann", "person@1", "approved",
    ]  # fmt: skip
    assert [one["id"] for one in told(capsys, "governance", "standing", "--config", config, "--json")] == [halt["id"]]
    back = told(capsys, "governance", "release", str(halt["id"]), *by)
    assert (back["action"], back["undoes"], back["by"]) == ("release", halt["id"], "ann")
    assert told(capsys, "governance", "approvals", "--config", config, "--json") == []
    assert told(capsys, "governance", "alerts", "--config", config, "--json") == []
    assert commanded("governance", "modes", "--config", config) == 0
    assert "STOPPED Yahoo" in capsys.readouterr().out


WRONG_WORDS = [
    (("mode", "sometimes"), "mode: must be one of"),
    (("stop", "web.de"), "isp: must be one of"),
    (("decide", "quarantine_ip", "--isp", "gmail"), "name the TARGET of quarantine_ip: ip"),
    (("decide", "warn", "gmail"), "action: must be one of"),
    (("decide", "pause_job", "c9", "--isp", "gmail"), "target: no such job is known"),
]


@pytest.mark.parametrize(("words", "said"), WRONG_WORDS)
def test_what_is_wrong_about_a_word_of_governance_is_told_and_exits_2(
    config: str, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert commanded("governance", *words, "--reason", "x", "--config", config) == 2
    assert said in capsys.readouterr().err


def test_an_answer_to_what_is_not_there_could_not_be_done_and_one_needs_a_reason(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert commanded("governance", "approve", "7", "--reason", "x", "--config", config) == 3
    assert "there is no such decision" in capsys.readouterr().err
    assert commanded("governance", "refuse", "7", "--config", config) == 2


@pytest.mark.parametrize("command", ["migrate", "status", "work"])
def test_a_database_that_is_not_there_is_told_with_place_and_cause(
    config: str, pg_dsn: str, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    there = psycopg.conninfo.conninfo_to_dict(pg_dsn)
    wrong = psycopg.conninfo.make_conninfo(pg_dsn, dbname="not_there")
    Path(config).write_text(yaml.safe_dump({"database": {"dsn": wrong}}), encoding="utf-8")
    assert commanded(command, "--config", config) == 3
    place = f"{there['host']}:{there['port']}, database not_there"
    assert f"ignite: database: no connection to {place}: there is no such database\n" in capsys.readouterr().err
