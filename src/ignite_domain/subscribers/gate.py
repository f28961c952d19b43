"""The one gate: may this person get this mail now, and if not, why.

Everything that sends asks here, or asks the same question in SQL (`ignite_adapters.postgres.suppressions`,
a property test says that the two agree). The campaign's own limits (quota, warm-up budget, stop, hold-out
of an experiment) are decided by the campaign; their reasons stand here so that one table names them all.

The first rule that matches speaks: what a person wants comes before what a mailbox can take, and that
before how often we write.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import attrs

from ignite_domain.subscribers.subscriber import Status
from ignite_domain.subscribers.suppression import Suppression

FREQUENCY: Final = timedelta(hours=72)
"""Least time between two campaign mails to a person (design page on warm-up, "People")."""


class Outcome(StrEnum):
    """Where a member of an audience ends: an audience is sent + suppressed + held."""

    SEND = "send"
    SUPPRESSED = "suppressed"
    HELD = "held"


class Reason(StrEnum):
    """Why not. The values stand in `mailing_sends.reason`."""

    SUPPRESSED_GLOBAL = "suppressed_global"
    SUPPRESSED_STATUS = "suppressed_status"
    SUPPRESSED_ISP = "suppressed_isp"
    UNMAILABLE = "unmailable"
    FREQUENCY = "frequency"
    QUOTA = "quota"
    WARMUP_LIMIT = "warmup_limit"
    STOPPED = "stopped"
    EXPERIMENT = "experiment"

    @property
    def outcome(self) -> Outcome:
        return OUTCOMES[self]


OUTCOMES: Final[dict[Reason, Outcome]] = {
    Reason.SUPPRESSED_GLOBAL: Outcome.SUPPRESSED,
    Reason.SUPPRESSED_STATUS: Outcome.SUPPRESSED,
    Reason.SUPPRESSED_ISP: Outcome.SUPPRESSED,
    Reason.UNMAILABLE: Outcome.HELD,
    Reason.FREQUENCY: Outcome.HELD,
    Reason.QUOTA: Outcome.HELD,
    Reason.WARMUP_LIMIT: Outcome.HELD,
    Reason.STOPPED: Outcome.HELD,
    Reason.EXPERIMENT: Outcome.HELD,
}


@attrs.frozen
class Verdict:
    """The gate's answer; no reason means yes."""

    reason: Reason | None = None

    @property
    def allowed(self) -> bool:
        return self.reason is None

    @property
    def outcome(self) -> Outcome:
        return Outcome.SEND if self.reason is None else self.reason.outcome


MAY: Final = Verdict()


def may_mail(
    *,
    status: Status,
    everywhere: Suppression | None,
    at_isp: Suppression | None,
    last_mailed: datetime | None,
    now: datetime,
    frequency: timedelta | None = FREQUENCY,
) -> Verdict:
    """Answer for one person.

    `everywhere` is the entry on the global list, `at_isp` the one for the person's own provider
    (`ELSEWHERE` outside the brands); expired entries may be passed in. `last_mailed` is the latest hand-over
    of a *campaign* mail of another campaign, doubtful ones included. `frequency` None: no cap (flow mail).
    A person mailed exactly `frequency` ago may be mailed again.
    """
    if everywhere is not None and everywhere.in_force(now):
        return Verdict(Reason.SUPPRESSED_GLOBAL)
    if status is Status.SUPPRESSED:
        return Verdict(Reason.SUPPRESSED_STATUS)
    if at_isp is not None and at_isp.in_force(now):
        return Verdict(Reason.SUPPRESSED_ISP)
    if status is Status.UNMAILABLE:
        return Verdict(Reason.UNMAILABLE)
    if frequency is not None and last_mailed is not None and last_mailed > now - frequency:
        return Verdict(Reason.FREQUENCY)
    return MAY
