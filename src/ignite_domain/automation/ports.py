"""What automation needs from outside: definitions, people on their way, and the ledger their mail goes into."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import attrs

from ignite_domain.automation.flow import Due, FlowDraft, FlowStatus, Move
from ignite_domain.campaigns.campaign import CampaignDraft


@attrs.frozen
class FlowView:
    """A flow with the number of people by state (waiting, done, exited) and by reason of exit."""

    id: int
    draft: FlowDraft
    status: FlowStatus
    campaign_id: int
    created_at: datetime
    people: Mapping[str, int]
    exits: Mapping[str, int]


class FlowStore(Protocol):
    """Every method is one transaction. Raises PortFailure if the outside cannot be reached."""

    async def create(self, draft: FlowDraft, mail: CampaignDraft, by: str, now: datetime) -> int:
        """Store a checked flow and the campaign (kind flow) of its mail; events from now on count.

        Raises Conflict if the name is taken, BadInput if the mail cannot be sent.
        """

    async def flows(self) -> list[FlowView]:
        """All flows, in order of id."""

    async def set_status(self, flow_id: int, status: FlowStatus) -> None:
        """Pause or resume a flow and the handing over of its mail. Idempotent. Raises NotFound."""

    async def enrol(self, now: datetime) -> int:
        """Let people enter the active flows whose trigger has happened to them; returns how many entered.

        Each enters a flow at most once, ever, and gets one `flow_entered` event. An event whose transaction
        commits late is not missed. People who do not qualify when their event is looked at stay out.
        """

    async def due(self, now: datetime, limit: int) -> list[Due]:
        """Up to `limit` people of active flows whose time has come, the longest due first."""

    async def save(self, moves: Sequence[Move], now: datetime) -> int:
        """Write moves: ledger rows (waiting), `flow_step` and `flow_exited` events; returns how many held.

        A move of somebody who has been moved meanwhile is dropped whole. Nobody gets a second ledger row.
        """
