"""The quality ladder of an address, 0.00 to 1.00, and what moves it.

Decides the score only. Whether a person may be mailed is `ignite_domain.subscribers.may_mail`.
Source: the seed's step 6 (0.00 imported, 0.25 MX valid, 0.50 API verified, 0.75 delivered,
1.00 engaged) and the contracts page ("Words", Evidence).
"""

from enum import StrEnum
from typing import Final


class Evidence(StrEnum):
    """Something learned about an address."""

    IMPORTED = "imported"
    MX_VALID = "mx_valid"
    MX_INVALID = "mx_invalid"
    API_VALID = "api_valid"
    API_INVALID = "api_invalid"
    API_CATCH_ALL = "api_catch_all"
    API_UNKNOWN = "api_unknown"
    DELIVERED = "delivered"
    SOFT_BOUNCED = "soft_bounced"
    HARD_BOUNCED = "hard_bounced"
    COMPLAINED = "complained"
    HUMAN_CLICK = "human_click"
    SITE_ENGAGED = "site_engaged"
    MACHINE_OPEN = "machine_open"
    MACHINE_CLICK = "machine_click"


RUNG: Final[dict[Evidence, float]] = {
    Evidence.IMPORTED: 0.00,
    Evidence.MX_VALID: 0.25,
    Evidence.API_VALID: 0.50,
    Evidence.DELIVERED: 0.75,
    Evidence.HUMAN_CLICK: 1.00,
    Evidence.SITE_ENGAGED: 1.00,
}
"""Evidence that lifts a score to at least its rung."""

FALLS: Final[frozenset[Evidence]] = frozenset(
    {Evidence.HARD_BOUNCED, Evidence.COMPLAINED, Evidence.MX_INVALID, Evidence.API_INVALID}
)
"""Evidence that drops a score to 0.00. It stays there until a person reverses it: the caller stops
offering evidence for such an address (its status is no longer `active`), `advance` has no memory."""

LADDER: Final[tuple[float, ...]] = (0.00, 0.25, 0.50, 0.75, 1.00)


def advance(score: float, evidence: Evidence) -> float:
    """Return the score after `evidence`: up to the rung of the evidence, never down, or down to 0.00.

    `score` must be a rung of `LADDER`. Evidence in neither table changes nothing.
    """
    if evidence in FALLS:
        return 0.00
    return max(score, RUNG.get(evidence, 0.00))
