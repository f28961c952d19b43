"""Mail that waits at the MTA behind a decision: how much, where, since when, and when it is given up.

Decides what a decision says of it, and when a person has to know. What waits is read from the host; since when, from
our ledger. PMTA gives mail up by itself `bounce-after` it was queued (guide 3.3.10, 4d12h by default); a pause or a
disabled source does not stop that clock. Nothing of this moves mail: what goes out by other addresses is `desired`'s.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import attrs

from ignite_domain.governance.health import Finding
from ignite_domain.governance.words import STANDING, Action, Decision, place_of, title_of

HELD: Final = "held"
"""Parameter of a decision: the mail that waits behind it (`Held.values`)."""
ADDRESSED: Final = frozenset({Action.QUARANTINE_IP, Action.DISABLE_SOURCE})
HOLDS: Final = ADDRESSED | {Action.PAUSE_QUEUE, Action.EMERGENCY_HALT, Action.PAUSE_JOB}
"""Actions behind which mail waits."""
EXPIRES: Final = "held_mail_expires"
WARNED: Final = 4
"""A person is told, and an address probed, this part of the mail's whole time before the oldest expires."""
WARNED_MOST: Final = timedelta(hours=24)
NAMED: Final = 5
"""Queues that are named; the others are counted."""
MARK: Final = "held mail: "


@attrs.frozen
class Held:
    """`queues`: mail by queue `domain/vmta` (or job). `since`: when the oldest of it was handed over, as far as our
    ledger knows; mail of other systems may be older. `expires`: of that one. `alert`: when that is near."""

    queues: Mapping[str, int]
    since: datetime
    expires: datetime
    alert: datetime

    @property
    def mail(self) -> int:
        return sum(self.queues.values())

    def values(self) -> dict[str, Any]:
        """As JSON."""
        instants = {name: getattr(self, name).isoformat() for name in ("since", "expires", "alert")}
        return {"mail": self.mail, "queues": dict(self.queues), **instants}

    @property
    def text(self) -> str:
        """For people."""
        first = sorted(self.queues.items(), key=lambda one: (-one[1], one[0]))
        named = ", ".join(f"{count:,} in {name}" for name, count in first[:NAMED])
        more = f" and {len(first) - NAMED} more" if len(first) > NAMED else ""
        since, expires = (f"{at:%d %b %H:%M} UTC" for at in (self.since, self.expires))
        return f"{named}{more}, the oldest since {since}; it expires at {expires}"


def held(queues: Mapping[str, int], oldest: datetime, life: timedelta) -> Held | None:
    """What waits in `queues`, the oldest of it since `oldest`, which may wait for `life`; None if nothing does."""
    waiting = {name: count for name, count in queues.items() if count > 0}
    if not waiting:
        return None
    expires = oldest + life
    return Held(waiting, oldest, expires, expires - min(life / WARNED, WARNED_MOST))


def held_of(decision: Decision) -> Held | None:
    """What a decision says that waits behind it."""
    values = decision.parameters.get(HELD)
    if not values:
        return None
    instants = (datetime.fromisoformat(values[name]) for name in ("since", "expires", "alert"))
    return Held(dict(values["queues"]), *instants)


def note_of(note: str, waiting: Held | None) -> str:
    """A decision's note with what waits behind it, in place of what it said of that before."""
    before = note.partition(MARK)[0].removesuffix("; ")
    if waiting is None:
        return before
    return f"{before}{'; ' if before else ''}{MARK}{waiting.text}"


def expiring(decisions: Iterable[Decision], now: datetime) -> Sequence[Finding]:
    """Alerts: mail behind a standing decision that is about to expire. Without addresses of people."""
    found = {}
    for one in decisions:
        waiting = held_of(one)
        if one.status not in STANDING or one.action not in HOLDS or waiting is None or now < waiting.alert:
            continue
        place = one.isp.value if one.isp else one.target_type.value
        subject = f"{place} {one.action} {one.target}"
        text = (
            f"{place_of(one)}: mail that waits behind decision {one.id} ({title_of(one)}) will soon expire: "
            f"{waiting.text}. What to do: release the decision, move the mail to another virtual MTA, or let it go"
        )
        found[subject] = Finding(EXPIRES, subject, text)
    return [found[subject] for subject in sorted(found)]
