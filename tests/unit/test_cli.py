"""The command line without a database: what it prints where, and what it refuses in one line."""

import gzip
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ignite_app.cli import main as cli
from ignite_app.settings_loader import load
from ignite_app.simulator.options import load_options
from ignite_domain.errors import BadInput, PortFailure

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHYKvJkZCwHZhGJkZOJQH4cTqyP6Cw0XWvE0yL0yGJmJ"


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In a folder of its own; logging as it was afterwards."""
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level


def written(name: str, text: str) -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


OBSERVED = f"pmta: {{ssh_host_key: '{HOST_KEY}'}}"
OWN = f"{OBSERVED}\ngovernance: {{generated_host_key: '{HOST_KEY}'}}"
MODES = [
    ("nothing set", "", "observe", "no host key is pinned"),
    ("a host that is somebody's", OBSERVED, "observe", "was not made by this run"),
    ("the demo's own host", OWN, "act", "was made by this very run"),
    ("set to act", "governance: {mode: act}", "act", "it is set"),
    ("set to shadow", "governance: {mode: shadow}", "shadow", "it is set"),
]


@pytest.mark.parametrize(("name", "text", "mode", "why"), MODES, ids=[row[0] for row in MODES])
def test_config_says_how_far_agents_may_go_and_why(
    capsys: pytest.CaptureFixture[str], name: str, text: str, mode: str, why: str
) -> None:
    path = written("ignite.yaml", text)
    assert cli.run(["config", "--config", path, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["effective"]["governance.mode"] == mode
    assert why in shown["effective"]["because"]
    assert cli.run(["config", "--config", path]) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  mode:")]
    assert f"# in force: {mode} (" in line
    assert why in line


def test_what_config_prints_are_settings_again(capsys: pytest.CaptureFixture[str]) -> None:
    path = written("ignite.yaml", OWN + "\nbucket: {name: lists}")
    assert cli.run(["config", "--config", path]) == 0
    printed = capsys.readouterr().out
    assert load(Path(written("again.yaml", printed)), {}) == load(Path(path), {})
    assert yaml.safe_load(printed)["bucket"]["name"] == "lists"


@pytest.mark.parametrize("command", ["config", "work", "check", "status"])
def test_a_mode_that_does_not_exist_is_refused_before_anything_runs(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    path = written("ignite.yaml", "governance:\n  mode: ask\n")
    assert cli.run([command, "--config", path]) == 2
    out, err = capsys.readouterr()
    said = "ignite.yaml:2: governance.mode: expected one of observe, shadow, approve, act"
    assert (out, err.splitlines()[-1].strip()) == ("", said)


@pytest.mark.parametrize("command", ["config", "check", "serve", "work", "migrate", "import", "status", "person"])
def test_every_help_names_the_variable_whole(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert cli.run([command, "--help"]) == 0
    assert "IGNITE_<SECTION>__<KEY>" in " ".join(capsys.readouterr().out.replace("│", " ").split())


NOT_FILES = [
    (["nope.csv"], "nope.csv: no such file"),
    (["folder"], "folder: is a folder; name the files in it"),
    (["good.csv", "nope.csv"], "nope.csv: no such file"),
    (["empty.csv"], "empty.csv: cannot import this file: empty"),
]


@pytest.mark.parametrize(("files", "said"), NOT_FILES, ids=[row[1] for row in NOT_FILES])
def test_a_file_that_cannot_be_imported_is_named_as_it_was_given(
    capsys: pytest.CaptureFixture[str], files: list[str], said: str
) -> None:
    Path("folder").mkdir()
    written("empty.csv", "")
    written("good.csv", "email\na@example.com\n")
    assert cli.run(["import", *files, "--dry-run"]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"ignite: {said}\n")


def test_a_backtest_of_a_damaged_gzip_tells_what_could_be_read_and_that_it_could_not_finish(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [f"d,2026-03-01 12:{n // 60 % 60:02}:{n % 60:02}+0000,p{n}@gmail.com,{n * n}" for n in range(3000)]
    packed = gzip.compress("\n".join(["type,timeLogged,rcpt,envId", *rows, ""]).encode())
    Path("log.csv.gz").write_bytes(packed[: len(packed) // 2])
    assert cli.run(["backtest", "log.csv.gz"]) == 3
    out, err = capsys.readouterr()
    assert "nothing was decided: everything of what could be read stayed within what is tolerated" in out
    assert err == "log.csv.gz: the gzip file is damaged; what lies behind that was not read\n"


def test_refused_rows_are_told_by_reason_with_their_first_lines(capsys: pytest.CaptureFixture[str]) -> None:
    rows = ["email,name", "a@example.com,A", *["nobody,B"] * 6, "c@example.com,C,,,,,,x"]
    path = written("list.csv", "\n".join(rows) + "\n")
    assert cli.run(["import", path, "--dry-run"]) == 0
    first, *reasons = capsys.readouterr().out.splitlines()
    assert first == "list.csv: mailable, 8 rows, 7 rejected"
    assert sorted(reasons) == ["  1 columns (line 9)", "  6 syntax (line 3, 4, 5, 6, 7, …)"]
    assert cli.run(["import", path, "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rejected_by_reason"] == {"columns": 1, "syntax": 6}


def test_an_unknown_rule_is_answered_by_those_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["rules", "explain", "nosuch"]) == 2
    assert "no rule is called nosuch; there are nothing-accepted, " in capsys.readouterr().err
    assert cli.run(["rules", "explain", "bounce-rise@1", "--json"]) == 0
    assert [rule["rule"] for rule in json.loads(capsys.readouterr().out)] == ["bounce-rise@1"]


def test_wrong_options_of_the_simulator_are_told_like_wrong_settings(capsys: pytest.CaptureFixture[str]) -> None:
    path = written("sim.yaml", "directory: x\nseeed: 1\nvmtas:\n- name: mta1\n")
    assert cli.run(["simulator", "--config", path]) == 2
    assert {line.strip() for line in capsys.readouterr().err.splitlines()[1:]} == {
        "sim.yaml: accounting_dir: is missing",
        "sim.yaml:2: seeed: no such setting; do you mean seed?",
        "sim.yaml:4: vmtas.0.ip: is missing",
    }


def test_a_key_file_of_the_simulator_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    path = written("sim.yaml", "directory: x\naccounting_dir: x/acct\nssh_authorised_key: gone.pub\n")
    assert cli.run(["simulator", "--config", path]) == 2
    assert capsys.readouterr().err == "ignite: sim.yaml:3: ssh_authorised_key: gone.pub: no such file\n"


def test_the_options_that_the_simulators_page_shows_are_options() -> None:
    page = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
    options = load_options(yaml.safe_load(page.partition("```yaml")[2].partition("```")[0]))
    assert options.incident is not None
    assert options.ready_file


GROUPS: list[tuple[str, ExceptionGroup[Exception], int]] = [
    ("settings", ExceptionGroup("tasks", [BadInput("mode: no"), BadInput("mode: no")]), 2),
    ("the outside", ExceptionGroup("tasks", [ExceptionGroup("x", [PortFailure("bucket", "gone")]), BadInput("a")]), 3),
]


@pytest.mark.parametrize(("name", "group", "code"), GROUPS, ids=[row[0] for row in GROUPS])
def test_workers_that_fail_side_by_side_are_told_in_lines_without_a_traceback(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    group: ExceptionGroup[Exception],
    code: int,
) -> None:
    def failing(*_: object, **__: object) -> int:
        raise group

    monkeypatch.setattr(cli, "app", failing)
    assert cli.run(["work"]) == code
    err = capsys.readouterr().err
    assert all(line.startswith("ignite: ") for line in err.splitlines())
    assert len(err.splitlines()) == 2


def test_a_fault_of_ours_among_them_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> int:
        raise ExceptionGroup("tasks", [BadInput("a"), KeyError("b")])

    monkeypatch.setattr(cli, "app", failing)
    with pytest.raises(ExceptionGroup):
        cli.run(["work"])


POLICY = "bounce-rise:\n  at_least: 20\ncomplaint-watch: {enabled: false}\n"
FAULTY = "bounce-rise:\n  limit: 0.2\nbounce-flod: {}\n"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["check"], 0, "all sound"),
        (["check", "good.yaml"], 0, "good.yaml: sound, changes 2 of"),
        (["check", "good.yaml", "bad.yaml"], 1, "bad.yaml:2: bounce-rise.limit: this rule does not look at it"),
        (["check", "bad.yaml"], 1, "bad.yaml:3: bounce-flod: there is no such rule; do you mean bounce-flood?"),
        (["check", "none.yaml"], 2, "none.yaml: No such file"),
        (["explain", "bounce-rise", "--policy", "good.yaml"], 0, "at_least  20  (shipped: 1)"),
        (["explain", "--policy", "good.yaml"], 0, "* reputation  complaint-watch@1 "),
        (["explain", "good.yaml"], 0, "* reputation  complaint-watch@1 "),
        (["explain", "good.yaml", "bounce-rise"], 0, "at_least  20  (shipped: 1)"),
        (["explain", "shipped", "bounce-rise"], 0, "at_least  1"),
        (["explain", "bad.yaml"], 2, "bad.yaml:2: bounce-rise.limit"),
        (["explain", "nowhere.yaml"], 2, "nowhere.yaml: No such file"),
        (["explain", "nosuch"], 2, "no rule is called nosuch"),
        (["explain", "bouncerise"], 2, "no rule is called bouncerise; do you mean bounce-rise? there are "),
        (
            ["explain", "bounce-rise"],
            0,
            "tolerates 3 %, finds 8 %: S + 19 at an event, - 1 otherwise; alarm at 206 up to",
        ),
        (["explain", "--policy", "bad.yaml"], 2, "bad.yaml:2: bounce-rise.limit"),
        (["diff", "good.yaml"], 0, "at_least  1 -> 20"),
        (["diff", "good.yaml", "shipped"], 0, "enabled   false -> true"),
        (["diff", "good.yaml", "good.yaml"], 0, "no difference"),
        (["diff", "shipped", "bad.yaml"], 2, "bad.yaml:3: bounce-flod"),
        (["diff", "good.yaml", "none.yaml"], 2, "none.yaml"),
        (["diff"], 2, ""),
    ],
)
def test_policies_are_checked_explained_and_held_against_each_other(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    written("good.yaml", POLICY)
    written("bad.yaml", FAULTY)
    assert cli.run(["rules", *arguments]) == code
    out, err = capsys.readouterr()
    assert says in (err if code == 2 else out)


def test_rules_speak_json(capsys: pytest.CaptureFixture[str]) -> None:
    written("good.yaml", POLICY)
    written("bad.yaml", FAULTY)
    assert cli.run(["rules", "diff", "good.yaml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"rule": "complaint-watch", "field": "enabled", "from": True, "to": False},
        {"rule": "bounce-rise", "field": "at_least", "from": 1, "to": 20},
    ]
    assert cli.run(["rules", "check", "bad.yaml", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False
    assert [(one["file"], one["line"], one["key"]) for one in found["faults"]] == [
        ("bad.yaml", 2, "bounce-rise.limit"),
        ("bad.yaml", 3, "bounce-flod"),
    ]
    assert cli.run(["rules", "--json"]) == 0
    assert {one["changed"] for one in json.loads(capsys.readouterr().out)} == {False}


def test_a_reader_that_leaves_early_is_no_error_to_complain_about() -> None:
    """`ignite … | head -1`: the pipe is closed before everything is written."""
    with subprocess.Popen(
        [sys.executable, "-m", "ignite_app.entry", "rules", "explain", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        command.stdout.close()
        said = command.stderr.read()
    assert (command.returncode, said) == (141, b"")
