"""What a finding does to a person, and the events that tell of it. Pure; stores call it on locked rows."""

from datetime import datetime

import attrs

from ignite_domain.events import EventType, SubscriberEvent
from ignite_domain.isps import Isp
from ignite_domain.quality import advance
from ignite_domain.subscribers.subscriber import Status, VerifyState
from ignite_domain.verification.verdicts import UNMAILABLE, Finding


@attrs.frozen
class Person:
    """The columns that verification reads and writes."""

    id: int
    score: float
    status: Status
    state: VerifyState
    isp: Isp | None
    limiter_group: str
    status_reason: str | None = None


def apply(person: Person, finding: Finding, now: datetime) -> tuple[Person, list[SubscriberEvent]] | None:
    """The person afterwards and what happened; None if the finding is stale.

    Stale: the person is not active any more, or another finding of the same kind came first. The score is
    advanced from what it is now, not from what it was when the question was asked.
    """
    if person.status is not Status.ACTIVE or person.state is not finding.asked:
        return None
    if finding.evidence is None:
        return person, []
    dns_said = finding.limiter_group is not None
    after = attrs.evolve(
        person,
        score=advance(person.score, finding.evidence),
        state=finding.state,
        status=Status.UNMAILABLE if finding.evidence in UNMAILABLE else person.status,
        status_reason=finding.evidence.value if finding.evidence in UNMAILABLE else person.status_reason,
        isp=finding.isp if dns_said else person.isp,
        limiter_group=finding.limiter_group or person.limiter_group,
    )
    about = {"evidence": finding.evidence.value, "detail": finding.detail}
    happened = [SubscriberEvent(EventType.VERIFIED, now, person.id, after.isp, metadata=about)]
    if after.score != person.score:
        change = {"from": person.score, "to": after.score, "evidence": finding.evidence.value}
        happened.append(SubscriberEvent(EventType.QUALITY_CHANGED, now, person.id, after.isp, metadata=change))
    return after, happened
