"""`Told`: who was told one thing at one place lately, whom it named, and how long it asked to wait.

Decides how much is remembered. What a reply means is decided in `replies`, what follows from it by the agents, what a
stated wait holds by `steering` and `recovery`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

REPLY_WINDOW_S: Final = 600
REPLIES_KEPT: Final = 64
"""Recipients remembered by place and reply: no rule asks for more of them."""
WAITS_KEPT: Final = 60
"""Minutes of stated waits remembered by place and reply."""
LONGEST_WAIT_S: Final = 86_400
"""A reply that asks for more is held to a day, the longest that any decision lives: strangers write these texts."""
BELIEVED: Final = 2
"""Recipients told to wait before a wait is more than one mailbox's (governance page, "Deterministic lane")."""


class Told:
    """Recipients of one reply (`rule`) at one scope, with the last second at which each was told; who was told last
    stands last, but for what came late (`mixed`).

    `names`: the kind of identity that the reply named last, and behind a blank which one, if it said so. `waits`: the
    longest wait in seconds that it stated, by minute (since 1970). `ends`: when the two waits are over that last
    longest, by recipient.
    """

    __slots__ = ("ends", "last", "mixed", "names", "newest", "recipients", "rule", "scope", "waits")

    def __init__(self, scope: tuple[str, str, str], rule: str, recipients: dict[str, int] | None = None) -> None:
        self.scope = scope
        self.rule = rule
        self.names = ""
        self.waits: dict[int, int] = {}
        self.ends: dict[str, int] = {}
        self.recipients: dict[str, int] = {}
        self._hold(recipients or {})

    def _hold(self, recipients: dict[str, int]) -> None:
        self.recipients = recipients
        seconds = list(recipients.values())
        self.last = seconds[-1] if seconds else -1  # of the one that stands last
        self.newest = max(seconds, default=-1)  # at least as late as any
        self.mixed = seconds != sorted(seconds)

    def add(self, recipient: str, second: int) -> None:
        recipients = self.recipients
        late = second < self.last
        if recipient in recipients:
            del recipients[recipient]
        recipients[recipient] = second
        if len(recipients) > REPLIES_KEPT:  # what comes late must not push out what is new
            del recipients[min(recipients, key=recipients.__getitem__) if late else next(iter(recipients))]
        self.last = recipients[next(reversed(recipients))] if late else second
        if late:
            self.mixed = True
        elif second > self.newest:
            self.newest = second

    def since(self, limit: int) -> int:
        """How many were told after second `limit`."""
        if self.mixed:
            return sum(1 for at in self.recipients.values() if at > limit)
        count = 0
        for at in reversed(self.recipients.values()):
            if at <= limit:
                break
            count += 1
        return count

    def forget(self, limit: int) -> None:
        """Forget who was told last at second `limit` or before."""
        if self.recipients and (self.mixed or next(iter(self.recipients.values())) <= limit):
            self._hold({who: at for who, at in self.recipients.items() if at > limit})

    # -- what it asked for

    def asked(self, recipient: str, second: int, wait_s: int) -> None:
        """It asked `recipient` at `second` to wait so long."""
        wait_s = min(wait_s, LONGEST_WAIT_S)
        waits, minute = self.waits, second // 60
        waits[minute] = max(wait_s, waits.get(minute, 0))
        if len(waits) > WAITS_KEPT:  # the one that lasts longest is needed whatever its age
            longest = max(waits, key=lambda at: 60 * at + waits[at])
            del waits[min(at for at in waits if at != longest)]
        self.ends[recipient] = max(second + wait_s, self.ends.get(recipient, 0))
        if len(self.ends) > BELIEVED:
            del self.ends[min(self.ends, key=self.ends.__getitem__)]

    def still(self, minute: int) -> int:
        """Minutes more, at the end of `minute`, that what it said until then asks to wait; 0 if that is over."""
        ends = (at + (wait_s + 59) // 60 for at, wait_s in self.waits.items() if at <= minute)
        return max(0, max(ends, default=minute) - minute)

    def to_state(self) -> dict[str, Any]:
        """What is kept of it besides rule and scope, as plain values for JSON."""
        state: dict[str, Any] = {"recipients": list(self.recipients.items())}
        if self.names:
            state["names"] = self.names
        if self.waits:
            state |= {"waits": sorted(self.waits.items()), "ends": sorted(self.ends.items())}
        return state

    @classmethod
    def from_state(cls, scope: tuple[str, str, str], rule: str, state: Mapping[str, Any]) -> "Told":
        """What `to_state` told."""
        told = cls(scope, rule, {str(who): int(at) for who, at in state["recipients"]})
        told.names = str(state.get("names", ""))
        told.waits = {int(at): int(wait_s) for at, wait_s in state.get("waits", ())}
        told.ends = {str(who): int(at) for who, at in state.get("ends", ())}
        return told


def asked_until(many: Iterable[Told]) -> int:
    """Until which second `BELIEVED` recipients of these replies have been asked to wait; 0 if there are not so many."""
    ends: dict[str, int] = {}
    for told in many:
        for who, end in told.ends.items():
            ends[who] = max(end, ends.get(who, 0))
    return sorted(ends.values())[-BELIEVED] if len(ends) >= BELIEVED else 0
