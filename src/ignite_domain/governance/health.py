"""`findings`: what is wrong with the accounting logs, from what is known about them and what the MTA says itself.

Decides when silence, missing types, differing totals or a wrong clock deserve a person's attention. Pure: the
caller looks, keeps and tells.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import attrs

NEEDED: Final[Mapping[str, str]] = {
    "d": "deliveries",
    "b": "bounces",
    "t": "deferrals per recipient: throttle agents are blind without them",
    "tq": "deferrals per queue: connection trouble is unseen without them",
}
"""Record types without which agents are blind, and what for."""
OPTIONAL: Final[Mapping[str, str]] = {
    "f": "complaints (needs <feedback-loop-processor>): an ISP without them shows 'no signal'",
    "rb": "late bounces (needs <bounce-processor>)",
    "rs": "late status reports (needs <bounce-processor>)",
    "r": "receipts: without them a send whose reply was lost stays in doubt until its delivery is logged",
}
"""Record types that add to what is seen."""
ENOUGH: Final = 1000
"""Deliveries and bounces after which a type that never came is taken to be switched off."""
RARE: Final[Mapping[str, int]] = {"tq": 10_000}
"""Types that a healthy host may do without for longer."""
AWHILE: Final = timedelta(hours=24)
"""A log that has been silent for so long is not missed any more, where its MTA cannot be asked."""
ALIVE: Final = timedelta(hours=1)
"""A log whose MTA cannot be asked is missed if it had records within this time before it went silent."""
SPAN: Final = timedelta(minutes=10)
"""Totals are compared over at least this much: at its ends records and counter may differ by a moment."""
UNWATCHED: Final = timedelta(minutes=3)
"""The ingest worker notes once a minute that it looked."""
SLACK: Final = 20
SHARE: Final = 0.02
"""Totals agree within so many recipients, or this share of them, whichever is more."""

STALLED, TOTALS, TYPES, SKEW, UNREAD, DEAD_MAN, UNREACHABLE = (
    "feed_stalled",
    "totals_differ",
    "record_types_missing",
    "clock_skew",
    "feed_unreadable",
    "dead_man",
    "host_unreachable",
)
FEED_KINDS: Final = (STALLED, TOTALS, TYPES, SKEW, UNREAD, DEAD_MAN, UNREACHABLE)
"""Kinds of alerts about logs and their hosts. While one of `FREEZES` stands, nothing should be loosened."""
FREEZES: Final = frozenset({DEAD_MAN, STALLED, UNREAD})
MAIN: Final = ""
"""The subject of alerts about the host that `pmta.*` is about."""


def frozen_by(standing: Iterable[tuple[str, str]], hosts: Sequence[str]) -> str:
    """Why nothing may be loosened, by the (kind, subject) of the alerts that stand; "" if it may.

    Levers are turned at the main host, so where its log has a place of its own among `hosts`, only that one counts.
    """
    kinds = sorted({kind for kind, subject in standing if kind in FREEZES and (subject == MAIN or MAIN not in hosts)})
    return f"nothing is loosened while the log tells nothing ({', '.join(kinds)})" if kinds else ""


@attrs.frozen
class HostLog:
    """How one host's log stands; `types` counts all of its records by type."""

    host: str
    read_at: datetime
    failure: str
    record_at: datetime | None
    logged_at: datetime | None
    ahead_s: float
    types: Mapping[str, int]


@attrs.frozen
class Total:
    """What the MTA's own status said at `at`: recipients out since it started, recipients that wait."""

    at: datetime
    out: int
    waiting: int = 0


@attrs.frozen
class Compared:
    """Recipients out by the MTA's own totals over `span`, and what its records allow for.

    `at_least`: delivered in the minutes that lie wholly within; `at_most`: delivered or bounced in all that touch
    it. The guide does not say whether the counter holds bounces, and records are kept by the minute.
    """

    by_status: int
    at_least: int
    at_most: int
    span: timedelta


@attrs.frozen(order=True)
class Finding:
    """One thing that is wrong now. Kind and subject are its identity; `text` is for people, without addresses."""

    kind: str
    subject: str
    text: str = attrs.field(eq=False, order=False)


def named(host: str) -> str:
    return host or "the main host"


def moved(totals: Sequence[Total], since: datetime, until: datetime) -> int | None:
    """Recipients that left the MTA meanwhile by its totals; None if that is not known (it restarted, or no two)."""
    known = [one for one in totals if since <= one.at <= until]
    if len(known) < 2 or any(later.out < earlier.out for earlier, later in pairwise(known)):
        return None
    return known[-1].out - known[0].out


def findings(
    logs: Sequence[HostLog],
    now: datetime,
    *,
    stalled: timedelta,
    skew: timedelta,
    totals: Mapping[str, Sequence[Total]],
    compared: Mapping[str, Compared],
) -> list[Finding]:
    """Everything that is wrong now, in order of kind and subject.

    `totals`: the MTA's own status by host, oldest first, where it can be asked; `compared`: the last comparison.
    """
    found: list[Finding] = []
    for log in logs:
        silent = _silence(log, now, stalled, totals.get(log.host, ()))
        found += silent
        if now - log.read_at > max(stalled, UNWATCHED):
            found.append(
                Finding(UNREAD, log.host, f"{named(log.host)}: nobody reads the log: is the worker ingest up?")
            )
        elif log.failure:
            found.append(Finding(UNREAD, log.host, f"{named(log.host)}: the log cannot be read: {log.failure}"))
        found += _types(log)
        if timedelta(seconds=log.ahead_s) > skew:
            found.append(
                Finding(
                    SKEW,
                    log.host,
                    f"{named(log.host)}: records are {log.ahead_s:.0f} s ahead of our clock; set both by NTP",
                )
            )
        if (pair := compared.get(log.host)) is not None and not silent:
            found += _totals(log.host, pair)
    return sorted(found)


def agree(pair: Compared) -> bool:
    """Whether records and the MTA's totals can tell of the same mail."""
    low = pair.at_least - max(SLACK, SHARE * pair.at_least)
    high = pair.at_most + max(SLACK, SHARE * pair.at_most)
    return low <= pair.by_status <= high


def _silence(log: HostLog, now: datetime, stalled: timedelta, totals: Sequence[Total]) -> list[Finding]:
    quiet_since = log.record_at
    if quiet_since is not None and now - quiet_since < stalled:
        return []
    minutes = stalled.total_seconds() / 60
    since = max(quiet_since, now - stalled) if quiet_since is not None else now - stalled
    traffic = moved(totals, since, now - stalled / 4)  # what went out just now may not be in the log yet
    if totals:
        if traffic:
            said = f"{named(log.host)}: no record for {minutes:.0f} minutes while the MTA sent to {traffic} recipients"
            return [Finding(DEAD_MAN, log.host, f"{said}: nothing is loosened until records come again")]
        if totals[-1].waiting and quiet_since is not None:
            waiting = totals[-1].waiting
            said = f"{named(log.host)}: no record for {minutes:.0f} minutes while {waiting} recipients wait"
            return [Finding(STALLED, log.host, said)]
        return []
    alive = quiet_since is not None and log.logged_at is not None and quiet_since - log.logged_at < ALIVE
    if alive and quiet_since is not None and now - quiet_since < AWHILE:
        return [Finding(STALLED, log.host, f"{named(log.host)}: no record for {minutes:.0f} minutes")]
    return []


def _types(log: HostLog) -> list[Finding]:
    ended = log.types.get("d", 0) + log.types.get("b", 0)
    absent = [
        f"{name} ({why})" for name, why in NEEDED.items() if not log.types.get(name) and ended >= RARE.get(name, ENOUGH)
    ]
    if not absent:
        return []
    return [
        Finding(TYPES, log.host, f"{named(log.host)}: never {'; '.join(absent)}: `ignite check` prints what to add")
    ]


def _totals(host: str, pair: Compared) -> list[Finding]:
    if agree(pair):
        return []
    minutes = pair.span.total_seconds() / 60
    told = str(pair.at_least) if pair.at_least == pair.at_most else f"{pair.at_least} to {pair.at_most}"
    why = (
        "look for queue-filter, disable-acct-records and lost files"
        if pair.by_status > pair.at_most
        else "look for a file that is read under two hosts, or counters that were reset"
    )
    said = f"in {minutes:.0f} minutes the MTA counts {pair.by_status} recipients out, its records {told}: {why}"
    return [Finding(TOTALS, host, f"{named(host)}: {said}")]
