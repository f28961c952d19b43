"""`put_to_owner`: whose a wish is, and what the owner says to a wish on its knob.

A knob belongs to a kind of agent (`words.OWNER`); a queue that carries several brands' mail belongs to the brand with
most of it. Decides whether the owner takes a wish over, which makes it the owner's own decision, under the owner's
mode and limits, or leaves it a proposal, and why. An owner takes over what its own records bear out, and of other
kinds of agents nothing that stops mail. Source: contracts page, "Knobs have owners".

What stops a brand or a job before it reaches any queue is no knob of that queue: a job's pause, and a halt, which
closes the brand's mail before the MTA. Those stay their brand's own.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import attrs

from ignite_domain.governance.rules import SIGNAL_OF
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.streams import Seen
from ignite_domain.governance.words import OWNER, PMTA_LEVER, Action, Decision, Signal, TargetType
from ignite_domain.inference import wilson_lower
from ignite_domain.isps import Isp

SLOWS: Final = frozenset({Action.THROTTLE, Action.BACKOFF})
"""What may be taken over from another kind of agent: it slows mail and stops none."""
BRANDS_OWN: Final = frozenset({Action.PAUSE_JOB, Action.PAUSE_QUEUE, Action.EMERGENCY_HALT})
BORNE_OUT: Final = (600, 0.10)
"""Seconds, and the share not accepted that the owner's records must exceed by their Wilson bound."""
Z: Final = 1.96
COMPLAINED: Final = (86_400, 0.001)
"""The same of complaints about what was delivered."""


def put_to_owner(wish: Decision, signals: SignalProcessor, now: datetime, edge: datetime) -> tuple[Decision, str]:
    """The wish as its owner takes it over (as it is, if it is the owner's) and ""; or the wish and why it is not.

    Windows end at `edge`, how far the log has been read.
    """
    kind = OWNER[wish.action]
    brand = _queues_owner(wish, signals, now)
    if kind is wish.agent and brand is None:
        return wish, ""
    who = f"a proposal to the {kind} agent, which owns this" if kind is not wish.agent else ""
    if brand is not None:
        who = f"steered by {brand.shown}: its queues carry this provider's mail"
    if kind is not wish.agent and wish.action not in SLOWS:
        return wish, f"{who}; it stops mail on its own evidence alone"
    signal, span, limit = _asked(wish)
    labels = _sharing(brand, signals, now) if brand else [wish.isp] if wish.isp else []
    seen = _seen(wish, labels, signals, signal, span, edge)
    what = "complaints" if signal is Signal.COMPLAINT else "not accepted"
    if wilson_lower(seen.x, seen.n, Z) <= limit:
        return wish, f"{who}; there {seen.x} of {seen.n} {what}, too few to act on"
    return _taken_over(wish, brand, seen), ""


def _queues_owner(wish: Decision, signals: SignalProcessor, now: datetime) -> Isp | None:
    """The other brand in whose queues the wish would turn something."""
    if wish.isp is None or wish.action not in PMTA_LEVER or wish.action in BRANDS_OWN:
        return None
    return signals.steered_by(wish.isp, now)


def _sharing(brand: Isp, signals: SignalProcessor, now: datetime) -> list[Isp]:
    """The brand, and those whose mail its queues carry."""
    return [one for one in Isp if one is brand or signals.steered_by(one, now) is brand]


def _asked(wish: Decision) -> tuple[Signal, int, float]:
    if SIGNAL_OF.get(wish.rule.partition("@")[0]) is Signal.COMPLAINT:
        return Signal.COMPLAINT, *COMPLAINED
    return Signal.ATTEMPT, *BORNE_OUT


def _seen(
    wish: Decision, labels: Sequence[Isp], signals: SignalProcessor, signal: Signal, span: int, edge: datetime
) -> Seen:
    found = []
    for one in labels:
        scope = ("ip", wish.target) if wish.target_type is TargetType.IP else ("isp", one.value)
        found.append(signals.seen(one.value, *scope, signal, span, edge))
    return Seen(sum(one.n for one in found), sum(one.x for one in found))


def _taken_over(wish: Decision, brand: Isp | None, seen: Seen) -> Decision:
    assert wish.isp is not None
    isp = brand or wish.isp
    proposer = f"the {wish.isp.shown} {wish.agent} agent"
    return attrs.evolve(
        wish,
        isp=isp,
        agent=OWNER[wish.action],
        target=isp.value if wish.target_type is TargetType.ISP else wish.target,
        reason=f"{wish.reason}; proposed by {proposer}, and borne out here by {seen.x} of {seen.n}",
        evidence={**wish.evidence, "proposed_by": proposer, "owner_n": seen.n, "owner_x": seen.x},
    )
