"""What can happen to a subscriber: one vocabulary for SQL, API, dashboard and live feed.

Decides which events are pushed live (`is_high_value`). It does not decide what an event changes:
that is `quality` and `subscribers`.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import attrs

from ignite_domain.isps import Isp


class EventType(StrEnum):
    IMPORTED = "imported"
    VERIFIED = "verified"
    QUALITY_CHANGED = "quality_changed"
    SUPPRESSED = "suppressed"
    UNSUPPRESSED = "unsuppressed"
    SELECTED = "selected"
    SENT = "sent"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    SOFT_BOUNCED = "soft_bounced"
    HARD_BOUNCED = "hard_bounced"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    OPENED = "opened"
    CLICKED = "clicked"
    PAGE_VIEW = "page_view"
    SESSION_END = "session_end"
    FLOW_ENTERED = "flow_entered"
    FLOW_STEP = "flow_step"
    FLOW_EXITED = "flow_exited"


class Verdict(StrEnum):
    """Who did it: a person, or software acting for one (link scanner, prefetching proxy)."""

    HUMAN = "human"
    MACHINE = "machine"


NEEDS_HUMAN: Final[frozenset[EventType]] = frozenset({EventType.CLICKED, EventType.PAGE_VIEW, EventType.SESSION_END})
HIGH_VALUE: Final[frozenset[EventType]] = frozenset(
    {EventType.HARD_BOUNCED, EventType.COMPLAINED, EventType.UNSUBSCRIBED} | NEEDS_HUMAN
)
"""Pushed to the dashboard as they happen (contracts page, EventType). Decisions are pushed too."""


@attrs.frozen
class SubscriberEvent:
    """One row of the fact table. `at` is business time, UTC-aware.

    `subscriber_id` is None where nobody is named (a site event without a valid token);
    `isp` is None outside the eight brands. `metadata` is small, JSON-able, and holds no address.
    """

    type: EventType
    at: datetime
    subscriber_id: int | None
    isp: Isp | None = None
    campaign_id: int | None = None
    variant_id: int | None = None
    verdict: Verdict | None = None
    metadata: dict[str, Any] = attrs.field(factory=dict)

    @property
    def is_high_value(self) -> bool:
        if self.type in NEEDS_HUMAN:
            return self.verdict is Verdict.HUMAN
        return self.type in HIGH_VALUE
