"""Every column has a writer and a reader: what nobody fills, or nobody looks at, does not belong in the schema.

A search of text, not of meaning: a column counts as written if a statement on its table inserts or sets it,
and as read if such a statement names it anywhere else.
"""

import ast
import re
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
POSTGRES = SRC / "ignite_adapters" / "postgres"

WRITTEN_ELSEWHERE: dict[str, str] = {
    "mailing_engine_progress.sole": "the key of a table of one row: its default is its only value",
}
"""table.column -> why no statement of ours writes it."""
READ_ELSEWHERE: dict[str, str] = {}
"""table.column -> why no statement of ours reads it."""

_TABLE = re.compile(r"create table (\w+) \((.*?)\n\)", re.S)
_GONE = re.compile(r"drop table (\w+)")
_ALTERED = re.compile(r"alter table (\w+)\s+(add column .*?);", re.S)
_ADDED = re.compile(r"add column (\w+)\s+([^,;]+)")
_COLUMN = re.compile(r"^    (\w+)\s+([a-z].*)$", re.M)
_NOT_COLUMNS = {"primary", "unique", "check", "foreign", "constraint"}
_GIVEN = re.compile(r"\b(?:insert into|copy)\s+(\w+)(?:\s+as\s+\w+)?\s*\(([^)]*)\)", re.I)
_SET = re.compile(r"\bset\b(.*?)(?:\bfrom\b(?!\s+\w+\.)|\bwhere\b|\breturning\b|$)", re.I | re.S)
_ASSIGNED = re.compile(r"(?:^|,)\s*\(?(\w+)\s*(?==)", re.S)
_TOGETHER = re.compile(r"\(([\w\s,]+)\)\s*=\s*\(", re.S)


def columns() -> dict[str, dict[str, str]]:
    """table -> column -> definition, of all migrations."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted((POSTGRES / "migrations").glob("*.sql")):
        text = re.sub(r"--.*", "", path.read_text(encoding="utf-8"))
        for table in _GONE.findall(text):
            del found[table]
        for table, body in _TABLE.findall(text):
            found[table] = {name: rest for name, rest in _COLUMN.findall(body) if name not in _NOT_COLUMNS}
        for table, body in _ALTERED.findall(text):
            found[table] |= dict(_ADDED.findall(body))
    return found


def statements() -> list[str]:
    """Every text of the PostgreSQL adapters that is not a docstring; parts of f-strings are joined."""
    found = []
    for path in sorted(POSTGRES.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        inner: set[int] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                inner.add(id(node.value))
            elif isinstance(node, ast.JoinedStr):
                parts = [part.value for part in node.values if isinstance(part, ast.Constant)]
                inner |= {id(part) for part in node.values}
                found.append(" ".join(str(part) for part in parts))
        found += [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner
        ]
    return found


def written(table: str, texts: list[str]) -> set[str]:
    names: set[str] = set()
    for text in texts:
        for target, given in _GIVEN.findall(text):
            if target == table:
                names |= set(re.findall(r"\w+", given))
        if re.search(rf"\b(update|into|copy)\s+{table}\b", text, re.I):
            for assigned in _SET.findall(text):
                names |= set(_ASSIGNED.findall(assigned)) | set(re.findall(r"(\w+)\s*=", assigned))
                for together in _TOGETHER.findall(assigned):
                    names |= set(re.findall(r"\w+", together))
    return names


def read(table: str, texts: list[str]) -> set[str]:
    names: set[str] = set()
    for text in texts:
        if re.search(rf"\b{table}\b", text):
            left = _GIVEN.sub(" ", text)
            left = re.sub(r"([,\s(])\w+\s*=(?=\s*(?:excluded\.|%\())", r"\1", left) if " set " in left else left
            names |= set(re.findall(r"[a-z_0-9]+", left))
    return names


TABLES = columns()
TEXTS = statements()


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_column_is_written_and_read(table: str) -> None:
    by_itself = {name for name, rest in TABLES[table].items() if "generated always" in rest}
    unwritten = set(TABLES[table]) - written(table, TEXTS) - by_itself
    unread = set(TABLES[table]) - read(table, TEXTS)
    assert {f"{table}.{name}" for name in unwritten} <= set(WRITTEN_ELSEWHERE), "nobody fills these"
    assert {f"{table}.{name}" for name in unread} <= set(READ_ELSEWHERE), "nobody looks at these"


def test_no_exception_is_left_over() -> None:
    unwritten = {f"{table}.{name}" for table, names in TABLES.items() for name in set(names) - written(table, TEXTS)}
    unread = {f"{table}.{name}" for table, names in TABLES.items() for name in set(names) - read(table, TEXTS)}
    assert set(WRITTEN_ELSEWHERE) <= unwritten
    assert set(READ_ELSEWHERE) <= unread


def test_the_search_sees_the_whole_schema() -> None:
    assert {"subscriber_events", "mailing_sends", "live_feed", "partition_log"} <= set(TABLES)
    assert {"deadline", "author_reason"} <= TABLES["mailing_engine_decisions"].keys()  # added by a later migration
    assert TABLES["live_feed"].keys() == {"id", "type", "at", "isp", "data"}
    assert "primary" not in {name for names in TABLES.values() for name in names}
