"""A suppression: why an address gets no mail, at every provider or at one, for good or until a date.

Decides whether one is in force. Which reply makes one is `governance.replies`; who is asked is `gate`.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final

import attrs

ELSEWHERE: Final = "elsewhere"
"""The `isp` of per-ISP suppressions for people outside the eight brands."""


class SuppressionReason(StrEnum):
    """Reasons of the global list. Per-ISP suppressions carry a reply class instead."""

    LISTED = "listed"
    HARD_BOUNCED = "hard_bounced"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"


@attrs.frozen
class Suppression:
    """`expires` None: for good. Instants are business time, UTC-aware. `source` names who said so."""

    reason: str
    source: str
    since: datetime
    expires: datetime | None = None

    def in_force(self, now: datetime) -> bool:
        """True from the moment it is written until just before `expires`."""
        return self.expires is None or self.expires > now
