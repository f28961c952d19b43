"""DNS, the third party and the waiting people in memory."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import attrs

from ignite_domain.events import EventType, SubscriberEvent
from ignite_domain.isps import Isp
from ignite_domain.subscribers import Status, VerifyState
from ignite_domain.verification import ApiVerdict, Candidate, Finding, MxAnswer, MxKind
from ignite_domain.verification.apply import Person, apply


class MemoryMxLookup:
    """Answers from a table; domains that are not in it do not exist. `asked` lists every question."""

    def __init__(self, answers: Mapping[str, MxAnswer]) -> None:
        self._answers = answers
        self.asked: list[str] = []

    async def __call__(self, domain: str) -> MxAnswer:
        self.asked.append(domain)
        return self._answers.get(domain, MxAnswer(MxKind.NXDOMAIN))


class MemoryVerifier:
    """Answers from a table; addresses that are not in it are unknown. `batches` lists every question."""

    def __init__(self, verdicts: Mapping[str, ApiVerdict]) -> None:
        self._verdicts = verdicts
        self.batches: list[tuple[str, ...]] = []

    async def __call__(self, addresses: Sequence[str]) -> Mapping[str, ApiVerdict]:
        self.batches.append(tuple(addresses))
        return {address: self._verdicts.get(address, ApiVerdict.UNKNOWN) for address in addresses}


@attrs.define
class Waiting:
    """A person as verification sees one."""

    email: str
    person: Person
    from_warmup_file: bool = False
    verify_after: datetime | None = None


class MemoryVerificationStore:
    """`people` by id and `events` may be looked at directly."""

    def __init__(self, people: Mapping[int, Waiting] | None = None) -> None:
        self.people = dict(people or {})
        self.events: list[SubscriberEvent] = []

    def add(self, number: int, email: str, *, warmup: bool = False, state: VerifyState = VerifyState.NEW) -> None:
        person = Person(number, 0.0, Status.ACTIVE, state, None, email.rpartition("@")[2])
        self.people[number] = Waiting(email, person, warmup)

    async def waiting(self, state: VerifyState, limit: int, now: datetime) -> Sequence[Candidate]:
        ready = [
            (not one.from_warmup_file, number)
            for number, one in self.people.items()
            if one.person.status is Status.ACTIVE
            and one.person.state is state
            and (one.verify_after is None or one.verify_after <= now)
        ]
        found = [(number, self.people[number].email) for _, number in sorted(ready)[:limit]]
        return [Candidate(number, email, email.rpartition("@")[2]) for number, email in found]

    async def save(self, findings: Sequence[Finding], now: datetime) -> int:
        applied = 0
        for finding in findings:
            one = self.people.get(finding.subscriber_id)
            result = apply(one.person, finding, now) if one else None
            if one is None or result is None:
                continue
            one.person, happened = result
            one.verify_after = now + finding.retry_after if finding.retry_after else None
            self.events += happened
            applied += 1
        return applied

    def isp(self, number: int) -> Isp | None:
        return self.people[number].person.isp

    def event_types(self, number: int) -> list[EventType]:
        return [event.type for event in self.events if event.subscriber_id == number]
