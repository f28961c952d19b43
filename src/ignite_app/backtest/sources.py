"""`Source`: a file that is read from its beginning to its end, plain or gzipped, or standard input.

Decides where its text is cut: behind line ends, so that no line is torn unless it is far too long to be one.
"""

import codecs
import gzip
import io
import sys
import zlib
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

from ignite_domain.errors import BadInput

STDIN: Final = "-"
AT_ONCE: Final = 1 << 15
"""Bytes read at once: little enough that their cells are still in the processor's cache when columns are made."""
LONGEST: Final = 1 << 16


class Source:
    """A file, plain or gzipped, or standard input: its text in blocks of lines, and how far it has been read."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.size = 0 if name == STDIN else Path(name).stat().st_size
        self.damaged = False
        self._raw: BinaryIO | None = None

    @property
    def position(self) -> int:
        """Bytes read so far, as they lie on disk."""
        if self._raw is None or not self.size:
            return 0
        return self.size if self._raw.closed else self._raw.tell()

    def blocks(self) -> Generator[str, None, None]:
        """Whole lines with their ends; the last one may have none, and of a line of more than 2 × `LONGEST` characters
        so many make a block of their own. A damaged gzip ends early; `damaged` says so."""
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        rest = ""
        for data in self._data():
            text = rest + decode(data)
            end = text.rfind("\n") + 1
            if end:
                yield text[:end]
                text = text[end:]
            while len(text) > 2 * LONGEST:
                yield text[: 2 * LONGEST]
                text = text[2 * LONGEST :]
            rest = text
        rest += decode(b"", final=True)
        if rest:
            yield rest

    def _data(self) -> Generator[bytes, None, None]:
        self._raw = sys.stdin.buffer if self.name == STDIN else Path(self.name).open("rb")  # noqa: SIM115  # closed below
        buffered = io.BufferedReader(_Unseekable(self._raw), 1 << 18)
        zipped = buffered.peek(2)[:2] == b"\x1f\x8b"
        data = gzip.GzipFile(fileobj=buffered) if zipped else buffered
        parts: list[bytes] = []
        try:
            while part := data.read1(AT_ONCE):
                parts.append(part)
                if sum(map(len, parts)) >= AT_ONCE:
                    yield b"".join(parts)
                    parts.clear()
        except (EOFError, zlib.error, gzip.BadGzipFile):
            self.damaged = True
        finally:
            if self.name != STDIN:
                self._raw.close()
        if parts:
            yield b"".join(parts)


class _Unseekable(io.RawIOBase):
    """A binary stream as raw input, so that one buffer serves files and standard input alike."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        data = (
            self._stream.read1(len(into))
            if isinstance(self._stream, io.BufferedReader)
            else self._stream.read(len(into))
        )
        into[: len(data)] = data
        return len(data)


def sources_of(names: Sequence[str]) -> list[Source]:
    """The files, by name, each once. Raises `BadInput` for one that is not there."""
    for name in names:
        if name == STDIN or Path(name).is_file():
            continue
        if name.startswith("-"):
            raise BadInput(f"{name}: no such option")
        raise BadInput(f"{name}: {'is a folder; name the files in it' if Path(name).is_dir() else 'no such file'}")
    return [Source(name) for name in sorted(set(names))]
