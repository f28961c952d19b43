"""Request bodies: JSON into attrs classes, every wrong field named, no value ever quoted.

Litestar's own decoder stops at the first fault and quotes the value; this one does neither.
"""

import json
from datetime import datetime
from typing import Any, Final, TypeVar

import attrs
import cattrs
from litestar import Request

from ignite_domain.errors import BadInput

T = TypeVar("T")


def _text(value: Any, _: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a text is expected")
    return value


def _whole(value: Any, _: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("a whole number is expected")
    return value


def _instant(value: Any, _: Any) -> datetime:
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        at = datetime.min
    if at.tzinfo is None:
        raise ValueError("an instant with its offset is expected, as 2026-11-02T09:00:00Z")
    return at


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook(int, _whole)
    converter.register_structure_hook(datetime, _instant)
    return converter


_CONVERTER: Final = _converter()


async def decode(request: Request[Any, Any, Any], shape: type[T]) -> T:
    """The body as `shape`; an empty body is an empty object. Raises `BadInput` naming every field that is wrong."""
    raw = await request.body()
    try:
        document = json.loads(raw) if raw.strip() else {}
    except (ValueError, RecursionError):
        raise BadInput("body: not JSON") from None
    if not isinstance(document, dict):
        raise BadInput("body: an object is expected")
    try:
        return _CONVERTER.structure(document, shape)
    except (cattrs.BaseValidationError, ValueError, TypeError) as error:
        raise BadInput("; ".join(_faults(error, shape, "body"))) from None


def _faults(error: BaseException, shape: Any, path: str) -> list[str]:
    """One sentence for each leaf of cattrs' error tree."""
    if isinstance(error, cattrs.ClassValidationError | cattrs.IterableValidationError):
        noted, loose = error.group_exceptions()
        found: list[str] = []
        for inner, note in noted:
            step = f".{note.name}" if isinstance(note, cattrs.AttributeValidationNote) else f"[{note.index}]"
            found += _faults(inner, shape, path + step)
        return found + [line for inner in loose for line in _faults(inner, shape, path)]
    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        return [f"{path}.{key}: no such field" for key in sorted(error.extra_fields)]
    if isinstance(error, KeyError):
        return [f"{path}: is missing"]
    if isinstance(error, BadInput) or (isinstance(error, ValueError) and attrs.has(shape)):
        return [f"{path}: {error.args[0] if error.args else 'is wrong'}"]
    return [f"{path}: is of the wrong kind"]
