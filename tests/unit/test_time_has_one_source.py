"""Nothing reads the time but ignite_app.clock: business time is passed in, and SQL gets it as a parameter."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"

ALLOWED: dict[str, set[str]] = {
    "ignite_app/clock.py": {"time.time", "time.monotonic"},  # the source itself
    "ignite_adapters/postgres/embedded.py": {"time.monotonic"},  # real time-outs of a server's start
}
"""File -> what it may read. An entry that is not used any more fails too."""

READERS = {
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
    *("time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.perf_counter_ns"),
    *("time.localtime", "time.gmtime", "time.ctime", "time.strftime", "loop.time"),
}
SQL_READERS = re.compile(
    r"\b(now\s*\(\s*\)|current_timestamp|clock_timestamp|statement_timestamp|transaction_timestamp|localtimestamp"
    r"|current_date|current_time|timeofday)",
    re.I,
)
IS_SQL = re.compile(r"\b(select|insert into|update|delete from|create table|values)\b", re.I)


def dotted(node: ast.expr) -> str:
    """The last two names of a call's target: `datetime.datetime.now` is `datetime.now`."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        names.append(node.id)
    elif isinstance(node, ast.Call):
        names.append("loop" if "loop" in dotted(node.func) else dotted(node.func))
    return ".".join(reversed(names[:2]))


def reads(source: str) -> Iterator[str]:
    """What `source` (Python) reads the time with, in Python or in SQL."""
    tree = ast.parse(source)
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and dotted(node) in READERS:
            yield dotted(node)
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (f"time.{name.name}" for name in node.names if f"time.{name.name}" in READERS)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            found = SQL_READERS.search(node.value)
            if found and IS_SQL.search(node.value):
                yield f"SQL {found[0].lower()}"


def test_only_the_clock_reads_the_time() -> None:
    found: dict[str, set[str]] = {}
    for path in sorted(SRC.rglob("*.py")):
        readers = set(reads(path.read_text(encoding="utf-8")))
        if readers:
            found[path.relative_to(SRC).as_posix()] = readers
    assert found == ALLOWED


def test_the_schema_has_no_clock_of_its_own() -> None:
    for path in sorted(SRC.rglob("*.sql")):
        statements = re.sub(r"--.*", "", path.read_text(encoding="utf-8"))
        assert not SQL_READERS.search(statements), path.name


CAUGHT = [
    ("import datetime\ndatetime.datetime.now()", {"datetime.now"}),
    ("from datetime import date\ndate.today()", {"date.today"}),
    ("import time\ndefault = time.time", {"time.time"}),
    ("from time import monotonic", {"time.monotonic"}),
    ("import asyncio\nasyncio.get_running_loop().time()", {"loop.time"}),
    ("Q = 'select * from t where at < now()'", {"SQL now()"}),
    ("Q = f'update {t} set at = CURRENT_TIMESTAMP, x = 1; select 1 from now'", {"SQL current_timestamp"}),
    ("def f(clock):\n    '''Says now() in words.'''\n    return clock.now()", set()),
    ("import time\ntime.sleep(1)", set()),
]


@pytest.mark.parametrize(("source", "caught"), CAUGHT)
def test_the_search_finds_what_it_should(source: str, caught: set[str]) -> None:
    assert set(reads(source)) == caught
