"""`ignite signals`: what is known about an ISP from elsewhere than the accounting log."""

import asyncio
from pathlib import Path
from typing import Any, Literal

from ignite_app.cli.compose import configure, opened
from ignite_app.cli.main import Config, Json, app
from ignite_app.cli.output import GOOD, USAGE, emit
from ignite_domain.errors import BadInput
from ignite_domain.governance.reported import read_rates


@app.command
def signals(what: Literal["import"], *files: Path, config: Config = None, json: Json = False, source: str = "") -> int:
    """Import complaint rates of ISPs that have no feedback loop (Gmail's Postmaster Tools).

    FILE is CSV with the columns date,isp,domain and complaint_rate, or complaints and delivered. --source names
    where the figures are from; without it the file's name does. A second import of a day replaces the first.
    """
    if not files:
        raise BadInput("name at least one FILE")
    settings = configure(config)
    read = []
    for path in files:
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                read.append((path, *read_rates(file)))
        except (OSError, UnicodeDecodeError) as failure:
            raise BadInput(f"{path}: cannot be read as text ({type(failure).__name__})") from None
        except BadInput as wrong:
            raise BadInput(f"{path}: {wrong}") from None

    async def run() -> list[dict[str, Any]]:
        results = []
        async with opened(settings) as parts:
            for path, rates, refused in read:
                changed = await parts.container.reported().keep(rates, source or path.name, parts.clock.now())
                results.append(
                    {
                        "file": path.name,
                        "rows": len(rates),
                        "changed": changed,
                        "rejected": len(refused),
                        "rejects": [{"file": path.name, "line": one.line, "reason": one.reason} for one in refused],
                    }
                )
        return results

    results = asyncio.run(run())
    lines = [
        f"{one['file']}: {one['rows']} rates, {one['changed']} new or changed, {one['rejected']} rejected"
        for one in results
    ]
    lines += [f"  {bad['file']}:{bad['line']}: {bad['reason']}" for one in results for bad in one["rejects"][:20]]
    emit(results[0] if len(results) == 1 else results, as_json=json, lines=lines)
    return GOOD if any(one["rows"] for one in results) else USAGE
