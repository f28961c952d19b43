"""What the suppression lists promise. The gate's facts come from here in single cases, from SQL in bulk."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from ignite_domain.subscribers.address import EmailAddress
from ignite_domain.subscribers.gate import FREQUENCY, Verdict
from ignite_domain.subscribers.subscriber import Subscriber
from ignite_domain.subscribers.suppression import Suppression, SuppressionReason


class SuppressionStore(Protocol):
    """The global list and the people on it. Every method is one transaction."""

    async def suppress(
        self, md5s: Sequence[str], reason: SuppressionReason, source: str, now: datetime
    ) -> tuple[int, int]:
        """Put hashes on the list for good; returns (new or changed entries, people newly suppressed).

        Idempotent: a hash that is listed for good already keeps its entry. People whose hash matches get
        status `suppressed` with the reason and a `suppressed` event; the score is not touched.
        """

    async def release(self, md5: str, by: str, now: datetime) -> bool:
        """A person reverses it: entries gone, those of providers' lists too, status `active`, `unsuppressed` event;
        False if nothing stood.

        Verification starts afresh for such a person.
        """

    async def standing(self, md5: str, now: datetime) -> Suppression | None:
        """The entry of the global list that is in force, if any."""

    async def verdicts(
        self,
        subscriber_ids: Sequence[int],
        now: datetime,
        *,
        frequency: timedelta | None = FREQUENCY,
        campaign_id: int | None = None,
    ) -> Mapping[int, Verdict]:
        """`may_mail` for people by id, asked of the database; mails of `campaign_id` itself do not count."""


class SubscriberStore(Protocol):
    """One person at a time: what is stored, and its end. For the API and `ignite person`."""

    async def by_address(self, email: EmailAddress) -> Subscriber | None:
        """The person with this address."""

    async def export(self, email: EmailAddress) -> dict[str, Any] | None:
        """Everything stored about an address, JSON-able; None if nothing is.

        Keys: `subscriber`, `suppressions`, `isp_suppressions`, `sends`, `events`, `flows`. A hash that is only
        suppressed has `subscriber` None.
        """

    async def erase(self, email: EmailAddress, by: str, now: datetime) -> bool:
        """Delete the person and cut events loose from it; False if nobody was stored.

        The hash stays on the global list (reason `unsubscribed`), so that a later file cannot bring the
        person back into mailings. Files in the bucket are not touched.
        """
