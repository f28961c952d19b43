"""The life of a campaign: which verb leads from which status to which.

Decides what may happen next, not who asks for it (HTTP, the driver) and not what it means for the people
in the audience (`ignite_adapters.postgres.campaigns`).
"""

from enum import StrEnum
from typing import Final

from ignite_domain.errors import Conflict


class CampaignStatus(StrEnum):
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PREPARING = "preparing"  # the audience is being written into the ledger
    SENDING = "sending"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class Verb(StrEnum):
    SCHEDULE = "schedule"
    PREPARE = "prepare"
    SEND = "send"
    PAUSE = "pause"
    RESUME = "resume"
    FINISH = "finish"
    CANCEL = "cancel"


NEXT: Final[dict[tuple[CampaignStatus, Verb], CampaignStatus]] = {
    (CampaignStatus.DRAFT, Verb.SCHEDULE): CampaignStatus.SCHEDULED,
    (CampaignStatus.SCHEDULED, Verb.SCHEDULE): CampaignStatus.SCHEDULED,  # another time
    (CampaignStatus.SCHEDULED, Verb.PREPARE): CampaignStatus.PREPARING,
    (CampaignStatus.PREPARING, Verb.SEND): CampaignStatus.SENDING,
    (CampaignStatus.PREPARING, Verb.PAUSE): CampaignStatus.PAUSED,
    (CampaignStatus.SENDING, Verb.PAUSE): CampaignStatus.PAUSED,
    # Preparing is idempotent, so a resumed campaign goes through it again and loses nobody.
    (CampaignStatus.PAUSED, Verb.RESUME): CampaignStatus.PREPARING,
    (CampaignStatus.SENDING, Verb.FINISH): CampaignStatus.FINISHED,
    (CampaignStatus.PAUSED, Verb.FINISH): CampaignStatus.FINISHED,  # its deadline passed
    (CampaignStatus.DRAFT, Verb.CANCEL): CampaignStatus.CANCELLED,
    (CampaignStatus.SCHEDULED, Verb.CANCEL): CampaignStatus.CANCELLED,
    (CampaignStatus.PREPARING, Verb.CANCEL): CampaignStatus.CANCELLED,
    (CampaignStatus.SENDING, Verb.CANCEL): CampaignStatus.CANCELLED,
    (CampaignStatus.PAUSED, Verb.CANCEL): CampaignStatus.CANCELLED,
}

OF_PEOPLE: Final = (Verb.SCHEDULE, Verb.PAUSE, Verb.RESUME, Verb.CANCEL)
"""What a person may ask for; the other verbs are the driver's."""

ENDED: Final[frozenset[CampaignStatus]] = frozenset({CampaignStatus.FINISHED, CampaignStatus.CANCELLED})


def after(status: CampaignStatus, verb: Verb) -> CampaignStatus:
    """Return the status that `verb` leads to. Raises `Conflict` where the table has no such step."""
    try:
        return NEXT[status, verb]
    except KeyError:
        can = [v.value for v in OF_PEOPLE if (status, v) in NEXT]
        raise Conflict(
            f"a {status.value} campaign cannot {verb.value}; it can: {', '.join(can) or 'nothing, it has ended'}"
        ) from None


def sources(verb: Verb) -> frozenset[CampaignStatus]:
    """The statuses from which `verb` is possible."""
    return frozenset(status for status, v in NEXT if v is verb)
