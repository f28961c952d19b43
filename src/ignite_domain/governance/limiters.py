"""Which limiter a brand's domains meet, and what to say when that changes.

Decides what a new answer of DNS means beside the one kept: att.net on Yahoo's servers meets Yahoo's limits and replies,
whatever its readers call it. Who asks, keeps and tells is decided elsewhere; nothing is decided about mail.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs

from ignite_domain.governance.health import Finding
from ignite_domain.isps import Isp, limiter_group

MX_MOVED: Final = "mx_group_changed"
TOLD_FOR: Final = timedelta(days=7)
"""A move stays an open alert for so long: time to change rollups and backoff lists at the MTA."""
NAMED: Final = 3
"""Domains named in an alert; the rest are counted."""


@attrs.frozen
class Limiter:
    """What is known of one domain. `former` and `moved_at`: its last move, None if it has not moved since we look."""

    domain: str
    isp: Isp
    group: str
    hosts: tuple[str, ...]
    former: str | None = None
    moved_at: datetime | None = None


def looked(
    known: Mapping[str, Limiter], brands: Mapping[str, Isp], answers: Mapping[str, Sequence[str]], now: datetime
) -> list[Limiter]:
    """What to keep after DNS named the MX hosts of some domains; only what is new or differs.

    `answers` holds no domain of which DNS said nothing: no answer is no move.
    """
    found = []
    for domain, hosts in answers.items():
        before = known.get(domain)
        group = limiter_group(hosts, domain)
        if before is None:
            after = Limiter(domain, brands[domain], group, tuple(hosts))
        elif group == before.group:
            after = attrs.evolve(before, hosts=tuple(hosts))
        else:
            after = attrs.evolve(before, group=group, hosts=tuple(hosts), former=before.group, moved_at=now)
        if after != before:
            found.append(after)
    return found


def moves(known: Iterable[Limiter], now: datetime) -> list[Finding]:
    """An alert for each brand and pair of groups whose domains moved lately."""
    together: defaultdict[tuple[Isp, str, str], list[Limiter]] = defaultdict(list)
    for one in known:
        if one.former is not None and one.moved_at is not None and now - one.moved_at < TOLD_FOR:
            together[one.isp, one.former, one.group].append(one)
    return [
        Finding(MX_MOVED, f"{isp}: {former} to {group}", _text(isp, former, group, sorted(ones, key=_domain)))
        for (isp, former, group), ones in sorted(together.items())
    ]


def _domain(one: Limiter) -> str:
    return one.domain


def _text(isp: Isp, former: str, group: str, ones: Sequence[Limiter]) -> str:
    domains = ", ".join(one.domain for one in ones[:NAMED])
    more = f" and {len(ones) - NAMED} more" if len(ones) > NAMED else ""
    hosts = ones[0].hosts[0] if ones[0].hosts else "no host"
    return (
        f"mail for {isp.shown} ({domains}{more}) goes to the servers of {group} now ({hosts}), before to those of "
        f"{former}: the limits and replies of {group} hold there; look at rollups and backoff lists of these queues"
    )
