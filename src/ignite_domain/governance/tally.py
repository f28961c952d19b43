"""What a batch of accounting records says about the log itself, whatever it says about mail: shapes only.

`tallying` counts, `health` draws the conclusions.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import attrs


@attrs.frozen(slots=True)
class Seen:
    """How often something was seen, first and last, by the records' own times."""

    count: int
    first: datetime
    last: datetime


@attrs.frozen(slots=True)
class HostSeen:
    """How one host's log stood when it was last looked at. `failure`: why it could not be read, else "".

    `logged` is the newest timeLogged among new records (None: there were none), `ahead_s` its distance from our
    clock in seconds, below 0 where it lies behind.
    """

    host: str
    read_at: datetime
    failure: str
    logged: datetime | None
    ahead_s: float


@attrs.frozen
class Tally:
    """`types` by (host, type), `minutes` by (host, minute, type), `unknown` by (isp or "elsewhere", status, text)."""

    hosts: Sequence[HostSeen] = ()
    types: Mapping[tuple[str, str], Seen] = attrs.field(factory=dict)
    minutes: Mapping[tuple[str, datetime, str], int] = attrs.field(factory=dict)
    unknown: Mapping[tuple[str, str, str], Seen] = attrs.field(factory=dict)
