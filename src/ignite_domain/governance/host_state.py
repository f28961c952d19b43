"""What a PMTA host says is in force, read from `pmta --json` by one table of paths.

Decides how an answer is read, never what should be done about it. The guide documents the envelope and
the options of `show`, not every key of every list: so the lists are asked for with the documented filters
(`--paused=yes`, `--mode=backoff`) and only names are read from them.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import attrs

from ignite_domain.errors import IgniteError
from ignite_domain.governance import commands
from ignite_domain.governance.commands import PmtaCommand, Verb

MOST_QUEUES: Final = "--maxitems=100000"
"""Without it `show queues` stops at 20."""


class MissingPath(IgniteError):
    """The host's JSON has no place that our table knows. Such a host is observed, never commanded."""


class Reading(StrEnum):
    """The questions that make up a `HostState`."""

    STATUS = "status"
    QUEUES = "queues"
    PAUSED = "paused"
    BACKOFF = "backoff"
    JOBS = "jobs"
    DISABLED = "disabled"


QUESTIONS: Final[dict[Reading, PmtaCommand]] = {
    Reading.STATUS: commands.show(Verb.SHOW_STATUS),
    Reading.QUEUES: commands.show(Verb.SHOW_QUEUES, MOST_QUEUES),
    Reading.PAUSED: commands.show(Verb.SHOW_QUEUES, "--paused=yes", MOST_QUEUES),
    Reading.BACKOFF: commands.show(Verb.SHOW_QUEUES, "--mode=backoff", MOST_QUEUES),
    Reading.JOBS: commands.show(Verb.SHOW_JOBS),
    Reading.DISABLED: commands.show(Verb.SHOW_DISABLED),
}

PATHS: Final[dict[str, tuple[str, ...]]] = {
    # our name: where it stands below "data", the first that exists wins
    "status.out.recipients": ("status.traffic.total.out.rcp", "traffic.total.out.rcp"),
    "status.queue.recipients": ("status.queue.smtp.rcp", "queue.smtp.rcp"),
    "queues": ("queue", "queues"),
    "queue.name": ("name", "queue"),
    "queue.recipients": ("rcpt", "rcpts", "recipients"),
    "jobs": ("job", "jobs"),
    "job.id": ("id", "jobId", "name"),
    "job.paused": ("paused",),
    "job.recipients": ("rcpt", "rcpts", "recipients"),
    "disabled": ("source", "sources", "disabledSource", "disabledSources"),
    "source.ip": ("ip", "sourceIp", "address"),
    "source.queue": ("queue", "name"),
}
"""The one table from our names to JSON paths of `pmta --json`."""


@attrs.frozen
class HostState:
    """`queues`, `paused`, `backoff`: names `domain/vmta`; `disabled`: (ip, queue); `jobs`: ids of paused ones,
    `running`: of those that are shown and not paused. A job without mail is not shown.

    `delivered` counts recipients since the host started, -1 where it says none. `waiting`: recipients by queue and by
    job; left out where the host does not say: that place is not needed to govern.
    """

    queues: frozenset[str] = frozenset()
    paused: frozenset[str] = frozenset()
    backoff: frozenset[str] = frozenset()
    jobs: frozenset[str] = frozenset()
    running: frozenset[str] = frozenset()
    disabled: frozenset[tuple[str, str]] = frozenset()
    delivered: int = -1
    waiting: Mapping[str, int] = attrs.field(factory=dict)


def read(answers: Mapping[Reading, str]) -> HostState:
    """Make a state of the answers to all `QUESTIONS`. Raises MissingPath naming our name for the place."""
    data = {reading: _data(reading, answers[reading]) for reading in Reading}
    delivered = _at(data[Reading.STATUS], "status.out.recipients")
    jobs = {str(_at(job, "job.id")): _true(_at(job, "job.paused")) for job in _list(data[Reading.JOBS], "jobs")}
    return HostState(
        queues=_names(data[Reading.QUEUES]),
        paused=_names(data[Reading.PAUSED]),
        backoff=_names(data[Reading.BACKOFF]),
        jobs=frozenset(job for job, paused in jobs.items() if paused),
        running=frozenset(job for job, paused in jobs.items() if not paused),
        disabled=frozenset(
            (str(_at(source, "source.ip")), str(_at(source, "source.queue")))
            for source in _list(data[Reading.DISABLED], "disabled")
        ),
        delivered=int(str(delivered)),
        waiting=_counts(data[Reading.QUEUES], "queues", "queue.name", "queue.recipients")
        | _counts(data[Reading.JOBS], "jobs", "job.id", "job.recipients"),
    )


def total(answer: str) -> tuple[int, int]:
    """(recipients out since the host started, recipients that wait: 0 where it says none) of `show status`.

    Raises MissingPath.
    """
    data = _data(Reading.STATUS, answer)
    out = int(str(_at(data, "status.out.recipients")))
    try:
        return out, int(str(_at(data, "status.queue.recipients")))
    except MissingPath:
        return out, 0


def missing(reading: Reading, answer: str) -> str | None:
    """Return what an answer lacks, in words, or None. For `ignite check`."""
    try:
        read({other: answer if other is reading else _EMPTY[other] for other in Reading})
    except MissingPath as absent:
        return str(absent)
    return None


_EMPTY: Final[dict[Reading, str]] = {
    reading: '{"status":"success","data":{"status":{"traffic":{"total":{"out":{"rcp":0}}}}}}'
    if reading is Reading.STATUS
    else '{"status":"success","data":{}}'
    for reading in Reading
}


def _data(reading: Reading, answer: str) -> Any:
    try:
        envelope = json.loads(answer)
    except ValueError:
        raise MissingPath(f"{reading}: the answer is not JSON (PowerMTA 5.0 or later is needed)") from None
    if not isinstance(envelope, dict) or envelope.get("status") != "success" or "data" not in envelope:
        raise MissingPath(f'{reading}: the answer is not an envelope with "status": "success" and "data"')
    return envelope["data"]


def _list(data: Any, name: str) -> list[Any]:
    if not data:
        return []  # an empty answer has nothing to show, not even the list's name
    if isinstance(data, list):
        return data
    found = _at(data, name)
    if found in (None, ""):
        return []
    return found if isinstance(found, list) else [found]


def _names(data: Any) -> frozenset[str]:
    return frozenset(str(_at(queue, "queue.name")) for queue in _list(data, "queues"))


def _counts(data: Any, rows: str, name: str, count: str) -> dict[str, int]:
    found = {}
    for row in _list(data, rows):
        try:
            found[str(_at(row, name))] = int(str(_at(row, count)).replace(",", ""))
        except (MissingPath, ValueError):
            continue
    return found


def _at(data: Any, name: str) -> Any:
    for path in PATHS[name]:
        place = data
        for key in path.split("."):
            if not isinstance(place, dict) or key not in place:
                break
            place = place[key]
        else:
            return place
    raise MissingPath(f"{name}: none of {', '.join(PATHS[name])} is there")


def _true(value: Any) -> bool:
    return value is True or str(value).lower() in ("true", "yes", "1")
