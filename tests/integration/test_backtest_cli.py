"""`ignite backtest` as people run it: exit codes, standard input, one JSON value, nothing of the outside needed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ignite_app.cli.main import run

HEADER = "type,timeLogged,timeQueued,orig,rcpt,dsnStatus,dsnDiag,dsnMta,dlvSourceIp,jobId,envId,queue\n"
RECORD = (
    "d,2026-03-02 09:00:{:02}+0000,2026-03-02 09:00:00+0000,b@m.example,p{}@gmail.com,2.0.0,smtp;250 OK,mx,192.0.2.1,"
    "c1,e{},gmail.com/mta1\n"
)
ALL_DEAD = "".join(
    f"b,2026-03-02 09:01:{n:02}+0000,2026-03-02 09:01:00+0000,b@m.example,q{n}@gmail.com,5.1.1,smtp;550 5.1.1 no such "
    f"user,mx,192.0.2.1,c1,x{n},gmail.com/mta1\n"
    for n in range(30)
)
FILE = HEADER + "".join(RECORD.format(n, n, n) for n in range(30)) + ALL_DEAD


def ignite(*arguments: str, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), "IGNITE_DATABASE__DSN": "postgresql://192.0.2.1/none"}
    return subprocess.run(
        [sys.executable, "-m", "ignite_app.entry", "backtest", *arguments],
        cwd=cwd, input=stdin, capture_output=True, text=True, check=False, timeout=60, env=environment,
    )  # fmt: skip


def test_decisions_are_no_failure_and_stdin_says_the_same_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "acct.csv").write_text(FILE)
    named = ignite("acct.csv", "--json", "--html", "report.html", cwd=tmp_path)
    piped = ignite("-", "--json", cwd=tmp_path, stdin=FILE)
    assert (named.returncode, named.stderr) == (0, "")
    assert piped.stdout == named.stdout
    found = json.loads(named.stdout)
    assert list(found) == ["policy", "from", "to", "records", "rejected", "rejects", "decisions"]
    assert (found["policy"], found["records"], found["rejects"]) == ("ignite", 60, [])
    assert (found["from"], found["to"]) == ("2026-03-02T09:00:00Z", "2026-03-02T09:01:29Z")
    assert found["decisions"][0]["isp"] == "gmail"
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["acct.csv", "report.html"]


def test_people_get_a_timeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "acct.csv").write_text(FILE + "garbage\n")
    monkeypatch.chdir(tmp_path)
    assert run(["backtest", "acct.csv"]) == 0
    told = capsys.readouterr().out
    assert "2026-03-02 09:01:" in told
    assert "30 delivered" in told
    assert "acct.csv:62:" in told


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "FILE"),
        (("missing.csv",), "missing.csv"),
        (("empty.csv", "prose.csv"), "empty.csv, prose.csv"),
        (("acct.csv", "--since", "soon"), "--since"),
        (("acct.csv", "--since", "2027-01-01"), "--since"),
        (("acct.csv", "--policy", "guess"), "--policy"),
        (("acct.csv", "--policy", "rules.yaml"), "rules.yaml:1: bounce-flood.limit"),
        (("acct.csv", "--html", "nowhere/report.html"), "--html"),
    ],
)
def test_what_cannot_be_done_exits_2_and_says_which_file_or_option(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    says: str,
) -> None:
    (tmp_path / "acct.csv").write_text(FILE)
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "prose.csv").write_text("dear diary\n")
    (tmp_path / "rules.yaml").write_text("bounce-flood: {limit: 3}\n")
    monkeypatch.chdir(tmp_path)
    assert run(["backtest", *arguments, "--json"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert says in told.err
