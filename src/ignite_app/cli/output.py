"""How commands speak: one JSON value on stdout with --json, lines for people otherwise, the rest on stderr.

Exit codes: 0 good, 1 a check fails, 2 usage or configuration, 3 could not finish.
"""

import enum
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson

from ignite_domain.errors import BadInput

GOOD, CHECK_FAILS, USAGE, UNFINISHED = 0, 1, 2, 3


def _default(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def to_json(value: Any) -> str:
    return orjson.dumps(value, default=_default, option=orjson.OPT_INDENT_2).decode()


def emit(value: Any, *, as_json: bool, lines: Sequence[str] = ()) -> None:
    """Print `value` as JSON, or `lines` for people."""
    if as_json:
        print(to_json(value))
    else:
        for line in lines:
            print(line)
    sys.stdout.flush()


def say(line: str) -> None:
    """Tell the person at the terminal, on stderr."""
    print(line, file=sys.stderr, flush=True)


def instant(option: str, text: str) -> datetime:
    """An instant as people write it on a command line; UTC where no offset is given. Raises `BadInput`."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{option}: an instant is expected, as 2026-11-02T09:00:00Z") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
