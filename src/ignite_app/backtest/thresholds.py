"""The predecessor's rule of thumb, to compare with: a percentage per provider over the last hour, once a minute.

Decides a warning or a stop whenever the share stands above its level, however few messages that is; that it fires on
one bounce in one message is the point of the comparison. Levels: governance page, "Comparators A". As there, mail
sent is what was delivered or bounced; deferrals are not looked at. A stop lasts an hour, or until the share is back.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs

from ignite_domain.governance.book import Book
from ignite_domain.governance.judging import Wrong
from ignite_domain.governance.logged import BRAND
from ignite_domain.governance.observed import Event, Note, Where
from ignite_domain.governance.orchestrator import Settled
from ignite_domain.governance.ports import StatusChange
from ignite_domain.governance.streams import BOUNCED, COMPLAINED, DEAD, REFUSED
from ignite_domain.governance.words import Action, AgentKind, Decision, DecisionStatus, Mode, TargetType
from ignite_domain.isps import Isp

_WARN_ACT: Final[Mapping[Isp, tuple[tuple[float, float], tuple[float, float]]]] = {
    # bounce warn and act, complaint warn and act, in percent
    Isp.GMAIL: ((1.5, 3.0), (0.02, 0.05)),
    Isp.YAHOO: ((2.0, 5.0), (0.03, 0.06)),
    Isp.MICROSOFT: ((2.0, 5.0), (0.03, 0.06)),
    Isp.APPLE: ((2.0, 5.0), (0.03, 0.06)),
    Isp.COX: ((2.5, 6.0), (0.04, 0.08)),
    Isp.COMCAST: ((3.0, 7.0), (0.05, 0.1)),
    Isp.ATT: ((3.0, 7.0), (0.05, 0.1)),
    Isp.CHARTER: ((3.0, 7.0), (0.05, 0.1)),
}
_HOUR: Final = timedelta(hours=1)
_BOUNCES: Final = frozenset(code + again for code in (DEAD, REFUSED, BOUNCED) for again in (0, 1))


@attrs.define
class _Minute:
    sent: int = 0
    bounced: int = 0
    complained: int = 0


class Thresholds:
    """A `Judge`. Looks at the end of every minute that had records."""

    def __init__(self) -> None:
        self._minutes: dict[Isp, dict[int, _Minute]] = {isp: {} for isp in Isp}

    def note(self, notes: Sequence[Note]) -> None:
        """Thresholds listen to no reply."""

    def take(self, events: Sequence[Event]) -> None:
        for second, (label, *_), code, *_ in events:
            if not label:
                continue
            minute = self._minutes[Isp(label)].setdefault(second // 60, _Minute())
            if code in _BOUNCES:
                minute.sent += 1
                minute.bounced += 1
            elif code == COMPLAINED:
                minute.complained += 1

    def accept(self, minute: int, wheres: Sequence[Where], *, first: bool) -> None:
        for label, many in Counter(map(BRAND, wheres)).items():
            if label:
                self._minutes[Isp(label)].setdefault(minute, _Minute()).sent += many

    def look(self, now: datetime, wrong: Wrong, book: Book) -> Settled:
        """Lifetimes end; nothing else happens between minutes."""
        over = [one for one in book.standing if one.until <= now]
        return Settled((), tuple(_ended(one, DecisionStatus.EXPIRED, "its hour is over") for one in over))

    def turn(self, minute: datetime, book: Book) -> Settled:
        decisions: list[tuple[Decision, Mode, str]] = []
        changes: list[StatusChange] = []
        last = int(minute.timestamp()) // 60 - 1
        standing = book.standing
        for isp, minutes in self._minutes.items():
            for old in [at for at in minutes if at <= last - 60]:
                del minutes[old]
            sent = sum(one.sent for at, one in minutes.items() if at <= last)
            events = {
                "bounce": sum(one.bounced for at, one in minutes.items() if at <= last),
                "complaint": sum(one.complained for at, one in minutes.items() if at <= last),
            }
            mine = {one.rule: one for one in standing if one.isp is isp and one.until > minute}
            for (signal, x), (warn, act) in zip(events.items(), _WARN_ACT[isp], strict=True):
                share = 100 * x / sent if sent else 0.0
                for name, level, above in (("warn", warn, warn < share <= act), ("act", act, share > act)):
                    rule = f"{signal}-{name}@1"
                    if rule in mine and not above:
                        why = f"{share:.2f} % {signal}s in the last hour"
                        changes.append(_ended(mine[rule], DecisionStatus.RELEASED, why))
                    elif above and rule not in mine:
                        decisions.append((_decision(minute, isp, rule, x, sent, warn, act, level), Mode.ACT, ""))
        over = [one for one in standing if one.until <= minute]
        changes += [_ended(one, DecisionStatus.EXPIRED, "its hour is over") for one in over]
        return Settled(tuple(decisions), tuple(changes))


def _ended(one: Decision, status: DecisionStatus, why: str) -> StatusChange:
    assert one.id is not None
    return StatusChange(one.id, status, why)


def _decision(at: datetime, isp: Isp, rule: str, x: int, sent: int, warn: float, act: float, level: float) -> Decision:
    stop = rule.partition("@")[0].endswith("-act")
    signal = rule.partition("-")[0]
    share = f"{100 * x / sent:.2f} %" if sent else f"{x}"
    return Decision(
        at=at,
        until=at + _HOUR,
        isp=isp,
        agent=AgentKind.REPUTATION,
        action=Action.PAUSE_QUEUE if stop else Action.WARN,
        target_type=TargetType.ISP,
        target=isp.value,
        reason=f"{share} {signal}s in the last hour ({x} of {sent}), above {level:g} %",
        rule=rule,
        evidence={"n": sent, "x": x, "window_s": 3600, "p0": warn / 100, "p1": act / 100},
        status=DecisionStatus.VERIFIED if stop else DecisionStatus.APPLIED,
    )
