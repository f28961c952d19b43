"""`cells_of`: a block of plain CSV lines cut into cells, all at once. Decides only whether the short way may be taken.

Most of what a line of an accounting file holds is never asked for, least of all what stands in quotes. So the text is
cut at its quotes, what they enclose is left out, and the rest is cut at its commas: three passes in C over a block,
and the columns are slices of one list. A quoted cell shows as `QUOTED` or several of it. Whatever is unusual (quotes
within a cell or over several lines, another number of cells) is nothing for this way: the answer is None.
"""

import csv
from typing import Final

QUOTED: Final = '"'
_EDGES: Final = frozenset({",", "\n", ""})
"""What may stand on either side of a quote, outside: the end of a cell, or nothing between the two of a `""`."""


def cells_of(text: str, width: int) -> list[str] | None:
    """The cells of whole lines of `width` cells each, line after line, with the line's end behind each: column k of n
    lines is `cells[k :: width + 1]`, and the last slice holds n line ends."""
    if "\0" in text:
        return None
    lines = text.count("\n")
    if "\r" in text:
        text = text.replace("\r\n", "\n")
        if "\r" in text:
            return None
    quoted, outside = 0, [""]
    if QUOTED in text:
        pieces = text.split(QUOTED)
        outside = pieces[::2]
        if not len(pieces) & 1:
            return None
        quoted = len(outside) - 1
        text = QUOTED.join(outside)
        if text.count("\n") != lines:
            return None
    cells = text.replace("\n", ",\n,").split(",")
    cells.pop()  # behind the last line's end
    if len(cells) != lines * (width + 1) or cells[width :: width + 1].count("\n") != lines:
        return None
    if cells.count(QUOTED) != quoted and not _are_whole(outside):
        return None
    return cells


def _are_whole(outside: list[str]) -> bool:
    """Whether what was quoted is a whole cell each time, for what stands between it."""
    return _EDGES.issuperset([piece[:1] for piece in outside[1:]]) and _EDGES.issuperset(
        [piece[-1:] for piece in outside[:-1]]
    )


def read_cells(lines: list[str], width: int) -> list[str] | None:
    """The same by the C reader, whatever is quoted; each line is a record of its own, or the answer is None."""
    if "\0" in "".join(lines):
        return None
    try:
        rows = list(csv.reader(lines, strict=True))
    except csv.Error:
        return None
    if len(rows) != len(lines) or any(len(row) != width for row in rows):
        return None
    return [cell for row in rows for cell in (*row, "\n")]
