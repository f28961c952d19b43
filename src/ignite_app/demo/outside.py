"""Reads the outside world's own books: bucket files, the simulator's ledger, SSH log, WebSocket log.

Uses plain csv and json, none of the code under test, so that agreeing with the database means something.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

csv.field_size_limit(1 << 24)


@attrs.frozen
class BucketBooks:
    """Rows by file type, and the distinct mailable people (canonical md5 is not needed: addresses are)."""

    rows: dict[str, int]
    people: int


def read_bucket(bucket: Path) -> BucketBooks:
    """Count what lies in `processed/`. Rows that a rejects file names are not people."""
    rows: Counter[str] = Counter()
    people: set[str] = set()
    processed = bucket / "processed"
    for path in sorted(processed.glob("*-JVC-*.csv")):
        if path.name.endswith(".rejects.csv"):
            continue
        kind = path.name.split("-JVC-")[1].split(".")[0].lower()
        refused = _refused_lines(path.with_name(path.name.removesuffix(".csv") + ".rejects.csv"))
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            reader = csv.reader(file)
            header = [name.strip().lower() for name in next(reader)]
            column = next(i for i, name in enumerate(header) if "mail" in name)
            line = reader.line_num
            for record in reader:
                first, line = line + 1, reader.line_num
                if not any(cell.strip() for cell in record):
                    continue
                rows[kind] += 1
                if kind != "suppression" and first not in refused and column < len(record):
                    people.add(record[column].strip().lower())
    return BucketBooks(dict(rows), len(people))


def _refused_lines(path: Path) -> set[int]:
    if not path.is_file():
        return set()
    with path.open(encoding="utf-8", newline="") as file:
        return {int(row["line"]) for row in csv.DictReader(file)}


def count_accounting_lines(directory: Path) -> int:
    """Records in accounting files: lines that are neither blank nor a header."""
    total = 0
    for path in directory.glob("*.csv"):
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            total += sum(1 for line in file if line.strip() and not line.startswith("type,"))
    return total


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a .jsonl file; a last line without its end is not yet written and is left out."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n") and line.strip():
                yield json.loads(line)


def ours(entry: dict[str, Any]) -> bool:
    """Our own mail carries an envelope id of the ledger's form."""
    envid = str(entry.get("envid", ""))
    return envid.startswith("ig") and envid[2:].isdigit()


@attrs.define
class SimulatorBooks:
    """What really happened, by the simulator's own record."""

    messages: Counter[str] = attrs.field(factory=Counter)  # isp
    pairs: Counter[tuple[str, str]] = attrs.field(factory=Counter)  # (job, recipient)
    replies: Counter[str] = attrs.field(factory=Counter)  # isp:event type
    engagement: Counter[str] = attrs.field(factory=Counter)  # event type:verdict
    delivered: set[str] = attrs.field(factory=set)
    hard: set[str] = attrs.field(factory=set)
    complained: set[str] = attrs.field(factory=set)
    engaged: set[str] = attrs.field(factory=set)


_ENGAGEMENT = {
    "open": "opened",
    "click": "clicked",
    "page_view": "page_view",
    "session_end": "session_end",
    "unsubscribe": "unsubscribed",
}


def read_simulator(path: Path) -> SimulatorBooks:
    """Add up the simulator's ledger, our own mail only."""
    books = SimulatorBooks()
    for entry in read_lines(path):
        if not ours(entry):
            continue
        kind, isp, person = entry["kind"], entry.get("isp") or "elsewhere", entry["rcpt_md5"]
        if kind == "message":
            books.messages[isp] += 1
            books.pairs[(entry["job"], person)] += 1
        elif kind == "reply":
            if entry["result"] == "delivered":
                books.replies[f"{isp}:delivered"] += 1
                books.delivered.add(person)
            elif entry["result"] == "deferred":
                books.replies[f"{isp}:deferred"] += 1
            else:
                hard = bool(entry["hard"])
                books.replies[f"{isp}:{'hard' if hard else 'soft'}_bounced"] += 1
                if hard:
                    books.hard.add(person)
        elif kind == "complaint":
            books.replies[f"{isp}:complained"] += 1
            books.complained.add(person)
        elif kind in _ENGAGEMENT:
            human = kind == "unsubscribe" or bool(entry["human"])
            books.engagement[f"{_ENGAGEMENT[kind]}:{'human' if human else 'machine'}"] += 1
            if human and kind in ("click", "page_view"):
                books.engaged.add(person)
    return books


MUTATING = (
    "pause",
    "resume",
    "disable",
    "enable",
    "set",
    "reload",
    "delete",
    "reset",
    "schedule",
    "ignite-put-include",
)


Command = tuple[str, str]
"""A command as it was typed, and the SHA-256 of what it was given on stdin ("" if nothing)."""


def verb_of(command: str) -> str:
    words = [word for word in command.split() if not word.startswith("-")]
    return words[1] if len(words) > 1 and words[0].endswith("pmta") else words[0]


def read_ssh(path: Path) -> tuple[Counter[Command], Counter[Command]]:
    """Commands that change the MTA, however they ended, and those of them that the host refused."""
    typed: Counter[Command] = Counter()
    refused: Counter[Command] = Counter()
    for entry in read_lines(path):
        command = " ".join(entry["argv"])
        if verb_of(command) in MUTATING:
            one = (command, entry.get("stdin_sha256") or "")
            typed[one] += 1
            refused[one] += entry.get("exit", 0) != 0
    return typed, refused
