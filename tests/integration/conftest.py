"""One kept run of the whole loop, for the tests of the 21 numbered steps (decision record 6)."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from conftest import on_given_server

SUBSCRIBERS = 2000


@attrs.frozen
class KeptRun:
    """What `ignite demo --once --keep DIR` left behind."""

    root: Path
    report: dict[str, Any]
    told: str  # what it said on standard error

    def table(self, name: str) -> list[dict[str, str]]:
        with (self.root / "tables" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def events(self, *types: str) -> list[dict[str, str]]:
        return [row for row in self.table("subscriber_events") if row["event_type"] in types]

    def lines(self, name: str) -> list[dict[str, Any]]:
        with (self.root / name).open(encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.strip()]

    def accounting(self) -> Iterator[dict[str, str]]:
        for path in sorted((self.root / "acct").glob("*.csv")):
            with path.open(newline="", encoding="utf-8") as file:
                yield from csv.DictReader(file)

    def step(self, name: str) -> int:
        return int(self.report["steps"][name]["count"])

    def reconciliation(self, name: str) -> dict[str, Any]:
        return next(entry for entry in self.report["reconciliations"] if entry["name"] == name)


@pytest.fixture(scope="session")
def kept_run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> KeptRun:
    """On the demo's own embedded server, like a newcomer's run; on the container where the tests run on one."""
    root = tmp_path_factory.mktemp("kept") / "run"
    database = request.getfixturevalue("bare_database") if on_given_server() else ""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "ignite_app.entry", "demo", "--once", "--json"),
            *("--subscribers", str(SUBSCRIBERS), "--seed", "7", "--keep", str(root)),
            *(("--database", database) if database else ()),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path_factory.mktemp("cwd"),
        env={**os.environ, "IGNITE_LOG__LEVEL": "debug"},
        check=False,
    )
    assert done.stdout, f"the demo printed no report:\n{done.stderr[-4000:]}"
    report = json.loads(done.stdout)
    failing = [entry for entry in report["reconciliations"] if not entry["ok"]]
    if done.returncode != 0:
        print(json.dumps(failing, indent=1), done.stderr[-4000:], file=sys.stderr)
    return KeptRun(root, report, done.stderr)
