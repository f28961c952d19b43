"""The nouns of an import: file types, rows, rejections and tallies. Decides nothing."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

import attrs

from ignite_domain.errors import BadInput


class FileType(StrEnum):
    """What the people in a file are for. `held`: a person must look first."""

    MAILABLE = "mailable"
    SUPPRESSION = "suppression"
    WARMUP = "warmup"
    HELD = "held"


class FileFault(StrEnum):
    """Why a file cannot be imported at all; it goes to `failed/`."""

    EMPTY = "empty"
    NO_ROWS = "no_rows"
    BINARY = "binary"
    NO_ADDRESS_COLUMN = "no_address_column"
    CORRUPT_GZIP = "corrupt_gzip"


class BadFile(BadInput):
    """A file that cannot be imported; `fault` says why."""

    def __init__(self, fault: FileFault) -> None:
        super().__init__(f"cannot import this file: {fault.value}")
        self.fault = fault


class RowFault(StrEnum):
    """Why a row is rejected, besides the faults of its address (`subscribers.AddressFault`)."""

    MALFORMED = "malformed"  # quotes that do not close, a cell beyond all bounds
    COLUMNS = "columns"  # more cells than the header has: cells are shifted
    REPEATED_HEADER = "repeated_header"  # files that were glued together
    NOT_A_HASH = "not_a_hash"  # in a file of MD5 hashes


class Record(NamedTuple):
    """One record of a file. `line`, `end`: its first and last source line, from 1. `cells` None: malformed."""

    line: int
    end: int
    cells: list[str] | None
    lines: tuple[str, ...]

    @property
    def raw(self) -> str:
        """The text as it stood in the file, without the final line end."""
        return "".join(self.lines).rstrip("\r\n")


class PersonRow(NamedTuple):
    """A good row of a mailable or warm-up file. `email` is canonical; blank attributes are left out."""

    email: str
    first_name: str
    last_name: str
    attributes: Mapping[str, str]


class Rejection(NamedTuple):
    """A row that was not imported: an AddressFault or RowFault by value, and the row as it stood."""

    line: int
    reason: str
    raw: str


@attrs.frozen
class Tally:
    """What became of good rows, one word per row."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0

    @property
    def rows(self) -> int:
        return self.inserted + self.updated + self.unchanged
