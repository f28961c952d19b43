"""A person on the list, as a whole thing. Bulk paths use tuples; this is for single people (API, tests)."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import attrs

from ignite_domain.isps import Isp
from ignite_domain.quality import LADDER
from ignite_domain.subscribers.address import EmailAddress


class Status(StrEnum):
    """`unmailable`: verification says that the mailbox cannot take mail. `suppressed`: someone said no."""

    ACTIVE = "active"
    UNMAILABLE = "unmailable"
    SUPPRESSED = "suppressed"


class VerifyState(StrEnum):
    """How far verification is: nothing asked, MX known, finished."""

    NEW = "new"
    MX = "mx"
    DONE = "done"


@attrs.frozen
class Subscriber:
    """`isp` is None outside the eight brands. `score` is a rung of `quality.LADDER`."""

    id: int
    email: EmailAddress
    isp: Isp | None
    limiter_group: str
    score: float = attrs.field(validator=attrs.validators.in_(LADDER))
    status: Status
    status_reason: str | None
    verify_state: VerifyState
    from_warmup_file: bool
    first_name: str
    last_name: str
    attributes: Mapping[str, str]
    imported_at: datetime
