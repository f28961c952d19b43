"""One backtest: files and a policy in, a `Result` out. Decides nothing; reading, replay and policies do."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import attrs

from ignite_app.backtest.charts import Charts
from ignite_app.backtest.reading import Counted, Period, merged
from ignite_app.backtest.sources import Source, sources_of
from ignite_app.backtest.thresholds import Thresholds
from ignite_app.clock import real_seconds
from ignite_app.policy import by_agent, read_policy
from ignite_app.uncollected import uncollected
from ignite_domain.errors import BadInput
from ignite_domain.governance.accounting import parse_time
from ignite_domain.governance.book import Book, Entry, Totals
from ignite_domain.governance.judging import Governance, Judge
from ignite_domain.governance.replay import Replay

PATIENCE_S: Final = 2.0
"""Real seconds before progress is shown, and between two lines of it."""


@attrs.frozen
class Result:
    """What a backtest found. `names`: the files, in order. `charts` only if they were asked for."""

    policy: str
    names: tuple[str, ...]
    counted: Counted
    book: Book
    totals: Totals
    charts: Charts | None

    @property
    def decisions(self) -> Sequence[Entry]:
        return self.book.entries


def judge_of(policy: str) -> Judge:
    """The judge that `--policy` names. Raises `BadInput` that names file and key."""
    if policy == "ignite":
        return Governance()
    if policy == "thresholds":
        return Thresholds()
    path = Path(policy)
    if path.suffix not in (".yaml", ".yml"):
        raise BadInput(f"--policy {policy}: must be thresholds, ignite or a .yaml file")
    try:
        return Governance(by_agent(read_policy(path)))
    except BadInput as wrong:
        raise BadInput(f"--policy: {wrong}") from None


def period_of(since: str | None, until: str | None) -> Period:
    """The seconds from `since` up to, not including, `until`. Raises `BadInput` that names the option."""
    bounds = {}
    for name, text in (("since", since), ("until", until)):
        if text is None:
            continue
        at = _time(text)
        if at is None:
            raise BadInput(f"--{name} {text}: is not a time such as 2026-03-01T12:00:00Z")
        bounds[name] = at
    period = Period(**bounds)
    if period.since >= period.until:
        raise BadInput("--since: must lie before --until")
    return period


def _time(text: str) -> int | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        found = parse_time(text)
        return int(found.timestamp()) if found else None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


def backtest(
    names: Sequence[str],
    policy: str = "ignite",
    period: Period | None = None,
    *,
    charts: bool = False,
    tell: Callable[[str], None] = lambda line: None,
    watch: Callable[[int, float], None] = lambda records, share: None,
    judge: Judge | None = None,
) -> Result:
    """Replay the files under a policy. `tell` hears of progress when it takes long, `watch` the same as figures:
    records so far, and the share of all bytes that has been read. `judge` is a fresh one of no policy's name.

    Raises `BadInput` for a bad policy, a file that is not there, or if no record could be read.
    """
    judge = judge or judge_of(policy)
    sources = sources_of(names)
    counted = Counted()
    replay = Replay(judge)
    drawn = Charts(judge) if charts else None
    progress = _Progress(sources, counted, tell, watch)
    period = period or Period()
    with uncollected():
        for second, log in merged(sources, counted, period):
            if drawn is not None:
                drawn.add(second, log)
            replay.minute(second, log)
            progress.show()
        replay.close()
    progress.close()
    if not counted.records:
        where = ", ".join(source.name for source in sources)
        if counted.skipped:
            raise BadInput(f"{where}: no record lies between --since and --until")
        first = next(iter(counted.listed()), None)
        why = f"; {first[0]}, line {first[1].line}: {first[1].reason}" if first else ""
        raise BadInput(f"{where}: no record could be read ({counted.rejected} lines refused{why})")
    return Result(policy, tuple(source.name for source in sources), counted, replay.book, replay.totals, drawn)


class _Progress:
    def __init__(
        self,
        sources: Sequence[Source],
        counted: Counted,
        tell: Callable[[str], None],
        watch: Callable[[int, float], None],
    ) -> None:
        self._sources, self._counted, self._tell, self._watch = sources, counted, tell, watch
        self._began = self._shown = real_seconds()
        self._said = False
        self._size = sum(source.size for source in sources)

    def show(self) -> None:
        now = real_seconds()
        if now - self._shown >= PATIENCE_S:
            self._shown, self._said = now, True
            done = sum(source.position for source in self._sources)
            share = f", {100 * done / self._size:.0f} %" if self._size else ""
            self._tell(f"{self._counted.records:,} records, {self._rate(now):,.0f}/s{share}")
            self._watch(self._counted.records, done / self._size if self._size else 0.0)

    def close(self) -> None:
        if self._said:
            now = real_seconds()
            self._tell(f"{self._counted.records:,} records in {now - self._began:.1f} s, {self._rate(now):,.0f}/s")

    def _rate(self, now: float) -> float:
        return self._counted.records / max(0.001, now - self._began)


def stamp(at: datetime) -> str:
    """RFC 3339, UTC, "Z"."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def stamp_of(second: int) -> str:
    return stamp(datetime.fromtimestamp(second, UTC))


def reason_of(entry: Entry) -> str:
    """The reason, with the orchestrator's word where the decision was only a proposal."""
    told = f" (only proposed: {entry.note})" if entry.note else " (only proposed)"
    return f"{entry.decision.reason}{told}" if entry.proposed else entry.decision.reason


def report(result: Result) -> dict[str, Any]:
    """The result as the contracts page shapes it."""
    counted = result.counted
    return {
        "policy": result.policy,
        "from": stamp_of(counted.first),
        "to": stamp_of(counted.last),
        "records": counted.records,
        "rejected": counted.rejected,
        "rejects": [{"file": name, "line": one.line, "reason": one.reason} for name, one in counted.listed()],
        "decisions": [
            {
                "at": stamp(one.at),
                "until": stamp(one.until),
                "isp": one.isp.value if one.isp else None,
                "agent": one.agent.value,
                "action": one.action.value,
                "target_type": one.target_type.value,
                "target": one.target,
                "reason": reason_of(entry),
                "rule": one.rule,
                "evidence": dict(one.evidence),
            }
            for entry in result.decisions
            for one in (entry.decision,)
        ],
    }
