"""A backtest for people at a terminal: what was decided when and why, and what really became of that mail."""

from collections.abc import Iterator

from ignite_app.backtest.run import Result, reason_of, stamp_of
from ignite_domain.governance.book import Entry, Tally
from ignite_domain.governance.words import Action, Decision, TargetType
from ignite_domain.isps import Isp

SHOWN_REJECTS = 20


def lines_of(result: Result) -> Iterator[str]:
    """The timeline, then a summary."""
    counted = result.counted
    yield f"{stamp_of(counted.first)} to {stamp_of(counted.last)}, policy {result.policy}"
    for entry in result.decisions:
        yield _decision(entry)
        if entry.decision.action is not Action.RELEASE:
            yield f"    {outcomes_in_words(entry)}"
    if not result.decisions:
        read = " of what could be read" if result.counted.rejected else ""
        yield f"nothing was decided: everything{read} stayed within what is tolerated"
    yield ""
    yield from _summary(result)


def _decision(entry: Entry) -> str:
    one = entry.decision
    who = f"{one.isp.shown if one.isp else 'host'} {one.agent.value}"
    action, target = action_of(one).replace("_", " "), target_of(one)
    what = f"{action} {one.target if action.split()[-1] == one.target_type.value else target}"
    return f"{one.at:%Y-%m-%d %H:%M:%S}  {who:20} {what}: {reason_of(entry)} [{one.rule}]"


def target_of(one: Decision) -> str:
    """What a decision is about; a provider or the host by its name."""
    if one.target_type is TargetType.ISP and one.isp:
        return one.isp.shown
    return "the whole host" if one.target_type is TargetType.HOST else f"{one.target_type.value} {one.target}"


def action_of(one: Decision) -> str:
    """The action, a throttle with the share of the rate that it leaves."""
    factor = one.parameters.get("factor") if one.action is Action.THROTTLE else None
    return f"{one.action.value} × {factor:g}" if factor is not None else one.action.value


def outcomes_in_words(entry: Entry) -> str:
    """What became of mail to a decision's target while it lived, and how its life ended."""
    until = f"until {entry.ended or entry.decision.until:%Y-%m-%d %H:%M:%S}"
    if entry.ended is None:
        until += " or the end of the log"
    how = f" ({entry.decision.status.value}: {entry.how})" if entry.ended and entry.how else ""
    return f"its mail {until}: {in_words(entry.tally)}{how}"


def in_words(tally: Tally) -> str:
    return (
        f"{tally.delivered:,} delivered, {tally.deferred:,} deferred, {tally.bounced:,} bounced, "
        f"{tally.complained:,} complained"
    )


def remarks(result: Result) -> Iterator[str]:
    """What the files do not say, so that no rule can go by it."""
    for name, columns in sorted(result.counted.lacks.items()):
        yield f"{name} has no column {', '.join(columns)}: rules that go by that are silent here"
    if not any(tally.deferred for tally in result.totals.outcomes.values()):
        yield "no deferrals (records t) in these files: if the host does not log them, rules about them are silent here"


def _summary(result: Result) -> Iterator[str]:
    counted = result.counted
    kinds: dict[str, int] = {}
    for entry in result.decisions:
        kind = entry.decision.action.value.replace("_", " ") + (" proposed" if entry.proposed else "")
        kinds[kind] = kinds.get(kind, 0) + 1
    what = ", ".join(f"{count} {action}" for action, count in sorted(kinds.items())) or "none"
    yield f"{counted.records:,} records; {len(result.decisions)} decisions: {what}"
    for label, name in [*((isp.value, isp.shown) for isp in Isp), ("", "elsewhere")]:
        if tally := result.totals.outcomes.get(label):
            yield f"  {name:10} {in_words(tally)}"
    yield from remarks(result)
    dead = sum(result.totals.dead.values())
    if dead:
        yield f"{dead:,} bounces say that the address is dead for good; with a send ledger their people are suppressed"
    if counted.rejected:
        yield f"lines that could not be read: {counted.rejected:,}"
        for name, one in counted.listed()[:SHOWN_REJECTS]:
            yield f"  {name}:{one.line}: {one.reason}"
        if counted.rejected > SHOWN_REJECTS:
            yield "  … (all with --json)"
