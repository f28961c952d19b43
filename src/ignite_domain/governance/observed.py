"""`Outcome`: what one record of the log says, as signals count it; `Event` and `Accepted` are the same in bulk.

Decides under which code a record is counted. What a reply means is said before (`outcomes`), where it is counted and
what follows is the business of `signals`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

import attrs

from ignite_domain.governance.streams import (
    BOUNCED,
    COMPLAINED,
    CONNECTION,
    DEAD,
    DEFERRED,
    DEFERRED_ADDRESS,
    DEFERRED_WAY,
    DELIVERED,
    REFUSED,
)
from ignite_domain.isps import Isp

WAY_KINDS: Final = frozenset({"network", "routing", "auth", "tls"})
"""Reply classes that tell of the way to a provider, or of our configuration, and not of its capacity."""


class OutcomeKind(StrEnum):
    DELIVERED = "delivered"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    CONNECTION = "connection"


@attrs.define(slots=True)
class Outcome:
    """What one record says, as signals see it. `address_fault`: the reply is about the recipient's address.

    `recipient` is a hash. `reply_rule` and `reply_kind` are "" for deliveries. `waited_s`: how long a delivered message
    was in the queue, 0 if that is not told. `names`: see `Told`; `asks_s`: the seconds that the reply asks to wait.
    """

    at: datetime
    isp: Isp | None
    kind: OutcomeKind
    ip: str
    job: str
    queue: str
    recipient: str
    first: bool
    address_fault: bool = False
    about_us: bool = False
    reply_kind: str = ""
    reply_rule: str = ""
    waited_s: int = 0
    names: str = ""
    asks_s: int = 0

    @property
    def event(self) -> "Event":
        """The outcome as it is counted."""
        return (
            int(self.at.timestamp()),
            (self.isp.value if self.isp else "", self.ip, self.job, self.queue),
            self.code,
            self.recipient,
            "" if self.kind is OutcomeKind.CONNECTION else self.reply_rule,
            self.reply_kind,
            self.waited_s,
        )

    @property
    def note(self) -> "Note":
        """What its reply says besides its class."""
        where = (self.isp.value if self.isp else "", self.ip, self.job, self.queue)
        return Note(int(self.at.timestamp()), where, self.recipient, self.reply_rule, self.names, self.asks_s)

    @property
    def code(self) -> int:
        """The code under which it is counted."""
        return code_of(self.kind, self.first, self.address_fault, self.about_us, self.reply_kind)


def code_of(kind: OutcomeKind, first: bool, address_fault: bool, about_us: bool, reply_kind: str) -> int:
    """The code under which an outcome is counted, from what an `Outcome` knows of it."""
    match kind:
        case OutcomeKind.DELIVERED:
            code = DELIVERED
        case OutcomeKind.DEFERRED:
            code = DEFERRED_ADDRESS if address_fault else DEFERRED
            if reply_kind in WAY_KINDS:
                code = DEFERRED_WAY
        case OutcomeKind.BOUNCED:
            code = DEAD if address_fault else REFUSED if about_us else BOUNCED
        case OutcomeKind.COMPLAINED:
            return COMPLAINED
        case OutcomeKind.CONNECTION:
            return CONNECTION
    return code if first else code + 1


Where = tuple[str, str, str, str]
"""Provider ("" for elsewhere), sending address, job, queue of a record."""


@attrs.frozen
class Accepted:
    """Deliveries in order of time, in columns. `again`: which of them are retries; () if none is. `waited` is by
    minute (since 1970): seconds from queue to delivery in all, by where."""

    seconds: Sequence[int] = ()
    wheres: Sequence[Where] = ()
    again: Sequence[bool] = ()
    waited: Mapping[int, Mapping[Where, int]] = attrs.field(factory=dict)


NOTHING: Final = Accepted()


class Note(NamedTuple):
    """What a reply says besides its class, of one that names somebody or asks to wait: see `Outcome`."""

    second: int
    where: Where
    recipient: str
    rule: str
    names: str
    asks_s: int


Event = tuple[int, Where, int, str, str, str, int]
"""An outcome as it is counted: second, where, code, and of a reply recipient, rule ("" if there was none) and class;
last `Outcome.waited_s`."""
