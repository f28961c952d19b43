"""How a file is laid out: encoding, delimiter, header, and which column means what. Guessed from its head.

Decides the shape only; what the file is for is `classify`. Encodings told apart: UTF-8 with or without
BOM, UTF-16 with or without BOM, Windows-1252, Latin-1. Other 8-bit encodings look like Windows-1252: names
would be misread, addresses would not. Delimiters: comma, semicolon, tab, bar.
"""

import codecs
from collections import Counter
from collections.abc import Sequence
from typing import Final

import attrs

from ignite_domain.imports import headers
from ignite_domain.imports.reading import GZIP_MAGIC, Gunzip, RecordReader
from ignite_domain.imports.rows import BadFile, FileFault, Record
from ignite_domain.subscribers.address import AddressFault, canonical, md5_in

HEAD: Final = 256 * 1024
"""Bytes of plain text that are enough to guess from."""
SAMPLE: Final = 200
"""Records that are looked at."""
DELIMITERS: Final = (",", ";", "\t", "|")
ENOUGH: Final = 0.5
"""Share of a column's filled cells that must be addresses (or hashes) if its header does not say so."""

_MAGIC: Final = (
    b"PK\x03\x04", b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"Rar!", b"7z\xbc\xaf", b"\x7fELF",
    b"\xd0\xcf\x11\xe0", b"PAR1", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"SQLite format",
)  # fmt: skip
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS: Final = frozenset(range(32)) - frozenset(b"\t\n\r\f\x1a\x1b")
_NOT_CP1252: Final = frozenset(b"\x81\x8d\x8f\x90\x9d")


def sniff_encoding(head: bytes) -> str:
    """Name the encoding of `head` (plain bytes of the beginning). Raises `BadFile(BINARY)`."""
    if head.startswith(_MAGIC):
        raise BadFile(FileFault.BINARY)
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name
    if b"\0" in head:
        even, odd = head[0::2].count(0), head[1::2].count(0)
        half = len(head) / 2
        if odd > half * 0.4 and even < half * 0.05:
            return "utf-16-le"
        if even > half * 0.4 and odd < half * 0.05:
            return "utf-16-be"
        raise BadFile(FileFault.BINARY)
    if sum(byte in _CONTROLS for byte in head) > len(head) * 0.01:
        raise BadFile(FileFault.BINARY)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
        return "utf-8"
    except UnicodeDecodeError:
        return "latin-1" if _NOT_CP1252.intersection(head) else "cp1252"


def _is_address(cell: str) -> bool:
    value = canonical(cell)
    return not isinstance(value, AddressFault) or value is AddressFault.SMTPUTF8


def _share(rows: Sequence[Sequence[str]], column: int, *, hashes: bool = False) -> float | None:
    """Share of addresses (or hashes) among the filled cells of a column; None if none is filled."""
    cells = [row[column] for row in rows if column < len(row) and row[column].strip()]
    if not cells:
        return None
    return sum((md5_in(cell) is not None) if hashes else _is_address(cell) for cell in cells) / len(cells)


def sniff_delimiter(text: Sequence[str]) -> str:
    """Choose the delimiter under which `text` (whole lines) looks most like a table of addresses."""

    def merit(delimiter: str) -> tuple[float, float, int]:
        reader = RecordReader("utf-8", delimiter)
        rows = [r.cells for r in (*reader.feed("".join(text).encode("utf-8", "replace")), *reader.finish()) if r.cells]
        if not rows:
            return (0.0, 0.0, 0)
        width, same = Counter(map(len, rows)).most_common(1)[0]
        with_key = sum(any(_is_address(c) or md5_in(c) for c in row) for row in rows)
        return (with_key / len(rows), same / len(rows) if width > 1 else 0.0, width)

    return max(DELIMITERS, key=merit)  # the first of equals


@attrs.frozen
class Columns:
    """What each column means, by position. `header` is empty for a file without one."""

    header: tuple[str, ...]
    names: tuple[str, ...]
    address: int | None = None
    digest: int | None = None
    first_name: int | None = None
    last_name: int | None = None

    @property
    def attributes(self) -> tuple[tuple[int, str], ...]:
        """Columns that become attributes of the person, under their own names."""
        known = {self.address, self.digest, self.first_name, self.last_name}
        return tuple((i, name) for i, name in enumerate(self.names) if i not in known)

    @property
    def mapping(self) -> dict[str, str]:
        """Column name -> email, md5, first_name, last_name or attribute."""
        meant = {
            self.address: "email", self.digest: "md5", self.first_name: "first_name", self.last_name: "last_name"
        }  # fmt: skip
        return {name: meant.get(i, "attribute") for i, name in enumerate(self.names)}

    @property
    def key_column(self) -> str | None:
        """Name of the column that says who is meant."""
        index = self.address if self.address is not None else self.digest
        return None if index is None else self.names[index]


def is_header(cells: Sequence[str]) -> bool:
    """True unless a cell of the first record is an address, a hash, or a broken address."""
    if any(_is_address(cell) or md5_in(cell) for cell in cells):
        return False
    known = {*headers.EMAIL, *headers.EMAIL_IF_FILLED, *headers.MD5}
    return any(headers.fold(cell) in known for cell in cells) or not any("@" in cell for cell in cells)


def _column_names(header: Sequence[str], width: int) -> tuple[str, ...]:
    names: list[str] = []
    for i in range(max(len(header), width)):
        name = header[i].strip("\ufeff \t\"'").replace("\0", "") if i < len(header) else ""
        name = name or f"column_{i + 1}"
        names.append(name if name not in names else f"{name}_{i + 1}")
    return tuple(names)


def _find(folded: Sequence[str], wanted: Sequence[str]) -> int | None:
    places = [folded.index(alias) for alias in wanted if alias in folded]
    return places[0] if places else None


def _address_column(folded: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> int | None:
    shares = [_share(rows, i) for i in range(width)]
    named = [i for alias in headers.EMAIL for i, name in enumerate(folded) if name == alias]
    for i in named:
        if i >= width or shares[i] is None or (shares[i] or 0.0) > 0.0:
            return i
    hinted = [i for alias in headers.EMAIL_IF_FILLED for i, name in enumerate(folded) if name == alias]
    hinted += [i for i, name in enumerate(folded) if "mail" in name]
    for i in hinted:
        if i < width and (shares[i] or 0.0) >= ENOUGH:
            return i
    best = max(range(width), key=lambda i: shares[i] or 0.0, default=None)
    if best is not None and (shares[best] or 0.0) >= ENOUGH:
        return best
    return named[0] if named else None


def read_columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Columns:
    """Say what the columns mean. `header` empty: there is none. `rows`: a sample of data rows."""
    header = tuple(header)
    width = max([len(header), *(len(row) for row in rows)], default=0)
    folded = [headers.fold(name) for name in header]
    address = _address_column(folded, rows, width)
    digest = _find(folded, headers.MD5)
    if digest is not None and rows and not (_share(rows, digest, hashes=True) or 0.0) >= ENOUGH:
        digest = None
    if digest is None and address is None:
        hashed = (i for i in range(width) if (_share(rows, i, hashes=True) or 0.0) >= ENOUGH)
        digest = next(hashed, None)
    taken = {address, digest}
    first, last = _find(folded, headers.FIRST_NAME), _find(folded, headers.LAST_NAME)
    return Columns(
        header=header,
        names=_column_names(header, 0 if header else width),
        address=address,
        digest=digest,
        first_name=None if first in taken else first,
        last_name=None if last in taken else last,
    )


@attrs.frozen
class Layout:
    """Everything needed to read the rows of a file. `preamble`: a first line "sep=;"."""

    encoding: str
    delimiter: str
    newline: str
    compressed: bool
    preamble: bool
    columns: Columns
    sample: tuple[tuple[str, ...], ...]

    @property
    def width(self) -> int:
        return len(self.columns.names)

    def reader(self) -> RecordReader:
        return RecordReader(self.encoding, self.delimiter, self.newline, self.width)


def plain_head(head: bytes, *, whole: bool) -> tuple[bytes, bool, bool]:
    """Gunzip `head` if it is gzip: (plain bytes, was compressed, they are the whole file)."""
    if not head.startswith(GZIP_MAGIC):
        return head[:HEAD], False, whole and len(head) <= HEAD
    gunzip = Gunzip()
    plain = b""
    for piece in gunzip.feed(head):
        plain += piece
        if len(plain) > HEAD:
            return plain[:HEAD], True, False
    if whole:
        gunzip.finish()
    return plain, True, whole


def read_layout(head: bytes, *, whole: bool) -> Layout:
    """Guess the layout from the first bytes of a file (gzip or plain); `whole`: there are no more.

    Raises `BadFile` for what cannot be imported: empty, binary, without rows, without an address column.
    """
    plain, compressed, complete = plain_head(head, whole=whole)
    if not plain.strip(b" \t\r\n\0\x1a") and complete:
        raise BadFile(FileFault.EMPTY)
    encoding = sniff_encoding(plain)
    text = plain.decode("utf-16" if encoding == "utf-16" else encoding, "replace").removeprefix("\ufeff")
    newline = "\n" if "\n" in text or "\r" not in text else "\r"
    lines = [line + "\n" for line in text.split(newline)]
    if not complete and len(lines) > 1:
        lines.pop()
    preamble = lines[0].lower().startswith("sep=") and len(lines[0].strip()) == 5
    delimiter = lines[0].strip()[4] if preamble else sniff_delimiter(lines[: SAMPLE + 1])
    reader = RecordReader("utf-8", delimiter)
    joined = "".join(lines[preamble:]).encode("utf-8", "replace")
    records = [r.cells for r in (*reader.feed(joined), *(reader.finish() if complete else ())) if r.cells]
    if not records:
        raise BadFile(FileFault.EMPTY)
    header = records[0] if is_header(records[0]) else []
    rows = [tuple(row) for row in records[bool(header) :][:SAMPLE]]
    columns = read_columns(header, rows)
    if columns.address is None and columns.digest is None:
        raise BadFile(FileFault.NO_ADDRESS_COLUMN)
    if not rows and complete:
        raise BadFile(FileFault.NO_ROWS)
    return Layout(encoding, delimiter, newline, compressed, preamble, columns, tuple(rows))


class RowReader:
    """The data rows of one file with a known layout: gunzips, decodes, leaves the header out."""

    def __init__(self, layout: Layout) -> None:
        self._gunzip = Gunzip() if layout.compressed else None
        self._reader = layout.reader()
        self._to_skip = layout.preamble + bool(layout.columns.header)

    def feed(self, data: bytes) -> list[Record]:
        pieces = self._gunzip.feed(data) if self._gunzip else (data,)
        return [record for piece in pieces for record in self._reader.feed(piece) if not self._skipped()]

    def finish(self) -> list[Record]:
        if self._gunzip:
            self._gunzip.finish()
        return [record for record in self._reader.finish() if not self._skipped()]

    def _skipped(self) -> bool:
        if self._to_skip:
            self._to_skip -= 1
            return True
        return False
