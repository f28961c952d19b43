"""Reads changes to the rule table from YAML: a mapping from a rule's name to the fields that are other than shipped.

    bounce-rise:
      at_least: 20
      lifetime: 2h
    complaint-watch:
      enabled: false

Decides what may be changed and whether a value can be one; whether the table then makes sense is `rules.faults`'s to
say. Every mistake is told, each with file and key. A changed rule keeps its name; give it a `version` of its own to
tell its decisions from the shipped rule's.
"""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import attrs
import yaml

from ignite_domain.errors import BadInput
from ignite_domain.governance.rules import RULES, Rule, faults
from ignite_domain.governance.steering import MIN_FACTOR
from ignite_domain.governance.words import Action, AgentKind

_DURATION: Final = re.compile(r"(\d{1,6})(s|m|h)")
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3600}


def _number(low: float, high: float) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise BadInput(f"must be a number from {low:g} to {high:g}")
        return float(value)

    return read


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise BadInput(f"must be a whole number from {low} to {high}")
        return value

    return read


def _duration(value: Any) -> timedelta:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise BadInput("must be a duration such as 90s, 30m or 2h")
    return timedelta(seconds=int(found[1]) * _UNIT_S[found[2]])


def _yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadInput("must be true or false")
    return value


FIELDS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "enabled": _yes_or_no,
    "version": _whole(1, 1_000_000),
    "limit": _number(0, 1),
    "at_least": _whole(1, 1_000_000),
    "window_s": _whole(60, 86_400),
    "z": _number(0, 10),
    "lifetime": _duration,
    "factor": _number(MIN_FACTOR, 0.99),
}
"""What a file may change about a rule, and how each value is read. `factor` is a throttle's."""


def read_policy(path: Path) -> tuple[Rule, ...]:
    """The shipped rule table with a file's changes. Raises `BadInput` that lists all mistakes by file and key."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as failure:
        raise BadInput(f"{path}: {failure.strerror or 'cannot be read'}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as failure:
        where = getattr(failure, "problem_mark", None)
        line = f" (line {where.line + 1})" if where else ""
        raise BadInput(f"{path}: is not YAML{line}") from None
    table, wrong = changed(document)
    if wrong:
        raise BadInput("; ".join(f"{path}: {one}" for one in wrong))
    return table


def changed(document: Any, shipped: tuple[Rule, ...] = RULES) -> tuple[tuple[Rule, ...], list[str]]:
    """The table with `document`'s changes, and what is wrong with them, each beginning with its key."""
    if document is None:
        return shipped, []
    if not isinstance(document, Mapping):
        return shipped, ["must be a mapping from a rule's name to its fields"]
    known = {rule.name: rule for rule in shipped}
    table, wrong = dict(known), [f"{name}: there is no such rule" for name in document if name not in known]
    for name, fields in document.items():
        if name not in known:
            continue
        if not isinstance(fields, Mapping):
            wrong.append(f"{name}: must be a mapping of fields")
            continue
        values: dict[str, Any] = {}
        for field, value in fields.items():
            read = FIELDS.get(field)
            if read is None:
                wrong.append(f"{name}.{field}: there is no such field; there are {', '.join(FIELDS)}")
                continue
            try:
                values[field] = read(value)
            except BadInput as bad:
                wrong.append(f"{name}.{field}: {bad}")
        if not values.pop("enabled", True):
            del table[name]
            continue
        factor = values.pop("factor", None)
        if factor is not None:
            if known[name].action is not Action.THROTTLE:
                wrong.append(f"{name}.factor: only a throttle has one")
            values["parameters"] = {**known[name].parameters, "factor": factor}
        table[name] = attrs.evolve(known[name], **values)
    rules = tuple(table.values())
    return rules, wrong or faults(rules)


def by_agent(rules: tuple[Rule, ...]) -> dict[AgentKind, tuple[Rule, ...]]:
    """A table as agents walk it, in its order."""
    return {kind: tuple(rule for rule in rules if rule.agent is kind) for kind in AgentKind}
