"""What the tracking room asks of a store."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import attrs

from ignite_domain.events import SubscriberEvent
from ignite_domain.isps import Isp
from ignite_domain.quality import Evidence
from ignite_domain.tracking.verdict import Earlier


@attrs.frozen
class TrackedSend:
    """The ledger row behind a token. `targets` are the variant's compiled links, in their order.

    `left_at`: the mail left us no sooner than this (the claim, which comes before injection: the instant
    of injection itself is written a batch later than the MTA's first delivery attempts).
    """

    send_id: int
    subscriber_id: int
    campaign_id: int
    variant_id: int | None
    isp: Isp | None
    left_at: datetime | None
    targets: tuple[str, ...]


@attrs.frozen
class Unsubscribe:
    """A person's wish to get no more mail, made through the mail of one send. `how`: page or one_click."""

    at: datetime
    send: TrackedSend
    how: str


class TrackingStore(Protocol):
    """The ledger seen from its links, and the place where hits are kept."""

    async def sends(self, ids: Collection[int]) -> Mapping[int, TrackedSend]:
        """The sends that exist among `ids`."""

    async def earlier(self, sends: Collection[TrackedSend], since: datetime) -> Mapping[int, Sequence[Earlier]]:
        """Clicks already stored for each send since `since`, honeypot included; by send id."""

    async def save(
        self,
        events: Sequence[SubscriberEvent],
        engaged: Mapping[int, tuple[datetime, Evidence]],
        unsubscribes: Sequence[Unsubscribe],
    ) -> None:
        """Store everything, and what follows from it; each hit wholly or not at all, all before it returns.

        `engaged` (subscriber id -> first instant and evidence): the score advances unless the person is
        unmailable, or suppressed after a hard bounce or a complaint, with one quality_changed event where
        it moved. `unsubscribes`: the address goes on the global list, the status becomes suppressed,
        events unsubscribed and suppressed are written; a person who is already unsubscribed gets none of
        it again. Scores are untouched by it.
        """
