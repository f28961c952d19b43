"""How much mail a young IP may send to one ISP today, from what happened on the days before.

Decides the volume of a (virtual MTA, ISP) pair. Who gets it is `mix`; that a block reply holds or steps
down the ladder is a decision of the warm-up agent, handed in as `standing`. Source of every rule: the
design page on warm-up, "Volume".
"""

from collections.abc import Collection, Sequence
from datetime import date
from math import floor
from typing import Final

import attrs

from ignite_domain.governance.words import Action
from ignite_domain.inference import wilson_lower

START: Final = 50
SLOW_START_GROWTH: Final = 1.5
GROWTH: Final = 1.25
USED: Final = 0.9
"""Share of what budget and people on hand allowed that must have gone for the volume to grow."""

CONGESTED: Final = 0.10
HARD_DEFERRAL: Final = 0.30
HARD_BOUNCE: Final = 0.05
HARD_COMPLAINT: Final = 0.002
HARD_COUNT: Final = 3
AFTER_CONGESTION: Final = 0.9
AFTER_HARD: Final = 0.5

IDLE_DAYS: Final = 3
IDLE_FACTOR: Final = 0.7
JUMP: Final = 2.0
"""Growth never plans more than this many times what really went: with few people on hand an unused budget
would otherwise grow on nothing (practice of others: not more than twice the day before)."""

Z_LOWER: Final = 1.2815515655446004
"""One-sided 90 % Wilson bound: one deferral among few messages is not yet congestion."""


_EPSILON: Final = 1e-6  # 1000 · 0.7 · 0.7 is 490, not 489.99…


def whole(volume: float) -> int:
    """A volume in whole messages, rounded down."""
    return floor(volume + _EPSILON)


@attrs.frozen
class WarmupDay:
    """One row of `mailing_warmup_days`: a (VMTA, ISP) pair on one business day.

    `on_hand`: people that tiers and budgets allowed; `selected`: people assigned to the VMTA. The four
    outcomes are counted from the accounting log. `slow_start`: no congestion seen up to that morning.
    """

    day: date
    budget: int
    on_hand: int = 0
    selected: int = 0
    accepted: int = 0
    deferred: int = 0
    bounced: int = 0
    complained: int = 0
    slow_start: bool = True

    @property
    def answered(self) -> int:
        """Attempts that the ISP answered. The day counts only when mail really went."""
        return self.accepted + self.deferred + self.bounced

    @property
    def went(self) -> int:
        """People whose mail got an answer, as far as counts of attempts tell."""
        return min(self.answered, self.selected) if self.selected else self.answered


@attrs.frozen
class Plan:
    """Today's volume, whether slow start goes on, and why, in plain words."""

    budget: int
    slow_start: bool
    note: str


def hard_signal(day: WarmupDay) -> str | None:
    """The hard signal of a day, named, or None."""
    if not day.answered:
        return None
    if wilson_lower(day.deferred, day.answered, Z_LOWER) > HARD_DEFERRAL:
        return f"deferral {day.deferred / day.answered:.0%} > 30 %"
    if day.bounced >= HARD_COUNT and day.bounced > HARD_BOUNCE * day.answered:
        return f"bounce {day.bounced / day.answered:.1%} > 5 %"
    if day.complained >= HARD_COUNT and day.complained > HARD_COMPLAINT * day.answered:
        return f"complaints {day.complained / day.answered:.2%} > 0.2 %"
    return None


def is_congested(day: WarmupDay) -> bool:
    """Lower bound of the deferral share above 10 %."""
    return wilson_lower(day.deferred, day.answered, Z_LOWER) > CONGESTED


def grown(day: WarmupDay) -> Plan:
    """The volume after one day with mail, standing alone: growth, congestion or hard signal."""
    hard = hard_signal(day)
    if hard:
        return Plan(max(START, whole(AFTER_HARD * day.accepted)), False, f"hard signal: {hard}; half of accepted")
    if is_congested(day):
        return Plan(
            max(START, whole(AFTER_CONGESTION * day.accepted)),
            False,
            f"congestion: {day.deferred} of {day.answered} deferred; 0.9 of accepted",
        )
    allowed = min(day.budget, day.on_hand)
    if allowed <= 0 or day.went < USED * allowed:
        return Plan(max(START, day.budget), day.slow_start, f"used {day.went} of {allowed}: no growth")
    factor = SLOW_START_GROWTH if day.slow_start else GROWTH
    wanted = min(whole(day.budget * factor), whole(JUMP * day.went))
    budget = max(START, day.budget, wanted)
    return Plan(budget, day.slow_start, f"used {day.went} of {allowed}, no signal: × {factor:g}")


def plan(history: Sequence[WarmupDay], today: date, standing: Collection[Action] = (), *, frozen: bool = False) -> Plan:
    """Return today's plan from the days before (any order; rows of today and later are ignored).

    `standing` are the warm-up agent's decisions in force for this pair: hold_warmup plans 0,
    step_down_warmup halves. They speak last, and whatever they hold back is not made up for. `frozen`: the log of
    the days before is not to be trusted, so today is no more than the last day with mail was planned to be.
    """
    past = sorted((day for day in history if day.day < today), key=lambda day: day.day)
    active = [day for day in past if day.answered]
    if not active:
        result = Plan(START, True, "first day")
    else:
        last = active[-1]
        result = grown(last)
        silent = (today - last.day).days - 1
        if silent == 0 and hard_signal(last):
            result = Plan(0, False, f"{result.note}; held for one day, goes on at {result.budget}")
        elif silent > IDLE_DAYS:
            budget = max(START, whole(result.budget * IDLE_FACTOR ** (silent - IDLE_DAYS)))
            result = Plan(budget, result.slow_start, f"{silent} days without mail: × 0.7 a day beyond 3")
        elif silent > 0:
            result = attrs.evolve(result, note=f"{result.note}; {silent} days without mail since")
    if frozen and active and result.budget > active[-1].budget:
        budget = active[-1].budget
        result = attrs.evolve(result, budget=budget, note=f"no growth on a log that is silent or unreadable: {budget}")
    if Action.HOLD_WARMUP in standing:
        return Plan(0, result.slow_start, "hold_warmup stands")
    if Action.STEP_DOWN_WARMUP in standing and result.budget:
        return Plan(max(START, result.budget // 2), False, f"step_down_warmup stands; half of {result.budget}")
    return result
