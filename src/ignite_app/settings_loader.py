"""Reads settings from YAML and environment into the one frozen tree, and shows them with secrets masked.

The environment wins over the file: IGNITE_<SECTION>__<KEY>, for example IGNITE_BUCKET__NAME; lists and
mappings are written there as YAML. Every wrong key and value is named at once, with the file and line or
the variable it stands in. What a value may be is decided by `settings`.
"""

import difflib
import enum
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, get_origin, get_type_hints

import attrs
import cattrs
import yaml

from ignite_app.settings import ENV_PREFIX, Secret, Settings
from ignite_app.yaml_lines import lines_of, nearest
from ignite_domain.errors import BadInput
from ignite_domain.governance.words import Mode

_TRUE: Final = {"1", "true", "yes", "on"}
_FALSE: Final = {"0", "false", "no", "off"}
_SECTIONS: Final[dict[str, Any]] = get_type_hints(Settings)


def _instant(value: Any, _: type) -> datetime:
    at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if at.tzinfo is None:
        raise ValueError("an instant needs its offset from UTC")
    return at


def _text(value: Any, _: type) -> str:
    if isinstance(value, dict | list) or value is None:
        raise ValueError("expected a text")
    return str(value)


def _number(value: Any, _: type) -> float:
    try:
        if isinstance(value, bool):
            raise ValueError
        return float(value)
    except (TypeError, ValueError):
        raise ValueError("expected a number") from None


def _whole(value: Any, _: type) -> int:
    try:
        if isinstance(value, bool) or float(value) != int(value):
            raise ValueError
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("expected a whole number") from None


def _yes_no(value: Any, _: type) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("expected true or false")
    return word in _TRUE


def _mode(value: Any, _: type) -> Mode:
    if value in tuple(Mode):
        return Mode(value)
    raise ValueError(f"expected one of {', '.join(Mode)}")


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
    converter.register_structure_hook(datetime, _instant)
    converter.register_structure_hook(bool, _yes_no)
    converter.register_structure_hook(int, _whole)
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook(Mode, _mode)
    converter.register_structure_hook(Secret, lambda value, _: Secret(_text(value, str)))
    return converter


_CONVERTER: Final = _converter()
_SHAPES: Final[dict[Any, tuple[type, str]]] = {tuple: (list, "expected a list"), dict: (dict, "expected a mapping")}


def load(config: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Build the settings. Raises `BadInput` naming every wrong key and value with its file and line or variable."""
    wrong: list[str] = []
    document, lines = read_yaml(config) if config else ({}, {})
    origins: dict[tuple[str, ...], str] = {}
    _merge_environment(document, os.environ if environ is None else environ, origins, wrong)

    def note(path: tuple[str, ...], problem: str) -> None:
        place = origins.get(path[:2]) or placed(config, lines, path)
        wrong.append(f"{place}: {'.'.join(path)}: {problem}")

    for name in document:
        if name not in _SECTIONS:
            note((str(name),), _unknown(name, _SECTIONS))
    sections: dict[str, Any] = {}
    for name, kind in _SECTIONS.items():
        block = document.get(name)
        if block is not None and not isinstance(block, dict):
            note((name,), "expected a mapping of settings")
            continue
        values: dict[str, Any] = {}
        for path, problem in _section(kind, block or {}, values):
            note((name, *path), problem)
        if not wrong:
            sections[name] = kind(**values)
    if wrong:
        raise BadInput("wrong settings:\n" + "\n".join(f"  {line}" for line in wrong))
    return Settings(**sections)


def _section(kind: Any, block: Mapping[str, Any], values: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Fill `values` from `block`, key by key; yields what is wrong as (path, problem)."""
    hints = get_type_hints(kind)
    fields = attrs.fields_dict(kind)
    for key, given in block.items():
        if key not in hints:
            yield (str(key),), _unknown(key, hints)
            continue
        shape, problem = _SHAPES.get(get_origin(hints[key]), (object, ""))
        if not isinstance(given, shape):
            yield (key,), problem
            continue
        try:
            values[key] = _CONVERTER.structure(given, hints[key])
            if validator := fields[key].validator:
                validator(None, fields[key], values[key])
        except (cattrs.BaseValidationError, ValueError, TypeError) as error:
            yield from (((key, *path), found) for path, found in flatten(error))


def _unknown(key: Any, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(str(key), list(known), 1)
    return "no such setting" + (f"; do you mean {near[0]}?" if near else "")


def placed(config: Path | None, lines: dict[tuple[str, ...], int], path: tuple[str, ...]) -> str:
    """`file:line` of `path`, or of what is around it; the file alone where nothing of it is there."""
    line = nearest(lines, path)
    return f"{config}:{line}" if line else str(config)


def read_yaml(path: Path) -> tuple[dict[str, Any], dict[tuple[str, ...], int]]:
    """A mapping and the line of each of its keys. Raises `BadInput` naming the file, and the line if it is no YAML."""
    try:
        text = path.read_text(encoding="utf-8")
        document = yaml.safe_load(text)
    except OSError as failure:
        raise BadInput(f"{path}: cannot be read ({failure.strerror})") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: not UTF-8") from None
    except yaml.YAMLError as failure:
        mark = getattr(failure, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise BadInput(f"{where}: not YAML ({getattr(failure, 'problem', None) or 'cannot be parsed'})") from None
    if document is None:
        return {}, {}
    if not isinstance(document, dict):
        raise BadInput(f"{path}: the document must be a mapping")
    return document, lines_of(text)


def _merge_environment(
    document: dict[str, Any], environ: Mapping[str, str], origins: dict[tuple[str, ...], str], wrong: list[str]
) -> None:
    for name, value in sorted(environ.items()):
        if not name.startswith(ENV_PREFIX) or "__" not in name:
            continue  # IGNITE_TEST_DSN, IGNITE_SKIP_DASHBOARD and the like are not settings
        section, _, key = name.removeprefix(ENV_PREFIX).lower().partition("__")
        if section not in _SECTIONS:
            wrong.append(f"{name}: {_unknown(section, _SECTIONS)}")
            continue
        hints = get_type_hints(_SECTIONS[section])
        if key not in hints:
            wrong.append(f"{name}: {_unknown(key, hints)}")
            continue
        parsed: Any = value
        if hints[key] is not str and hints[key] is not Secret and (not value or value[0] in "[{"):
            try:
                parsed = yaml.safe_load(value)
            except yaml.YAMLError:
                wrong.append(f"{name}: not YAML")
                continue
        block = document.get(section)
        if block is None:
            block = document[section] = {}
        if isinstance(block, dict):
            block[key] = parsed
            origins[section, key] = name


def flatten(errors: BaseException, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is wrong in cattrs' error tree, as (path, problem)."""
    if isinstance(errors, cattrs.ClassValidationError | cattrs.IterableValidationError):
        noted, loose = errors.group_exceptions()
        for inner, note in noted:
            step = note.name if isinstance(note, cattrs.AttributeValidationNote) else str(note.index)
            yield from flatten(inner, (*path, step))
        for inner in loose:
            yield from flatten(inner, path)
    elif isinstance(errors, cattrs.ForbiddenExtraKeysError):
        for key in sorted(errors.extra_fields):
            yield (*path, key), _unknown(key, [field.name for field in attrs.fields(errors.cl)])
    elif isinstance(errors, KeyError):
        yield path, "is missing"
    else:
        text = str(errors.args[0]) if errors.args else type(errors).__name__
        quoted = f"'{path[-1]}' " if path else "'"  # attrs' validators begin with the field's name in quotes
        yield path, (text.removeprefix(quoted) if path else text.split("' ", 1)[-1])[:160]


def mask(settings: Settings) -> dict[str, Any]:
    """The effective settings as plain data, secrets as stars (set) or empty (not set)."""

    def plain(value: Any) -> Any:
        if isinstance(value, Secret):
            return "***" if value else ""
        if attrs.has(type(value)):
            return {field.name: plain(getattr(value, field.name)) for field in attrs.fields(type(value))}
        if isinstance(value, dict):
            return {key: plain(one) for key, one in value.items()}
        if isinstance(value, tuple | list):
            return [plain(one) for one in value]
        if isinstance(value, enum.Enum):
            return value.value
        return value.isoformat() if isinstance(value, datetime) else value

    return dict(plain(settings))
