"""`Told`: who was told one thing at one place lately, for rules that ask how many recipients heard it.

Decides how many are remembered. What a reply means is decided in `replies`, what follows from it by the agents.
"""

from typing import Final

REPLY_WINDOW_S: Final = 600
REPLIES_KEPT: Final = 64
"""Recipients remembered by place and reply: no rule asks for more of them."""


class Told:
    """Recipients of one reply (`rule`) at one scope, with the last second at which each was told; who was told last
    stands last, but for what came late (`mixed`)."""

    __slots__ = ("last", "mixed", "newest", "recipients", "rule", "scope")

    def __init__(self, scope: tuple[str, str, str], rule: str, recipients: dict[str, int] | None = None) -> None:
        self.scope = scope
        self.rule = rule
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
