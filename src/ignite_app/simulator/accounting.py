"""Writes PMTA's accounting files. Decides columns, quoting, names and rotation; rows come from `queues`.

Form: CSV per RFC 4180, CRLF, UTF-8, a header line at the top of each file, `type` first; times
`2026-03-01 10:00:00+0000`. A file with several record types holds the union of their columns, blank
where a type has none. A new file begins at midnight, at `max_size`, on `rotate` and at every start.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import attrs

from ignite_app.simulator.options import AccountingFile

_DELIVERY: Final = (
    "type timeLogged timeQueued orig rcpt orcpt dsnAction dsnStatus dsnDiag dsnMta bounceCat srcType srcMta dlvType "
    "dlvSourceIp dlvDestinationIp dlvEsmtpAvailable dlvSize vmta jobId envId queue vmtaPool"
).split()
COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "d": _DELIVERY,
    "b": _DELIVERY,
    "t": _DELIVERY,
    "tq": "type timeLogged dsnStatus dsnDiag dsnMta dlvType vmta queue".split(),
    "r": "type timeLogged orig rcpt orcpt srcType srcMta vmta jobId envId rcvSourceIp rcvDestinationIp".split(),
    "rb": (
        "type timeLogged orig rcpt orcpt dsnStatus dsnDiag dsnMta bounceCat srcType srcMta envId dsnReportingMta format"
    ).split(),
    "rs": (
        "type timeLogged orig rcpt orcpt dsnAction dsnStatus dsnDiag dsnMta srcType srcMta envId dsnReportingMta format"
    ).split(),
    "f": (
        "type timeLogged orig rcpt dlvSourceIp envId format repSourceIp feedbackType userAgent reportingMTA "
        "reportedDomain"
    ).split(),
}
_ORDER: Final = [
    *_DELIVERY,
    "rcvSourceIp",
    "rcvDestinationIp",
    "dsnReportingMta",
    "format",
    "repSourceIp",
    "feedbackType",
    "userAgent",
    "reportingMTA",
    "reportedDomain",
]
OPTIONAL: Final = frozenset({"timeFirstAttempt", "totalSecondsQueued"})
"""Columns that a file has only if its `fields` name them."""


def columns(records: Sequence[str]) -> list[str]:
    """The header of a file that holds `records`: the union in PMTA's order."""
    wanted = {name for record in records for name in COLUMNS[record]}
    return [name for name in _ORDER if name in wanted]


def stamp(at: float) -> str:
    """Business seconds as PMTA writes them."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%d %H:%M:%S+0000")


@attrs.define(eq=False)
class _File:
    directory: Path
    spec: AccountingFile
    columns: list[str]
    day: str = ""
    number: int = 0
    size: int = 0
    path: Path | None = None
    pending: list[bytes] = attrs.field(factory=list)
    buffer: io.StringIO = attrs.field(factory=io.StringIO)

    def add(self, row: Mapping[str, str], day: str) -> None:
        if self.path is None or day != self.day or self.size >= self.spec.max_size:
            self.open(day)
        self._append([row.get(name, "") for name in self.columns])

    def _append(self, cells: list[str]) -> None:
        self.buffer.seek(0)
        self.buffer.truncate()
        csv.writer(self.buffer, lineterminator="\r\n").writerow(cells)
        line = self.buffer.getvalue().encode("utf-8", "replace")
        self.size += len(line)
        self.pending.append(line)

    def open(self, day: str) -> None:
        self.flush()
        taken = [int(path.stem.rsplit("-", 1)[1]) for path in self.directory.glob(self._name(day, "*"))]
        self.day, self.number = day, max(taken, default=0) + 1
        self.path = self.directory / self._name(day, f"{self.number:04d}")
        self.size = 0
        self._append(self.columns)
        self.flush()  # the number is taken

    def _name(self, day: str, number: str) -> str:
        return f"acct-{self.spec.label}-{day}-{number}.csv"

    def flush(self) -> None:
        if self.pending and self.path is not None:
            with self.path.open("ab") as out:
                out.write(b"".join(self.pending))
            self.pending.clear()


@attrs.define(eq=False)
class AccountingWriter:
    """Lines become visible to readers at `flush`, which the simulator calls several times a second."""

    directory: Path
    specs: Sequence[AccountingFile]
    written: dict[str, int] = attrs.field(factory=dict)
    _files: list[_File] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._files = [_File(self.directory, spec, list(spec.fields) or columns(spec.records)) for spec in self.specs]

    def write(self, row: Mapping[str, str], at: float) -> None:
        """Append `row` (column -> text, with `type`) to every file that takes its type."""
        kind = row["type"]
        full = {**row, "timeLogged": stamp(at)}
        day = full["timeLogged"][:10]
        for file in self._files:
            if kind in file.spec.records:
                file.add(full, day)
                self.written[kind] = self.written.get(kind, 0) + 1

    def rotate(self, at: float, label: str = "") -> bool:
        """Begin new files, of all or of one label. False if there is no such label."""
        chosen = [
            file for file in self._files if not label or label in (file.spec.label, f"acct-{file.spec.label}.csv")
        ]
        for file in chosen:
            file.open(stamp(at)[:10])
        return bool(chosen)

    def flush(self) -> None:
        for file in self._files:
            file.flush()
