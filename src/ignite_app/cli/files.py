"""Local files named on the command line: whether they can be read, and which of their rows are refused.

Decides nothing about rows; `ignite_domain.imports` does.
"""

import csv
import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from ignite_adapters.directory import DirectoryBucket
from ignite_domain.errors import BadInput
from ignite_domain.imports import BadFile, FileType, Looker, rejects_file

SHOWN_LINES: Final = 5
"""Of each reason for refusing rows, the first lines that are shown."""


def require_files(paths: Iterable[Path]) -> None:
    """Raise `BadInput` naming every path that cannot be read as a file, before anything is done with one of them."""
    wrong = [f"{path}: {why}" for path in paths if (why := _fault(path))]
    if wrong:
        raise BadInput("; ".join(wrong))


def _fault(path: Path) -> str:
    if path.is_dir():
        return "is a folder; name the files in it"
    if not path.exists():
        return "no such file"
    return "" if os.access(path, os.R_OK) else "may not be read"


async def refused_lines(path: Path) -> dict[str, list[int]]:
    """The first line numbers of `path`'s refused rows by reason, read as an import would read it."""
    folder, key = DirectoryBucket(path.parent), path.name
    try:
        look = await Looker()(key, folder.read(key), folder.read(key))
    except BadFile:
        return {}
    kind = look.classification.kind
    if look.layout.columns.address is None:
        kind = FileType.SUPPRESSION
    elif kind is FileType.HELD:
        kind = FileType.MAILABLE
    first: dict[str, list[int]] = {}
    names: list[str] = []
    async for block in rejects_file(look.layout, kind, folder.read(key)):
        for row in csv.reader(io.StringIO(block.decode("utf-8"))):
            if not names:
                names = row
                continue
            told = dict(zip(names, row, strict=True))
            lines = first.setdefault(told["reason"], [])
            if len(lines) < SHOWN_LINES:
                lines.append(int(told["line"]))
    return first


def import_lines(path: Path, result: dict[str, Any], first: dict[str, list[int]]) -> list[str]:
    """What an import of `path` did, for people."""
    told = [f"{path}: {result['class']}, {result['rows']} rows, {result['rejected']} rejected"]
    for reason, count in result["rejected_by_reason"].items():
        numbers = [str(line) for line in first.get(reason, [])]
        more = ", …" if count > len(numbers) else ""
        where = f" (line {', '.join(numbers)}{more})" if numbers else ""
        told.append(f"  {count} {reason.replace('_', ' ')}{where}")
    return told
