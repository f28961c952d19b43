"""`ignite rules`: the table that the agents go by, and files of changes to it. Needs no database and no network."""

from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from ignite_app.cli.main import Json, app
from ignite_app.cli.output import CHECK_FAILS, GOOD, emit
from ignite_app.policy import (
    SHIPPED,
    Difference,
    Fault,
    Policy,
    Row,
    differences,
    duration,
    meant,
    parse,
    placed,
    text_of,
    uses,
)
from ignite_domain.errors import BadInput
from ignite_domain.governance.alarms import BUSY, ROWS, TUNINGS, Tuning
from ignite_domain.governance.rules import Rule, Test, faults

_HOURS: Final = 720
"""In the thirty days by which a stream's volume is told."""
SHIPPED_WORD: Final = "shipped"
PolicyFile = Annotated[Path | None, Parameter(name="--policy", show=False)]
"""The way in which the file was named before it became an argument; scripts may still do so."""
_NAMES: Final = frozenset(row.rule.name for row in SHIPPED.rows)
rules = App(name="rules", help="The rule table of the 48 agents, and files that change it: check, explain, diff.")
app.command(rules)


@rules.default
def bare(*, json: Json = False) -> int:
    """The shipped table, as `rules explain` shows it."""
    return explain(json=json)


@rules.command
def check(*files: Path, json: Json = False) -> int:
    """Whether policy files are sound, each mistake with file, line and key; without any, whether the shipped table is.

    Exit 0: all are, 1: some are not, 2: a file cannot be read.
    """
    if not files:
        told = faults()
        lines = told or [f"{len(SHIPPED.rows)} rules as shipped, all sound"]
        emit({"ok": not told, "faults": [_fault(None, Fault("", one)) for one in told]}, as_json=json, lines=lines)
        return CHECK_FAILS if told else GOOD
    lines, found = [], []
    for file in files:
        policy, wrong = parse(text_of(file))
        found += [_fault(file, one) for one in wrong]
        lines += [placed(file, one) for one in wrong]
        if not wrong:
            rules_changed = len({one.rule for one in differences(SHIPPED, policy)})
            lines.append(f"{file}: sound, changes {rules_changed} of {len(SHIPPED.rows)} rules")
    emit({"ok": not found, "faults": found}, as_json=json, lines=lines)
    return CHECK_FAILS if found else GOOD


@rules.command
def explain(*names: str, policy: PolicyFile = None, json: Json = False) -> int:
    """What each rule looks for and does, in the order in which agents ask: `explain [FILE] [RULE…]`.

    FILE is a YAML file of changes, as for check and diff (or the word `shipped`); without one it is the shipped table,
    and * marks what the file changes. A RULE that is named is shown with all its values. What comes first and is no
    rule's name is the file.
    """
    if names and policy is None and names[0].partition("@")[0] not in _NAMES and _is_file(names[0]):
        policy, names = (None if names[0] == SHIPPED_WORD else Path(names[0])), names[1:]
    table = _table(policy) if policy else SHIPPED
    rows = _named(table, names)
    changed: dict[str, list[Difference]] = {}
    for one in differences(SHIPPED, table):
        changed.setdefault(one.rule, []).append(one)
    lines: list[str] = []
    for row in rows:
        rule, mark = row.rule, "*" if row.rule.name in changed else " "
        off = "" if row.enabled else "  (off)"
        lines.append(f"{mark} {rule.agent:11} {rule.id:28} {rule.action:17} {rule.says}{off}")
        if names:
            before = {one.field: one.before for one in changed.get(rule.name, [])}
            lines += [f"    {text}" for text in _values(row, before)]
    emit([_shown(row, bool(changed.get(row.rule.name))) for row in rows], as_json=json, lines=lines)
    return GOOD


@rules.command
def diff(before: str, after: str = "", /, *, json: Json = False) -> int:
    """What one policy has otherwise than another: files, or the word `shipped`. One file alone is held against shipped.

    Exit 0 with or without differences, 2 if a file cannot be read or has mistakes.
    """
    if not after:
        before, after = SHIPPED_WORD, before
    old, new = (SHIPPED if name == SHIPPED_WORD else _table(Path(name)) for name in (before, after))
    found = differences(old, new)
    emit([one.as_json() for one in found], as_json=json, lines=list(_differing(found)) or ["no difference"])
    return GOOD


def _is_file(word: str) -> bool:
    """Whether a word that is no rule's name is meant as a file: it is there, or it is written as a path."""
    return word == SHIPPED_WORD or "/" in word or "." in word or Path(word).exists()


def _differing(found: list[Difference]) -> list[str]:
    lines: list[str] = []
    by_name = {row.rule.name: row.rule for row in SHIPPED.rows}
    last = ""
    for one in found:
        if one.rule != last:
            lines.append(f"{one.rule} ({by_name[one.rule].agent}, {by_name[one.rule].action})")
            last = one.rule
        lines.append(f"  {one.field:9} {_plain(one.before)} -> {_plain(one.after)}")
    return lines


def _table(path: Path) -> Policy:
    """Raises `BadInput` that lists all mistakes, a line each."""
    policy, wrong = parse(text_of(path))
    if wrong:
        raise BadInput("\n".join(["this policy has mistakes:", *(f"  {placed(path, one)}" for one in wrong)]))
    return policy


def _named(table: Policy, names: tuple[str, ...]) -> list[Row]:
    """The rules of these names, with or without @version; all if none is named. Raises `BadInput` naming the known."""
    known = [row.rule.name for row in table.rows]
    wanted = [name.partition("@")[0] for name in names]
    if unknown := [name for name, bare in zip(names, wanted, strict=True) if bare not in known]:
        asked = meant(unknown[0].partition("@")[0], known)
        raise BadInput(f"no rule is called {', '.join(unknown)}{asked or ';'} there are {', '.join(known)}")
    return [row for row in table.rows if not wanted or row.rule.name in wanted]


def _values(row: Row, before: dict[str, Any]) -> list[str]:
    """Place and way of looking, then everything that may be changed, with what it was."""
    rule, values = row.rule, row.values()
    where = f"looks at {rule.signal} by {rule.scope}, test {rule.test}"
    replies = f", replies {', '.join(sorted(rule.replies))}" if rule.replies else ""
    told = [where + replies]
    if rule.test is Test.CUSUM:
        told += _alarms(*TUNINGS[rule.signal])
    for field in uses(rule):
        was = f"  (shipped: {_plain(before[field])})" if field in before else ""
        told.append(f"{field:9} {_plain(values[field])}{was}")
    return told


def _alarms(ordinary: Tuning, busy: Tuning) -> list[str]:
    """The walk of a CUSUM, whose figures no policy changes; a line more where a busy stream has another."""
    edge = BUSY if busy != ordinary else ROWS[-1]
    levels = [f"{limit} up to {min(row, edge) // _HOURS:,}" for row, limit in zip(ROWS, ordinary.limits, strict=True)]
    told = [f"{_walk(ordinary)}; alarm at {', '.join(levels)} an hour"]
    if busy != ordinary:
        told.append(
            f"above {edge // _HOURS:,} an hour {_walk(busy)}; alarm at {busy.limits[-1]} up to {ROWS[-1] // _HOURS:,}"
        )
    return told


def _walk(tuning: Tuning) -> str:
    each = f", by {tuning.unit} messages" if tuning.unit > 1 else ""
    shares = f"tolerates {100 * tuning.p0:g} %, finds {100 * tuning.p1:g} %"
    return f"{shares}: S + {tuning.up} at an event, - 1 otherwise{each}"


def _plain(value: Any) -> str:
    """As a policy file writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _fault(file: Path | None, fault: Fault) -> dict[str, Any]:
    return {"file": str(file) if file else None, "line": fault.line, "key": fault.key, "message": fault.message}


def _shown(row: Row, changed: bool) -> dict[str, Any]:
    rule: Rule = row.rule
    return {
        "rule": rule.id,
        "agent": rule.agent,
        "looks_for": rule.says,
        "signal": rule.signal,
        "scope": rule.scope,
        "test": rule.test,
        "limit": rule.limit,
        "at_least": rule.at_least,
        "window_s": rule.window_s,
        "z": rule.z,
        "replies": sorted(rule.replies),
        "action": rule.action,
        "factor": rule.parameters.get("factor"),
        "lifetime": duration(rule.lifetime),
        "lifetime_minutes": rule.lifetime.total_seconds() / 60,
        "enabled": row.enabled,
        "changed": changed,
        "may_change": uses(rule),
    }
