"""Ctrl-C at a terminal reaches every process of the foreground; the demo still ends quietly and leaves nothing."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

LONGEST = 60  # real seconds; a guard, not a promise


@pytest.mark.parametrize("line", ["starting:", "rows put into the bucket"])
def test_ctrl_c_before_everything_runs_ends_quietly_and_leaves_nothing(tmp_path: Path, line: str) -> None:
    process = subprocess.Popen(  # our own command
        [sys.executable, "-m", "ignite_app.entry", "demo", "--subscribers", "2000"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr
    told = []
    for said in process.stderr:
        told.append(said)
        if line in said:
            break
    os.killpg(process.pid, signal.SIGINT)
    out, rest = process.communicate(timeout=LONGEST)
    assert line in told[-1]
    assert (process.returncode, out) == (130, "")
    assert rest == "stopping…\n"
    assert list((tmp_path / ".ignite" / "demo").iterdir()) == []
