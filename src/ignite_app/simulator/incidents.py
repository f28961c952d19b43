"""The one thing that goes wrong in a run, and when. Decides kind, place and time from the seed.

What an incident does to replies is decided in `world`.
"""

from enum import StrEnum
from typing import Final

import attrs

from ignite_app.simulator.dice import Dice


class IncidentKind(StrEnum):
    RATE_LIMIT = "rate_limit"  # the ISP defers nearly everything; pressing on keeps it so
    IP_BLOCK = "ip_block"  # the ISP refuses one of our addresses
    BOUNCE_WAVE = "bounce_wave"  # very many addresses at the ISP turn out to be dead


LASTING: Final = float("inf")


@attrs.frozen
class Incident:
    """Begins `starts_after` business seconds after the ISP's first attempt, or with its `after_messages`-th,
    whichever comes first (0: time alone). `lasts` business seconds; infinity: it does not end.

    `group` is the limiter group that misbehaves, `ip` the blocked address of an ip_block.
    """

    kind: IncidentKind
    group: str
    starts_after: float = 1200.0
    lasts: float = 3600.0
    after_messages: int = 0
    ip: str = ""


_LIKELY: Final = ("yahoo", "gmail", "microsoft", "apple", "comcast", "charter")
_SHARE: Final = {"gmail": 0.24, "yahoo": 0.17, "microsoft": 0.12, "apple": 0.06, "comcast": 0.04, "charter": 0.03}


def incident_of(
    seed: int, choice: str, ips: tuple[str, ...], subscribers: int, *, lasts: float | None = None
) -> Incident | None:
    """The incident that `choice` ("none", "auto" or a kind) means in the world of `seed`.

    `ips`: addresses that could be blocked. It begins when about a fifth of the group's mail was tried.
    Raises ValueError for another choice.
    """
    if choice == "none":
        return None
    dice = Dice(seed)
    if choice == "auto":
        kind = dice.pick((IncidentKind.RATE_LIMIT, IncidentKind.RATE_LIMIT, IncidentKind.IP_BLOCK), "incident kind")
    else:
        kind = IncidentKind(choice)
    group = dice.pick(_LIKELY[:3], "incident group")
    return Incident(
        kind=kind,
        group=group,
        starts_after=round(dice.between(600, 1500, "incident start")),
        lasts=lasts if lasts is not None else round(dice.between(2400, 4200, "incident length")),
        after_messages=max(20, int(subscribers * _SHARE[group] * dice.between(0.15, 0.3, "incident messages"))),
        ip=dice.pick(ips, "incident ip") if kind is IncidentKind.IP_BLOCK and ips else "",
    )
