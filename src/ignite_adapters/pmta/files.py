"""What every accounting feed has in common: which names count, what a file's identity is, and reading on in one.

Decides which bytes are read next and nothing about what they say. A file is known by its header and first
record, not by its name: after a rename, a copy or a later gzip it is the same file, and a name that is used
again for other content, or a file that was truncated and begun anew, is another one.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from ignite_domain.governance.accounting import LONGEST, Entry
from ignite_domain.governance.deliveries import BulkReader
from ignite_domain.governance.ports import FeedBatch, Position

BLOCK: Final = 1 << 20
"""Bytes that are read at once; more than any record has."""
HEAD: Final = 2 * LONGEST + 2
"""Bytes of a file's beginning that hold its first two lines."""
_NAMED: Final = re.compile(r".+\.csv(?:[.-]\d{1,14})?(?:\.gz)?", re.ASCII)
_SERIES: Final = re.compile(r"(.*)-\d{4}-\d\d-\d\d-\d{4,}\.csv(?:\.gz)?", re.ASCII)
_ROTATED: Final = re.compile(r"(.*)\.csv([.-])(\d{1,14})", re.ASCII)


def wanted(name: str) -> bool:
    """Whether a name is an accounting file's: `*.csv`, as logrotate renames it (`.csv.1`, `.csv-20261102`), gzipped."""
    return _NAMED.fullmatch(name) is not None


def packed(name: str) -> bool:
    return name.endswith(".gz")


def in_order(names: Iterable[str]) -> list[str]:
    """Oldest first: what logrotate put aside comes before what it was put aside from, the rest goes by name."""

    def key(name: str) -> tuple[str, int, int, str]:
        found = _ROTATED.fullmatch(name.removesuffix(".gz"))
        if found is None:
            return name.partition(".csv")[0], 1, 0, name
        counted = found[2] == "." and len(found[3]) < 6  # .1 is the youngest of them; a date grows
        return found[1], 0, -int(found[3]) if counted else int(found[3]), name

    return sorted(names, key=key)


def closed_names(names: Iterable[str]) -> set[str]:
    """The names that PMTA has done with: a later one of the same series is there (PMTA's guide, 3.3.11).

    What logrotate renamed last may still be written to, until PMTA opens its file anew.
    """
    names = list(names)
    newest: dict[str, str] = {}
    for name in in_order(names):
        bare = name.removesuffix(".gz")
        if found := _SERIES.fullmatch(name) or _ROTATED.fullmatch(bare):
            newest[found[1]] = bare
    series = {name: _SERIES.fullmatch(name) or _ROTATED.fullmatch(name.removesuffix(".gz")) for name in names}
    return {name for name, found in series.items() if found and newest[found[1]] != name.removesuffix(".gz")}


def head_identity(head: bytes) -> str | None:
    """The identity of a file that begins with `head`; None while its first record is not whole."""
    lines = head.split(b"\n", 2)
    return hashlib.sha256(b"\n".join(lines[:2])).hexdigest()[:32] if len(lines) == 3 else None


def has_header(head: bytes) -> bool:
    return head.removeprefix(b"\xef\xbb\xbf")[:5].strip().strip(b'"').lower() == b"type"


def position_of(source: str, name: str, path: str, head: bytes, positions: Mapping[str, Position]) -> Position:
    """Where a file was left. One that was truncated under its writer has no header: that of its name holds on."""
    old = positions.get(source)
    if old is not None:
        return attrs.evolve(old, path=path)
    if has_header(head):
        return Position(source, path)
    folder, _, _ = path.rpartition("/")
    stem = f"{folder}/{name.partition('.csv')[0]}" if folder else name.partition(".csv")[0]
    known = {one.header for one in positions.values() if one.header and one.path.partition(".csv")[0] == stem}
    return Position(source, path, header=known.pop() if len(known) == 1 else "")


@attrs.define
class Cursor:
    """Reads on in one file. Hand `take` the bytes from `start` on until it says that it has enough.

    `start` is one byte before the position: if that byte ends no line, the position lies within a line that
    was given up, and the rest of it is passed over.
    """

    position: Position
    limit: int
    entries: list[Entry] = attrs.field(factory=list)
    offset: int = attrs.field(init=False)
    _reader: BulkReader | None = None

    def __attrs_post_init__(self) -> None:
        self.offset = self.position.byte_offset

    @property
    def start(self) -> int:
        return max(0, self.offset - 1) if self._reader is None else self.offset

    def take(self, data: bytes, *, at_end: bool, final: bool) -> bool:
        """Read `data`; returns whether there is a point in going on. `at_end`: the file has no more for now."""
        if self._reader is None:
            before = data[:1] if self.offset else b"\n"
            self._reader = BulkReader(self.position.header, self.position.line, inside=before != b"\n")
            data = data[1:] if self.offset else data
        entries, used = self._reader.take(data, final=at_end and final, limit=self.limit - self.lines)
        self.entries += entries
        self.offset += used
        return used > 0 and self.lines < self.limit

    @property
    def lines(self) -> int:
        """How many lines have said something so far."""
        return len(self.entries) + (len(self._reader.deliveries) if self._reader else 0)

    def batch(self) -> FeedBatch | None:
        """What was read and the position behind it; None if that is where it was."""
        if self._reader is None or self.offset == self.position.byte_offset:
            return None
        reader = self._reader
        after = attrs.evolve(self.position, byte_offset=self.offset, line=reader.line, header=reader.header)
        return FeedBatch(after, self.entries, reader.deliveries)
