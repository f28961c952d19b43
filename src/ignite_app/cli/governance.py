"""Governance without a host: what would have been decided (`backtest`), and how good the deciding is (`simulate`)."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from ignite_app.cli.main import Json, app
from ignite_app.cli.output import CHECK_FAILS, GOOD, UNFINISHED, emit, say
from ignite_domain.errors import BadInput


@app.command
def backtest(
    *files: Annotated[str, Parameter(allow_leading_hyphen=True)],
    json: Json = False,
    html: Path | None = None,
    policy: str = "ignite",
    since: str | None = None,
    until: str | None = None,
) -> int:
    """What would have been decided about accounting files you already have. No network, no database; - is stdin.

    --policy ignite, thresholds (percentages over an hour, to compare with), or a YAML file of changes to the rules.
    --since and --until bound the records by their time, such as 2026-03-01T12:00:00Z.
    --html writes a report with charts into one file.
    """
    from ignite_app.backtest.html import page
    from ignite_app.backtest.run import backtest as run_backtest
    from ignite_app.backtest.run import period_of, report
    from ignite_app.backtest.timeline import lines_of

    if not files:
        raise BadInput("name at least one FILE")
    result = run_backtest(files, policy, period_of(since, until), charts=html is not None, tell=say)
    if html is not None:
        try:
            html.write_text(page(result), encoding="utf-8")
        except OSError as failure:
            raise BadInput(f"--html {html}: {failure.strerror or 'cannot be written'}") from None
    if json:
        emit(report(result), as_json=True)
    else:
        emit(None, as_json=False, lines=list(lines_of(result)))
    for name in result.counted.damaged:
        say(f"{name}: the gzip file is damaged; what lies behind that was not read")
    return UNFINISHED if result.counted.damaged else GOOD


@app.command
def simulate(
    what: Literal["governance"] = "governance",
    *,
    quick: bool = False,
    ablations: bool = False,
    worlds: Path = Path("tests/fixtures/generators"),
    first_seed: int = 1,
    json: Json = False,
) -> int:
    """The scoreboard: alarms, rates, incidents and whole days of a twin, against the rules in use elsewhere.

    --quick takes about a minute on two idle cores and leaves rare events open; the whole takes under half an
    hour, --ablations (each constant of deciding at half and at one and a half) as long again. --worlds is the
    folder of the fixed worlds, by default that of a checkout; they need numpy. Exits 1 if a target is missed.
    """
    from ignite_app.scoreboard.run import FULL, QUICK, governance, lines

    if first_seed < 1:
        raise BadInput("--first-seed: must be 1 or more")
    found = governance(worlds, QUICK if quick else FULL, first_seed=first_seed, ablations=ablations, tell=say)
    emit(found, as_json=json, lines=lines(found))
    return GOOD if found["ok"] else CHECK_FAILS
