"""A process of its own that replays an accounting log under two policies: `python -m ignite_app.policies.replayed`.

Standard input: one line of JSON, `{"files", "since", "until", "current", "proposed"}` (seconds since 1970, documents),
and nothing more; it stays open for as long as the caller lives, and its end is the end of this process. Standard
output: lines of JSON, `{"progress", "records"}` on the way and at last `{"result"}` or `{"error"}`. Decides which
decisions of the two are the same one, and leaves the cores to whoever else needs them.
"""

import json
import os
import resource
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from ignite_app.backtest.reading import Period
from ignite_app.backtest.run import Result, backtest, report
from ignite_app.policy import by_agent, differences, parse
from ignite_domain.errors import BadInput
from ignite_domain.governance.book import Entry
from ignite_domain.governance.judging import Governance

LISTED: Final = 200
"""Decisions of each list that are shown; the counts are of all."""
MEMORY: Final = 2 << 30
"""Bytes of address space; a backtest's memory does not follow the length of a log."""


def replayed(order: dict[str, Any], tell: Callable[[float, int], None]) -> dict[str, Any]:
    """The two sides and what only one of them has. Raises `BadInput` in words for people."""
    files, period = order["files"], Period(order["since"], order["until"])
    policies = [parse(order["current"])[0], parse(order["proposed"])[0]]
    passes = 1 if not differences(*policies) else 2
    results: list[Result] = []
    for number in range(passes):

        def watch(records: int, share: float, number: int = number) -> None:
            tell((number + share) / passes, records)

        try:
            judge = Governance(by_agent(policies[number].rules))
            results.append(backtest(files, "current", period, watch=watch, judge=judge))
        except (BadInput, OSError):
            raise BadInput(_why_not(files)) from None
    before, after = results[0], results[-1]
    told = [report(one)["decisions"] for one in (before, after)]
    only_before, only_after, moved = paired(before.decisions, after.decisions)
    return {
        "records": before.counted.records,
        "rejected": before.counted.rejected,
        "current": _side(before, told[0]),
        "proposed": _side(after, told[1]),
        "only_current": [told[0][at] for at in only_before[:LISTED]],
        "only_proposed": [told[1][at] for at in only_after[:LISTED]],
        "moved": [{"current": told[0][at]["at"], **told[1][to]} for at, to in moved[:LISTED]],
    }


def _why_not(files: Sequence[str]) -> str:
    gone = [Path(name).name for name in files if not Path(name).is_file()]
    if gone:
        return f"{gone[0]} was moved away while it was read: try again"
    return f"no record of the last 7 days lies in the {len(files)} accounting file{'s' * (len(files) > 1)} of this host"


def _side(result: Result, told: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "total": len(told),
        "by_action": dict(Counter(one["action"] for one in told).most_common()),
        "by_agent": dict(Counter(one["agent"] for one in told).most_common()),
        "decisions": told[:LISTED],
    }


def paired(before: Sequence[Entry], after: Sequence[Entry]) -> tuple[list[int], list[int], list[tuple[int, int]]]:
    """Which decisions only one side has, and which both have at another second, all by their places.

    Two are the same one if agent, provider, action and target are, and they live at a common time.
    """
    only_before: list[int] = []
    only_after: list[int] = []
    moved: list[tuple[int, int]] = []
    theirs = _by_subject(after)
    for subject, ours in _by_subject(before).items():
        others = theirs.pop(subject, [])
        while ours and others:
            one, other = before[ours[0]].decision, after[others[0]].decision
            if one.at <= other.until and other.at <= one.until:
                if one.at != other.at:
                    moved.append((ours[0], others[0]))
                del ours[0], others[0]
            elif one.at < other.at:
                only_before.append(ours.pop(0))
            else:
                only_after.append(others.pop(0))
        only_before += ours
        only_after += others
    only_after += [place for places in theirs.values() for place in places]
    return sorted(only_before), sorted(only_after), sorted(moved)


def _by_subject(entries: Sequence[Entry]) -> dict[tuple[Any, ...], list[int]]:
    found: dict[tuple[Any, ...], list[int]] = {}
    for place, entry in enumerate(entries):
        one = entry.decision
        found.setdefault((one.isp, one.agent, one.action, one.target_type, one.target), []).append(place)
    return found


def _end_with_caller() -> None:
    while sys.stdin.buffer.read(1):
        pass
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # with whatever this process has started
    os._exit(1)


def _say(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def main() -> int:
    """One order in, one answer out."""
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    order = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_caller, daemon=True).start()
    try:
        _say({"result": replayed(order, lambda share, records: _say({"progress": share, "records": records}))})
    except BadInput as wrong:
        _say({"error": str(wrong)})
    except MemoryError:
        _say({"error": f"this backtest needs more than {MEMORY >> 30} GB of memory: a rule decides far too often"})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
