"""Bytes in, records out: gunzip, decode, split, parse. Pushed, so that a file is never in memory as a whole.

Decides where a record ends and what is malformed; what the cells mean is `layout`, `normalize`.

A stray quote must not swallow its neighbours. A record of more than one line counts only if its quotes
close properly and it has as many cells as the header; otherwise its first line alone is malformed and the
next line starts a new record. The same bytes give the same records, however they are cut into chunks: a
resumed import skips to a line number.
"""

import codecs
import csv
import zlib
from collections import deque
from collections.abc import Iterator
from typing import Final

from ignite_domain.imports.rows import BadFile, FileFault, Record

MAX_LINES: Final = 200
MAX_CHARS: Final = 256 * 1024
"""Bounds of one record; beyond them its first line is malformed."""
MAX_LINE_BYTES: Final = 4 * 1024 * 1024
"""A longer line is broken (and then malformed), so that no file can fill the memory."""

GZIP_MAGIC: Final = b"\x1f\x8b"
_GUNZIP: Final = 16 + zlib.MAX_WBITS
_PIECE: Final = 1024 * 1024


class Gunzip:
    """Streaming gunzip, several members in a row included. Raises `BadFile` on damage or a cut-off end."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GUNZIP)
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the plain bytes in pieces of at most 1 MiB."""
        while data:
            if self._inflate.eof:
                if not data.lstrip(b"\0"):
                    return  # padding behind the last member
                self._inflate = zlib.decompressobj(_GUNZIP)
            try:
                plain = self._inflate.decompress(data, _PIECE)
            except zlib.error:
                raise BadFile(FileFault.CORRUPT_GZIP) from None
            self._begun = True
            if plain:
                yield plain
            data = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail

    def finish(self) -> None:
        if self._begun and not self._inflate.eof:
            raise BadFile(FileFault.CORRUPT_GZIP)


class _NeedMore(Exception):
    """The line source ran dry inside a record, and more may come."""


class _Source:
    """Lines for `csv.reader` that can be given back."""

    def __init__(self) -> None:
        self.waiting: deque[str] = deque()
        self.taken: list[str] = []
        self.size = 0
        self.ended = False

    def __iter__(self) -> "_Source":
        return self

    def __next__(self) -> str:
        if not self.waiting:
            if self.ended:
                raise StopIteration
            raise _NeedMore
        if len(self.taken) >= MAX_LINES or self.size > MAX_CHARS:
            raise csv.Error("record out of bounds")
        line = self.waiting.popleft()
        self.taken.append(line)
        self.size += len(line)
        return line

    def give_back(self, keep: int) -> None:
        """Return all but the first `keep` taken lines to the queue."""
        self.waiting.extendleft(reversed(self.taken[keep:]))
        del self.taken[keep:]


class RecordReader:
    """Records of one file; feed bytes, then finish. `width` 0: the number of cells is not known yet."""

    def __init__(self, encoding: str, delimiter: str, newline: str = "\n", width: int = 0) -> None:
        self._encoding = encoding
        self._delimiter = delimiter
        self._newline = newline
        self._width = width
        self._line = 1
        self._bytes = b""
        self._text = ""
        self._source = _Source()
        self._wide = encoding.startswith("utf-16")
        self._decoder = codecs.getincrementaldecoder(encoding)("replace") if self._wide else None
        self._first = True

    def feed(self, data: bytes) -> Iterator[Record]:
        self._push(data, final=False)
        return self._records()

    def finish(self) -> Iterator[Record]:
        self._push(b"", final=True)
        self._source.ended = True
        return self._records()

    def _push(self, data: bytes, *, final: bool) -> None:
        if self._decoder is not None:
            text = self._text + self._decoder.decode(data, final)
        else:
            self._bytes += data
            cut = len(self._bytes) if final else self._bytes.rfind(self._newline.encode()) + 1
            text = self._text + self._decode(self._bytes[:cut])
            self._bytes = self._bytes[cut:]
            if len(self._bytes) > MAX_LINE_BYTES:
                text, self._bytes = text + self._decode(self._bytes) + self._newline, b""
        if self._first and text:
            text = text.removeprefix("\ufeff")
            self._first = False
        *whole, self._text = text.split(self._newline)
        if final and self._text:
            whole, self._text = [*whole, self._text], ""
        self._source.waiting.extend([line + "\n" for line in whole])

    def _decode(self, block: bytes) -> str:
        """Decode whole lines; a line that is not in the file's encoding is read as Windows-1252."""
        try:
            return block.decode(self._encoding)
        except UnicodeDecodeError:
            return "".join(self._decode_line(line) for line in block.splitlines(keepends=True))

    def _decode_line(self, line: bytes) -> str:
        for encoding in (self._encoding, "cp1252"):
            try:
                return line.decode(encoding)
            except UnicodeDecodeError:
                continue
        return line.decode("latin-1")

    def _records(self) -> Iterator[Record]:
        source = self._source
        reader = csv.reader(source, delimiter=self._delimiter)
        while True:
            source.taken.clear()
            source.size = 0
            cells: list[str] | None
            try:
                cells = next(reader)
            except StopIteration:
                return
            except _NeedMore:
                source.give_back(0)
                return
            except csv.Error:
                cells = None
            taken = source.taken
            open_end = cells is not None and len(taken) == 1 and cells != [] and cells[-1].endswith("\n")
            if cells is None or open_end or (len(taken) > 1 and not self._closes(cells)):
                cells = None
                source.give_back(1)
                reader = csv.reader(source, delimiter=self._delimiter)
            line, self._line = self._line, self._line + len(taken)
            if cells == []:
                continue  # a blank line is no row
            yield Record(line, self._line - 1, cells, tuple(taken))

    def _closes(self, cells: list[str]) -> bool:
        if self._width and len(cells) != self._width:
            return False
        try:
            return list(csv.reader(self._source.taken, delimiter=self._delimiter, strict=True)) == [cells]
        except csv.Error:
            return False
