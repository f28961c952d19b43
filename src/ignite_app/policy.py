"""Reads changes to the rule table from YAML: a mapping from a rule's name to the fields that are other than shipped.

    bounce-rise:
      at_least: 20
      lifetime: 2h
    complaint-watch:
      enabled: false

Decides what may be changed, whether a value can be one and whether the rule looks at it at all; whether the table then
makes sense is `rules.faults`'s to say. Every mistake is told, each with key and line. A changed rule keeps its name;
which policy is in force, and since when, is decided in `policies`.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import attrs
import yaml

from ignite_app.yaml_lines import nearest
from ignite_domain.errors import BadInput
from ignite_domain.governance.rules import MAX_LIFETIME, RULES, Rule, Scope, Test, faults
from ignite_domain.governance.steering import MIN_FACTOR
from ignite_domain.governance.words import AgentKind

MAX_DOCUMENT: Final = 32 * 1024
"""Characters; every field of every rule is changed in fewer than a tenth of it."""
MAX_DEPTH: Final = 4
MAX_EVENTS: Final = 2000
"""Pieces of YAML; all fields of all rules are a fifth of it."""
_DURATION: Final = re.compile(r"(\d{1,6})(s|m|h)", re.ASCII)
_UNIT_S: Final = {"h": 3600, "m": 60, "s": 1}
_NAME_SHOWN: Final = 60


def _number(low: float, high: float) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise BadInput(f"must be a number from {low:g} to {high:g}")
        return float(value)

    return read


def _share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise BadInput("must be a share above 0 and below 1, such as 0.05 for 5 %")
    return float(value)


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise BadInput(f"must be a whole number from {low} to {high}")
        return value

    return read


def _window(value: Any) -> int:
    """Signals are kept in whole minutes for an hour, and in whole hours for a day."""
    if isinstance(value, bool) or not isinstance(value, int) or not 60 <= value <= 86_400:
        raise BadInput("must be a whole number of seconds from 60 to 86400")
    if value % (60 if value <= 3600 else 3600):
        raise BadInput("must be whole minutes (60, 120 …) up to an hour, and whole hours (7200, 10800 …) above")
    return value


def _duration(value: Any) -> timedelta:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise BadInput("must be a duration such as 90s, 30m or 2h")
    life = timedelta(seconds=int(found[1]) * _UNIT_S[found[2]])
    if not timedelta(0) < life <= MAX_LIFETIME:
        raise BadInput("must be above 0 and at most 24h")
    return life


def _yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadInput("must be true or false")
    return value


FIELDS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "enabled": _yes_or_no,
    "version": _whole(1, 1_000_000),
    "limit": _share,
    "at_least": _whole(1, 1_000_000),
    "window_s": _window,
    "z": _number(0, 10),
    "lifetime": _duration,
    "factor": _number(MIN_FACTOR, 0.99),
}
"""What a document may change about a rule, and how each value is read."""
_ALWAYS: Final = frozenset({"enabled", "version", "lifetime"})
_EVIDENCE: Final = frozenset({"limit", "at_least", "window_s", "z"})
_USES: Final[Mapping[Test, frozenset[str]]] = {
    Test.CUSUM: frozenset({"at_least"}),
    Test.SHARE: _EVIDENCE,
    Test.REPLY: _EVIDENCE,
    Test.SILENCE: frozenset({"at_least", "window_s"}),
    Test.REPORTED: frozenset({"limit"}),
    Test.TOGETHER: _EVIDENCE,
}
"""What each way of weighing evidence looks at: changing anything else would change nothing."""


def uses(rule: Rule) -> list[str]:
    """The fields that have an effect on this rule, in the order of `FIELDS`."""
    used = _ALWAYS | _USES[rule.test]
    if rule.scope is Scope.IP:
        used |= {"window_s"}  # where it counts how many addresses have mail
    if "factor" in rule.parameters:
        used |= {"factor"}
    return [field for field in FIELDS if field in used]


@attrs.frozen
class Fault:
    """One mistake. `key`: rule, or rule.field; `line` from 1, None where it stands nowhere."""

    key: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.key}: {self.message}"


@attrs.frozen
class Row:
    """One rule as a policy has it; while it is not enabled nobody walks it."""

    rule: Rule
    enabled: bool = True

    def values(self) -> dict[str, Any]:
        """What may be changed about it, as a document would write it."""
        rule = self.rule
        found = {
            "enabled": self.enabled,
            "version": rule.version,
            "limit": rule.limit,
            "at_least": max(1, rule.at_least),  # no alarm speaks on nothing
            "window_s": rule.window_s,
            "z": rule.z,
            "lifetime": duration(rule.lifetime),
        }
        return found | ({"factor": rule.parameters["factor"]} if "factor" in rule.parameters else {})


@attrs.frozen
class Policy:
    """All rules in their order, also those that are switched off."""

    rows: tuple[Row, ...]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The table as agents walk it."""
        return tuple(row.rule for row in self.rows if row.enabled)

    def stamped(self, version: int, shipped: "Policy | None" = None) -> "Policy":
        """The same, each rule that is other than shipped naming the stored `version` that made it so."""
        changed = {one.rule for one in differences(shipped or SHIPPED, self)}
        return Policy(
            tuple(
                attrs.evolve(row, rule=attrs.evolve(row.rule, policy=version)) if row.rule.name in changed else row
                for row in self.rows
            )
        )


SHIPPED: Final = Policy(tuple(Row(rule) for rule in RULES))


@attrs.frozen
class Difference:
    """A field of a rule that two policies have differently; `before` and `after` as a document writes them."""

    rule: str
    field: str
    before: Any
    after: Any

    def as_json(self) -> dict[str, Any]:
        return {"rule": self.rule, "field": self.field, "from": self.before, "to": self.after}


def differences(before: Policy, after: Policy) -> list[Difference]:
    """What `after` has otherwise than `before`, by rule in the table's order."""
    old = {row.rule.name: row.values() for row in before.rows}
    return [
        Difference(row.rule.name, field, old[row.rule.name].get(field), value)
        for row in after.rows
        if row.rule.name in old
        for field, value in row.values().items()
        if old[row.rule.name].get(field) != value
    ]


def duration(life: timedelta) -> str:
    """As a document writes it, in the largest unit that fits: 90s, 30m, 2h."""
    seconds = round(life.total_seconds())
    unit = next(unit for unit, length in _UNIT_S.items() if seconds % length == 0)
    return f"{seconds // _UNIT_S[unit]}{unit}"


def text_of(path: Path) -> str:
    """A policy file's text. Raises `BadInput` naming the file if it cannot be read as text, or is too long."""
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as failure:
        raise BadInput(f"{path}: {failure.strerror or 'cannot be read'}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: is not UTF-8") from None
    if len(text) > MAX_DOCUMENT:
        raise BadInput(f"{path}: is longer than {MAX_DOCUMENT // 1024} KiB; that is no policy")
    return text


def read_policy(path: Path) -> tuple[Rule, ...]:
    """The shipped rule table with a file's changes. Raises `BadInput` that lists all mistakes by file, line and key."""
    policy, wrong = parse(text_of(path))
    if wrong:
        raise BadInput("; ".join(placed(path, one) for one in wrong))
    return policy.rules


def placed(path: Path, fault: Fault) -> str:
    """`file:line: key: message`."""
    return f"{path}:{fault.line}: {fault}" if fault.line else f"{path}: {fault}"


def parse(text: str, shipped: Policy = SHIPPED) -> tuple[Policy, list[Fault]]:
    """`shipped` with a document's changes, and all its mistakes in the order of their lines.

    An empty document changes nothing. With mistakes the policy is `shipped`: nobody shall go by half of what was meant.
    """
    if len(text) > MAX_DOCUMENT:
        return shipped, [Fault("document", f"is longer than {MAX_DOCUMENT // 1024} KiB")]
    try:
        document, keys = _read(text)
    except BadInput as much:
        return shipped, [Fault("document", str(much))]
    except (yaml.YAMLError, ValueError) as failure:  # ValueError: dates and numbers that are none
        mark = getattr(failure, "problem_mark", None)
        why = getattr(failure, "problem", None)
        return shipped, [Fault("document", f"is not YAML ({why})" if why else "is not YAML", mark and mark.line + 1)]
    if document is None:
        return shipped, []
    if not isinstance(document, Mapping):
        return shipped, [Fault("document", "must be a mapping from a rule's name to its fields", 1)]

    lines: dict[tuple[str, ...], int] = {}
    twice: set[tuple[str, ...]] = set()
    wrong: list[Fault] = []
    for path, line in keys:
        if path in lines and path[:-1] not in twice:
            wrong.append(Fault(".".join(path), "stands twice", line))
            twice.add(path)
        lines[path] = line  # of a key that stands twice the last counts, as for the loader

    def note(message: str, *path: Any) -> None:
        steps = tuple(str(step)[:_NAME_SHOWN] for step in path)
        wrong.append(Fault(".".join(steps), message, nearest(lines, steps)))

    changed: dict[str, Row] = {}
    known = {row.rule.name: row for row in shipped.rows}
    for name, fields in document.items():
        if name not in known:
            note(f"there is no such rule{meant(name, known)}", name)
        elif not isinstance(fields, Mapping):
            note("must be a mapping of fields, such as {at_least: 20}", name)
        else:
            changed[name] = _row(known[name], fields, note)
    policy = Policy(tuple(changed.get(row.rule.name, row) for row in shipped.rows))
    if not wrong:
        for sentence in faults(policy.rules):
            rule, _, message = sentence.partition(": ")
            note(message or sentence, rule.partition("@")[0])
    wrong.sort(key=lambda one: one.line or 0)
    return (shipped, wrong) if wrong else (policy, [])


def _row(row: Row, fields: Mapping[Any, Any], note: Callable[..., None]) -> Row:
    values: dict[str, Any] = {}
    used = uses(row.rule)
    for field, value in fields.items():
        read = FIELDS.get(field)
        if read is None:
            note(f"there is no such field{meant(field, FIELDS)}; this rule has {', '.join(used)}", row.rule.name, field)
        elif field not in used:
            note(
                f"this rule does not look at it, so it would change nothing; it has {', '.join(used)}",
                row.rule.name,
                field,
            )
        else:
            try:
                values[field] = read(value)
            except BadInput as bad:
                note(str(bad), row.rule.name, field)
    enabled = values.pop("enabled", row.enabled)
    if "factor" in values:
        values["parameters"] = {**row.rule.parameters, "factor": values.pop("factor")}
    return Row(attrs.evolve(row.rule, **values), enabled)


def meant(word: Any, known: Iterable[str]) -> str:
    """A question after the nearest known word, if one is near."""
    near = difflib.get_close_matches(str(word)[:_NAME_SHOWN], list(known), 1)
    return f"; do you mean {near[0]}?" if near else ""


def _read(text: str) -> tuple[Any, list[tuple[tuple[str, ...], int]]]:
    """The document, and the lines of its rules and fields. Raises `BadInput` for what is far too much."""
    depth = 0
    for number, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):  # so that nothing odd takes seconds
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH or number > MAX_EVENTS:
            raise BadInput("is nested or long beyond what a policy can be")
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        document = loader.construct_document(root) if root is not None else None
    finally:
        loader.dispose()
    keys: list[tuple[tuple[str, ...], int]] = []
    open_nodes: list[tuple[tuple[str, ...], Any]] = [((), root)]
    while open_nodes:
        path, node = open_nodes.pop()
        if isinstance(node, yaml.MappingNode) and len(path) < 2:
            for key, value in node.value:
                below = (*path, str(key.value)[:_NAME_SHOWN])
                keys.append((below, key.start_mark.line + 1))
                open_nodes.append((below, value))
    return document, sorted(keys, key=lambda one: one[1])


def by_agent(rules: tuple[Rule, ...]) -> dict[AgentKind, tuple[Rule, ...]]:
    """A table as agents walk it, in its order."""
    return {kind: tuple(rule for rule in rules if rule.agent is kind) for kind in AgentKind}
