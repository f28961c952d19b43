"""The warm-up scheduler: plans each young IP's day and picks its people.

Composes `ladder` (how much) and `mix` (whom) over the store. It does not send: the people it selects stand
in the ledger with the cold VMTA and go out like everyone else.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

import attrs

from ignite_domain.governance.words import Action
from ignite_domain.warmup.ladder import Plan, WarmupDay, plan
from ignite_domain.warmup.mix import TARGET, TIERS, tier_mix

HISTORY_DAYS = 60


@attrs.frozen
class ColdPair:
    """A young IP at one ISP. `isp` is an Isp or 'elsewhere'."""

    vmta: str
    ip: str
    isp: str


@attrs.frozen
class Candidates:
    """People of a campaign who wait at one ISP, by tier in the order of `TIERS`."""

    available: tuple[int, ...]
    delivered: int  # mail ever delivered to people of this ISP


class WarmupStore(Protocol):
    """Rows per (VMTA, ISP, business day), and the people who wait."""

    async def history(self, since: date) -> Mapping[tuple[str, str], Sequence[WarmupDay]]:
        """Rows since a day by (vmta, isp)."""

    async def standing(self, now: datetime) -> Mapping[tuple[str | None, str], frozenset[Action]]:
        """Warm-up decisions in force by (isp or None for every ISP, target): a VMTA, an IP, or an ISP's name."""

    async def save(self, pair: ColdPair, day: date, planned: Plan) -> bool:
        """Write the row of a day. An existing row is only ever lowered, never below what was selected.

        True if something changed.
        """

    async def select(
        self, campaign_id: int, pair: ColdPair, day: date, scheduler: "WarmupScheduler", now: datetime
    ) -> int:
        """In one transaction: lock the day's row, count who waits, take `scheduler.pick`, give them the VMTA.

        Writes one `selected` event per person and the row's `on_hand` and `selected`. Returns how many.
        """


@attrs.frozen
class WarmupScheduler:
    """`target`: messages a day at which an IP counts as warm for one ISP."""

    store: WarmupStore
    target: int = TARGET

    async def plan_day(self, pairs: Collection[ColdPair], today: date, now: datetime, *, frozen: bool = False) -> int:
        """Write today's row of every pair; returns how many rows changed. Safe to repeat all day.

        `frozen`: the accounting log is not to be trusted (silent, unreadable), so no volume grows on it.
        """
        since = date.fromordinal(today.toordinal() - HISTORY_DAYS)
        history = await self.store.history(since)
        standing = await self.store.standing(now)
        changed = 0
        for pair in pairs:
            past = history.get((pair.vmta, pair.isp), ())
            planned = plan(past, today, actions_for(pair, standing), frozen=frozen)
            changed += await self.store.save(pair, today, planned)
        return changed

    def pick(self, candidates: Candidates, budget: int, selected: int) -> tuple[int, ...]:
        """How many of each tier to take now, `selected` having been taken earlier today.

        The day's mix is computed for the whole volume, so a second campaign of the day gets what is left.
        """
        room = budget - selected
        if room <= 0:
            return (0,) * len(TIERS)
        mix = tier_mix(candidates.available, budget, delivered=candidates.delivered, target=self.target)
        takes = []
        for wanted in mix:
            takes.append(min(wanted, room))
            room -= takes[-1]
        return tuple(takes)

    def files_first(self, budget: int) -> bool:
        """Whether people from a warm-up file come first within their tier: until half the target."""
        return budget < self.target / 2


def actions_for(pair: ColdPair, standing: Mapping[tuple[str | None, str], frozenset[Action]]) -> frozenset[Action]:
    """The decisions that mean this pair: of its ISP (or all), naming its VMTA, its IP or the ISP itself."""
    found: set[Action] = set()
    for isp in (pair.isp, None):
        for target in (pair.vmta, pair.ip, pair.isp):
            found |= standing.get((isp, target), frozenset())
    return frozenset(found)
