"""Row in, clean row or rejection out. Pure and deterministic: a second pass over a file says the same.

Values are trimmed and otherwise left as written: no title case, no cut postal codes, no guessed countries.
"""

from collections.abc import Sequence
from typing import Final

from ignite_domain.imports.layout import Columns
from ignite_domain.imports.rows import FileType, PersonRow, Record, Rejection, RowFault
from ignite_domain.subscribers.address import AddressFault, canonical, hash_of, md5_in

_BLANK: Final = " \t\r\n\u00a0\ufeff"


def _cell(cells: Sequence[str], column: int | None) -> str:
    if column is None or column >= len(cells):
        return ""
    value = cells[column].strip(_BLANK)
    return value.replace("\0", "") if "\0" in value else value


class RowNormalizer:
    """Normalizes the records of one file."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._attributes = columns.attributes
        self._width = len(columns.names)
        self._header = list(columns.header)

    def person(self, record: Record) -> PersonRow | Rejection:
        """A row of a mailable or warm-up file."""
        cells = record.cells
        if (fault := self._shape(cells)) is not None or cells is None:
            return Rejection(record.line, (fault or RowFault.MALFORMED).value, record.raw)
        columns = self._columns
        email = canonical(_cell(cells, columns.address))
        if isinstance(email, AddressFault):
            return Rejection(record.line, email.value, record.raw)
        attributes = {name: value for i, name in self._attributes if (value := _cell(cells, i))}
        return PersonRow(email, _cell(cells, columns.first_name), _cell(cells, columns.last_name), attributes)

    def suppression(self, record: Record) -> str | Rejection:
        """A row of a suppression file: the MD5 of the address it names."""
        cells = record.cells
        if (fault := self._shape(cells)) is not None or cells is None:
            return Rejection(record.line, (fault or RowFault.MALFORMED).value, record.raw)
        reason = RowFault.NOT_A_HASH.value
        if self._columns.address is not None:
            text = _cell(cells, self._columns.address)
            email = canonical(text)
            if not isinstance(email, AddressFault):
                return hash_of(email)
            if (digest := md5_in(text)) is not None:
                return digest
            if email is AddressFault.SMTPUTF8:
                return Rejection(record.line, email.value, record.raw)
            reason = email.value
        digest = md5_in(_cell(cells, self._columns.digest))
        return digest if digest is not None else Rejection(record.line, reason, record.raw)

    def judge(self, record: Record, kind: FileType) -> PersonRow | str | Rejection:
        """The row as the file's type reads it."""
        return self.suppression(record) if kind is FileType.SUPPRESSION else self.person(record)

    def _shape(self, cells: list[str] | None) -> RowFault | None:
        if cells is None:
            return RowFault.MALFORMED
        if len(cells) > self._width and any(cell.strip() for cell in cells[self._width :]):
            return RowFault.COLUMNS
        if cells == self._header:
            return RowFault.REPEATED_HEADER
        return None
