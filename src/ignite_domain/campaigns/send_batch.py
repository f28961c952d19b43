"""Hands one batch over: controls, claim, build, inject, settle.

The order is the promise "nobody twice, nobody lost": `claimed` is committed before the first byte goes to
the MTA, so whatever is killed afterwards leaves a row that says "perhaps". A row in doubt is never sent
again until the accounting log has been read past it without showing it (`resolve`).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs

from ignite_domain.campaigns.message import MessageBuilder, Recipient
from ignite_domain.campaigns.pacing import PROBED_A_BATCH, PROBED_EVERY, Routes
from ignite_domain.campaigns.ports import (
    AccountingProgress,
    ClaimedSend,
    Injection,
    InjectionControls,
    InjectionResult,
    LinkWriter,
    MailInjector,
    Message,
    SendableCampaign,
    SendLedger,
    Settled,
)
from ignite_domain.errors import PortFailure

DOUBT_MARGIN: Final = timedelta(minutes=10)
"""How long after the doubt arose the MTA may still log the message as received. PMTA writes the `r` record when
it answers the final dot; the margin covers bytes still under way, a slow disk and a log rotation."""


def settle(results: Sequence[Injection]) -> tuple[Settled, PortFailure | None]:
    """Decide what a batch's results mean for the ledger, and whether the MTA itself is the trouble.

    A 5xx to RCPT is about that person. A 5xx anywhere else, or to everybody in a batch of two or more, is
    the MTA's configuration: nobody is held for it. A batch in which nothing went through is a failure of
    the port, so that the worker backs off.
    """
    accepted = [r.key for r in results if r.result is InjectionResult.ACCEPTED]
    doubt = [r.key for r in results if r.result is InjectionResult.IN_DOUBT]
    refused = [r for r in results if r.result is InjectionResult.REFUSED_PERM]
    again = [r.key for r in results if r.result is InjectionResult.REFUSED_TEMP]
    everybody = len(results) > 1 and len(refused) == len(results)
    personal = [r.key for r in refused if r.where == "RCPT" and not everybody]
    again += [r.key for r in refused if r.where != "RCPT" or everybody]
    settled = Settled(tuple(sorted(accepted)), tuple(sorted(doubt)), tuple(sorted(again)), tuple(sorted(personal)))
    if again and not accepted:
        first = next(r for r in results if r.key in set(again))
        detail = f"{first.code} to {first.where}" if first.code else first.where or "no answer"
        return settled, PortFailure("SMTP injection", f"nothing was accepted: {detail}")
    return settled, None


@attrs.frozen
class SendBatch:
    """Send the next batch of one campaign. Returns how many people left the queue."""

    ledger: SendLedger
    injector: MailInjector
    links: LinkWriter
    controls: InjectionControls
    warm: tuple[str, ...]
    cold: tuple[str, ...]
    _builders: dict[tuple[object, ...], MessageBuilder] = attrs.field(factory=dict, init=False)
    _tried: dict[int, datetime] = attrs.field(factory=dict, init=False)  # campaign -> when its last mail on probe went

    async def __call__(self, campaign: SendableCampaign, limit: int, now: datetime) -> int:
        """Raises a retryable `PortFailure` if the MTA took nothing; the people wait again by then."""
        if campaign.job in await self.controls.paused_jobs(now):
            return 0
        closed, probed = await self.controls.closed(now), await self.controls.probed(now)
        tried = self._tried.get(campaign.id)
        few = PROBED_A_BATCH if tried is None or now - tried >= PROBED_EVERY else 0
        if probed and few:
            self._tried[campaign.id] = now
        routes = Routes(self.warm, self.cold, closed, probed, few)
        claimed = await self.ledger.claim(campaign, limit, routes, now)
        if not claimed:
            return 0
        messages = self.build(campaign, claimed, now)
        results = await self.injector.inject(messages)
        settled, failure = settle(results)
        await self.ledger.settle(campaign.id, settled, now)
        if failure:
            raise failure
        return len(claimed) - len(settled.again)

    def build(self, campaign: SendableCampaign, claimed: Sequence[ClaimedSend], now: datetime) -> list[Message]:
        """Messages in the order of `claimed`. A row without a variant (flows) gets the first one."""
        builders = {variant.id: self._builder(campaign, index) for index, variant in enumerate(campaign.variants)}
        default = builders[campaign.variants[0].id]
        messages = []
        for row in claimed:
            builder = builders.get(row.variant_id, default) if row.variant_id is not None else default
            person = Recipient(row.email, row.first_name, row.last_name)
            messages.append(builder.build(person, row.send_id, row.vmta, now))
        return messages

    def _builder(self, campaign: SendableCampaign, index: int) -> MessageBuilder:
        variant = campaign.variants[index]
        key = (campaign.id, campaign.from_name, campaign.from_address, variant)
        builder = self._builders.get(key)
        if builder is None:
            if len(self._builders) > 64:
                self._builders.clear()
            builder = self._builders[key] = MessageBuilder.compile(
                self.links,
                campaign_id=campaign.id,
                variant=variant.name,
                from_name=campaign.from_name,
                from_address=campaign.from_address,
                subject=variant.subject,
                preheader=variant.preheader,
                html=variant.html,
            )
        return builder


@attrs.frozen
class ResolveDoubts:
    """Give doubtful rows back once the accounting log proves that the MTA never had them.

    Why this is sound: PMTA writes an `r` record for every message it takes, and the ingestor turns a row
    in doubt into `injected` in the transaction that advances the feed. Doubt begins when nothing more goes
    out for the row (its connection is gone, or its process), so a row in doubt since T that is still in doubt
    when everything logged before T + margin has been read was not taken.
    """

    ledger: SendLedger
    progress: AccountingProgress
    margin: timedelta = DOUBT_MARGIN

    async def __call__(self, now: datetime) -> int:
        until = await self.progress.read_until()
        return await self.ledger.resolve_doubts(until - self.margin if until else None, now)
