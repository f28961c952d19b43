"""`are_alone`, `company`: whether what a provider refuses is the doing of some of our addresses, or of all of them.

Decides who is to blame, never what follows. Source: governance page, "Attribution before action": one address is
quarantined; if 60 % of them are refused together, it is the provider, and its rate is lowered.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final

from ignite_domain.governance.alarms import Cusum
from ignite_domain.governance.rules import BLAME, Blame
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.streams import Seen
from ignite_domain.governance.words import Signal

_SPANS_S: Final = (600, 3600)
"""The shorter one serves where it holds enough of the others' mail: in an hour what has just begun is thinned out."""

_LATELY_S: Final = (60, 120, 180, 300)
_AS_OFTEN: Final = 0.25
_TWO: Final = 2
"""One of the others may have been refused for a reason of its own."""


def are_alone(
    signals: SignalProcessor, label: str, level: Cusum, edge: datetime, blame: Blame = BLAME
) -> tuple[str, ...]:
    """The addresses that the provider refuses while it takes the others' mail; empty if it is the provider.

    They are fewer than `wide_share` of those with mail there, and do `stands_out` times as badly as the others, who
    have sent `comparable` first attempts and are refused less than halfway (by ratio) from p0 to p1 of `level`.
    """
    for span in _SPANS_S:
        seen = {ip: signals.seen(label, "ip", ip, Signal.REFUSAL, span, edge) for ip in signals.scopes(label, "ip")}
        active = sorted((ip for ip, one in seen.items() if one.n), key=lambda ip: (-seen[ip].x, ip))
        if sum(seen[ip].n for ip in active[1:]) < blame.comparable:
            continue
        fine = (level.p0 * level.p1) ** 0.5
        for many in range(1, len(active)):
            if many > 1 and many >= blame.wide_share * len(active):
                break
            own = _total([seen[ip] for ip in active[:many]])
            rest = _total([seen[ip] for ip in active[many:]])
            if rest.n < blame.comparable or not own.x:
                continue
            if rest.share < fine and own.share >= blame.stands_out * rest.share:
                return tuple(active[:many])
        return ()
    return ()


def company(
    signals: SignalProcessor,
    label: str,
    blamed: Collection[str],
    replies: Collection[str],
    window_s: int,
    edge: datetime,
    blame: Blame = BLAME,
) -> Seen | None:
    """What the provider does not accept of the other addresses, if they are refused like those that are blamed; None
    if they are not.

    They are if it is `company_share` of their attempts in the window; or if, since most of the blamed ones' refusals,
    they were told the same (`replies` are its classes) a quarter as often: one address is always noticed first.
    """
    others = [ip for ip in signals.scopes(label, "ip") if ip not in blamed]

    def tried(ips: Iterable[str], span: int) -> Seen:
        return _total([signals.seen(label, "ip", ip, Signal.ATTEMPT, span, edge) for ip in ips])

    def told(ips: Iterable[str]) -> int:
        said = [one for ip in ips for one in signals.replies(label, "ip", ip, edge).values()]
        return sum(count for kind, count in said if kind in replies)

    rest = tried(others, window_s)
    if rest.share >= blame.company_share:
        return rest
    whole, heard, heard_too = tried(blamed, window_s), told(blamed), told(others)
    for span in (*_LATELY_S, window_s):
        own, rest = tried(blamed, span), tried(others, span)
        if 2 * own.x < whole.x:
            continue  # too short a time: most of it was before
        own, rest = Seen(own.n, min(own.n, heard)), Seen(rest.n, min(rest.n, heard_too))
        if rest.x >= _TWO and rest.share >= _AS_OFTEN * own.share:
            return rest
    return None


def _total(seen: Sequence[Seen]) -> Seen:
    return Seen(sum(one.n for one in seen), sum(one.x for one in seen))
