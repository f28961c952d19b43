"""What sending needs from outside: links in messages, the MTA's door, the ledger, and governance's word."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import attrs

from ignite_domain.campaigns.pacing import ClosedRoute, Routes


class LinkWriter(Protocol):
    """Puts pixel, click redirects and the unsubscribe address into messages: `tracking.TrackingService`."""

    def prepare(self, html: str) -> Any:
        """Do once per variant whatever does not depend on the person."""

    def fill(self, prepared: Any, send_id: int, now: datetime) -> str:
        """The HTML of one ledger row; fast. Merge fields are left as they are."""

    def unsubscribe_url(self, send_id: int, now: datetime) -> str:
        """The address of RFC 8058 one-click and of the link in the body."""


@attrs.frozen(slots=True)
class Message:
    """Bytes for SMTP: CRLF line ends, not dot-stuffed. `key` is the ledger row (`mailing_sends.id`)."""

    key: int
    sender: str
    recipient: str
    data: bytes = attrs.field(repr=False)


class InjectionResult(StrEnum):
    ACCEPTED = "accepted"  # the MTA answered 2xx to the whole message: it is its now
    REFUSED_TEMP = "refused_temp"  # 4xx, or the message was certainly not handed over
    REFUSED_PERM = "refused_perm"  # 5xx
    IN_DOUBT = "in_doubt"  # the end of the message went out and no answer came back


@attrs.frozen(slots=True)
class Injection:
    """What became of one message. `code` is the reply code, 0 without a reply; `where` names the SMTP step."""

    key: int
    result: InjectionResult
    code: int = 0
    where: str = ""


class MailInjector(Protocol):
    """The door of the MTA."""

    async def inject(self, batch: Sequence[Message]) -> list[Injection]:
        """Hand over every message at most once; one result per message, in any order.

        Never raises for the outside world's faults: unreachable means REFUSED_TEMP with code 0 for all.
        A message is IN_DOUBT exactly if its final dot may have been received and its reply was not.
        """

    async def close(self) -> None:
        """Say QUIT on every open connection."""


@attrs.frozen(slots=True)
class ClaimedSend:
    """A ledger row in this process's hands, state `claimed`, with what its message needs."""

    send_id: int
    subscriber_id: int
    variant_id: int | None
    isp: str | None
    vmta: str
    email: str
    first_name: str
    last_name: str


@attrs.frozen
class VariantContent:
    """`id` is the row of `mailing_ab_variants`."""

    id: int
    name: str
    subject: str
    preheader: str
    html: str


@attrs.frozen
class SendableCampaign:
    """A campaign (or flow) with mail to hand over. `variants` is never empty."""

    id: int
    kind: str
    from_name: str
    from_address: str
    batch_per_min: int
    variants: tuple[VariantContent, ...]

    @property
    def job(self) -> str:
        """The job id that PMTA and governance know it by."""
        return f"c{self.id}"


@attrs.frozen
class Settled:
    """The ledger's new word on a batch, to be written in one transaction."""

    injected: tuple[int, ...] = ()
    in_doubt: tuple[int, ...] = ()
    again: tuple[int, ...] = ()  # back to waiting
    refused: tuple[int, ...] = ()  # held, unmailable: our own MTA refuses the address for good


class SendLedger(Protocol):
    """`mailing_sends` as the sender sees it. Every method is one transaction.

    One process at a time may claim (a lease says who); marking is safe from any.
    """

    async def sendable(self, now: datetime) -> list[SendableCampaign]:
        """Campaigns and flows in status `sending`, before their deadline, with somebody waiting."""

    async def claim(self, campaign: SendableCampaign, limit: int, routes: Routes, now: datetime) -> list[ClaimedSend]:
        """Take up to `limit` waiting people, asking the gate again; those it refuses leave the queue with reason.

        Of routes on probe at most `routes.few`, the best scores first, before everybody else; else in order of id.
        Returns them with an open VMTA each; state `claimed` is committed before it returns.
        People whom no open VMTA reaches stay waiting and are not returned.
        """

    async def settle(self, campaign_id: int, settled: Settled, now: datetime) -> None:
        """Mark a batch; writes one `sent` event per injected row. A row already injected is left alone."""

    async def doubt_claimed(self) -> int:
        """Every claimed row becomes `in_doubt`: the process that claimed it is gone. Returns how many."""

    async def resolve_doubts(self, read_until: datetime | None, now: datetime) -> int:
        """Rows in doubt since before `read_until` go back to waiting (or held, where the campaign has ended).

        `read_until`: every accounting record logged before it has been ingested, margin taken off already; None:
        nothing has been read. A row met here for the first time is in doubt since `now`: not since its claim,
        because a slow MTA may have taken it long after that.
        """


class InjectionControls(Protocol):
    """What governance forbids right now. Read before every batch, so a quarantine acts at once."""

    async def closed(self, now: datetime) -> frozenset[ClosedRoute]:
        """Routes that must not be chosen."""

    async def probed(self, now: datetime) -> frozenset[ClosedRoute]:
        """Routes that a probe's few messages try out."""

    async def paused_jobs(self, now: datetime) -> frozenset[str]:
        """Jobs (`c<campaign id>`) that must not be handed over."""


class AccountingProgress(Protocol):
    """How far the MTA's accounting log has been read."""

    async def read_until(self) -> datetime | None:
        """Every record logged before this business instant has been ingested; None: nothing read yet."""
