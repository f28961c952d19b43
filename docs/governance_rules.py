"""Writes the rule table into `docs/governance.md`, between its two marks, from the table that agents walk.

`python docs/governance_rules.py` writes it; a unit test compares.
"""

from pathlib import Path

from ignite_domain.governance.alarms import level_of
from ignite_domain.governance.rules import RULES, Rule, Test
from ignite_domain.governance.words import Signal

BEGIN, END = "<!-- rules: written by docs/governance_rules.py -->", "<!-- end of rules -->"


def _when(rule: Rule) -> str:
    minutes = f"{rule.window_s // 60} min"
    match rule.test:
        case Test.CUSUM:
            level = level_of(rule.signal, 0)
            unit = " a unit of 100 ripe messages" if rule.signal is Signal.COMPLAINT else ""
            said = f", most replies {', '.join(sorted(rule.replies))}" if rule.replies else ""
            return f"{rule.signal} CUSUM +{level.up}/−1{unit} reaches {level.alarm} ({level.p0:g} → {level.p1:g}){said}"
        case Test.SHARE:
            return f"≥ {rule.at_least} {rule.signal}s in {minutes}, Wilson lower bound (z {rule.z:g}) > {rule.limit:g}"
        case Test.REPLY:
            kinds = ", ".join(sorted(rule.replies))
            return (
                f"{kinds} said to ≥ {rule.at_least} recipients in 10 min, "
                f"Wilson lower bound (z {rule.z:g}) of refusals > {rule.limit:g}"
            )
        case Test.REPORTED:
            return f"a complaint rate reported for the last week > {rule.limit:g}"
        case Test.TOGETHER:
            kinds = ", ".join(sorted(rule.replies))
            return (
                f"{kinds} said at ≥ {rule.at_least} providers and most with mail, "
                f"Wilson lower bound (z {rule.z:g}) of refusals > {rule.limit:g}"
            )
        case Test.SILENCE:
            return f"≥ {rule.at_least} {rule.signal}s in {minutes}, nothing accepted"


def table() -> str:
    """The Markdown table, marks included."""
    lines = [BEGIN, "| agent | rule | when | looked for at | action | lives |", "|---|---|---|---|---|---|"]
    for rule in RULES:
        factor = f" × {rule.parameters['factor']:g}" if "factor" in rule.parameters else ""
        hours = rule.lifetime.total_seconds() / 3600
        lines.append(
            f"| {rule.agent} | `{rule.id}` | {_when(rule)} | {rule.scope} | {rule.action}{factor} | {hours:g} h |"
        )
    return "\n".join([*lines, END])


def rewritten(page: str) -> str:
    """`page` with the table as it is now."""
    before, _, rest = page.partition(BEGIN)
    return before + table() + rest.partition(END)[2]


if __name__ == "__main__":
    path = Path(__file__).with_name("governance.md")
    path.write_text(rewritten(path.read_text(encoding="utf-8")), encoding="utf-8")
