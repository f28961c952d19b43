"""Reads settings from YAML and environment into the one frozen tree, and shows them with secrets masked.

The environment wins over the file: IGNITE_<SECTION>__<KEY>, for example IGNITE_BUCKET__NAME. Every wrong
key and value is named at once, with the file or variable it stands in.
"""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, get_type_hints

import attrs
import cattrs
import yaml

from ignite_app.settings import ENV_PREFIX, Secret, Settings
from ignite_domain.errors import BadInput
from ignite_domain.governance.words import Mode

_TRUE: Final = {"1", "true", "yes", "on"}
_FALSE: Final = {"0", "false", "no", "off"}


def _instant(value: Any, _: type) -> datetime:
    at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if at.tzinfo is None:
        raise ValueError("an instant needs its offset from UTC")
    return at


def _text(value: Any, _: type) -> str:
    if isinstance(value, dict | list) or value is None:
        raise ValueError("expected a text")
    return str(value)


def _number(kind: type) -> Any:
    def structure(value: Any, _: type) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError("expected a number")
        return kind(value)

    return structure


def _yes_no(value: Any, _: type) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("expected true or false")
    return word in _TRUE


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
    converter.register_structure_hook(datetime, _instant)
    converter.register_structure_hook(bool, _yes_no)
    converter.register_structure_hook(int, _number(int))
    converter.register_structure_hook(float, _number(float))
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook(Mode, lambda value, _: Mode(value))
    converter.register_structure_hook(Secret, lambda value, _: Secret(_text(value, str)))
    return converter


_CONVERTER: Final = _converter()


def load(config: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Build the settings. Raises `BadInput` naming every wrong key and value with its file or variable."""
    environ = os.environ if environ is None else environ
    origins: dict[str, str] = {}
    document = _read_yaml(config, origins) if config else {}
    wrong: list[str] = []
    _merge_environment(document, environ, origins, wrong)
    settings: Settings | None = None
    try:
        settings = _CONVERTER.structure(document, Settings)
    except cattrs.BaseValidationError as errors:
        wrong += [_sentence(path, problem, origins) for path, problem in _flatten(errors, ())]
    if wrong or settings is None:
        raise BadInput("wrong settings:\n" + "\n".join(f"  {line}" for line in wrong))
    return settings


def _read_yaml(path: Path, origins: dict[str, str]) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as failure:
        raise BadInput(f"{path}: cannot be read ({failure.strerror})") from None
    except yaml.YAMLError as failure:
        mark = getattr(failure, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise BadInput(f"{where}: not YAML ({getattr(failure, 'problem', None) or 'cannot be parsed'})") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise BadInput(f"{path}: the document must be a mapping of sections")
    origins[""] = str(path)
    return document


def _merge_environment(
    document: dict[str, Any], environ: Mapping[str, str], origins: dict[str, str], wrong: list[str]
) -> None:
    sections = {field.name: field.type for field in attrs.fields(Settings)}
    for name, value in sorted(environ.items()):
        if not name.startswith(ENV_PREFIX) or "__" not in name:
            continue  # IGNITE_TEST_DSN, IGNITE_SKIP_DASHBOARD and the like are not settings
        section, _, key = name.removeprefix(ENV_PREFIX).lower().partition("__")
        kind = sections.get(section)
        hints = get_type_hints(kind) if kind is not None and attrs.has(kind) else {}
        if key not in hints:
            wrong.append(f"{name}: no such setting")
            continue
        parsed: Any = value
        if hints[key] is not str and hints[key] is not Secret and value[:1] in "[{":
            parsed = yaml.safe_load(value)
        block = document.setdefault(section, {})
        if isinstance(block, dict):
            block[key] = parsed
            origins[f"{section}.{key}"] = name


def _flatten(errors: BaseException, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], str]]:
    """The leaves of cattrs' error tree, each with its path."""
    found: list[tuple[tuple[str, ...], str]] = []
    if isinstance(errors, cattrs.ClassValidationError):
        with_notes, without = errors.group_exceptions()
        for inner, note in with_notes:
            found += _flatten(inner, (*path, note.name))
        for inner in without:
            found += _flatten(inner, path)
    elif isinstance(errors, cattrs.IterableValidationError):
        numbered, loose = errors.group_exceptions()
        for inner, index in numbered:
            found += _flatten(inner, (*path, str(index.index)))
        for inner in loose:
            found += _flatten(inner, path)
    elif isinstance(errors, cattrs.ForbiddenExtraKeysError):
        found += [((*path, key), "no such setting") for key in sorted(errors.extra_fields)]
    else:
        found.append((path, _plain(errors)))
    return found


def _plain(error: BaseException) -> str:
    """The problem without the value: it may be a secret."""
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    text = str(error.args[0]) if error.args else type(error).__name__
    return text.split("(")[0].split(": ")[0].strip()[:160] if "=" in text else text[:160]


def _sentence(path: tuple[str, ...], problem: str, origins: Mapping[str, str]) -> str:
    dotted = ".".join(path)
    origin = origins.get(".".join(path[:2])) or origins.get("", "settings")
    return f"{origin}: {dotted}: {problem}"


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
        return value.isoformat() if isinstance(value, datetime) else value

    return dict(plain(settings))
