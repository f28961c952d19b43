"""`Gatherer`: from what was read to what it adds up to, with the help of what the store knows. Decides nothing of it:
`heard` and `gathering` do."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import attrs

from ignite_domain.governance.gathering import Gathering, Known
from ignite_domain.governance.heard import OLDEST, Heard, plausible
from ignite_domain.governance.ports import FeedBatch, GovernanceStore


@attrs.frozen
class Gathered:
    """What was read in one go, and what it adds up to."""

    batches: Sequence[FeedBatch]
    heard: Heard
    told: Gathering


@attrs.frozen
class Gatherer:
    """Says what records mean, with the help of what the store knows of their mail and people. Changes nothing, so it
    may go ahead of the step that is being saved. `vmtas` are under the warm-up ladder; `suppress_foreign`: see
    `Gathering`. Records logged longer ago than `oldest` are refused."""

    store: GovernanceStore
    vmtas: frozenset[str]
    suppress_foreign: bool = False
    oldest: timedelta = OLDEST

    async def gather(self, batches: Sequence[FeedBatch], now: datetime, before: Gathering | None = None) -> Gathered:
        """`before`: what the step before adds up to, if the store may not have that yet."""
        batches, heard = self.hear(batches, now)
        return Gathered(batches, heard, self.add_up(heard, await self.ask(heard), before))

    def hear(self, batches: Sequence[FeedBatch], now: datetime) -> tuple[Sequence[FeedBatch], Heard]:
        fit = [plausible(batch, now, self.oldest) for batch in batches]
        return fit, Heard.of(fit)

    async def ask(self, heard: Heard) -> Known:
        """Ask the store about the mail and the people that the records name."""
        single = heard.single
        plain = {send for send in heard.delivered if send and send not in single}
        doubtful, nameless = sorted(heard.refused), sorted(heard.nameless)
        return Known(
            await self.store.sends(single, heard.named) if single else {},
            await self.store.groups(plain) if plain else (),
            await self.store.last_sends(nameless) if nameless else {},
            await self.store.strikes(doubtful) if doubtful else {},
        )

    def add_up(self, heard: Heard, known: Known, before: Gathering | None = None) -> Gathering:
        if before is not None:
            known = known.after(before)
        told = Gathering(self.vmtas, dict(known.earlier), self.suppress_foreign)
        told.take(heard, known)
        return told
