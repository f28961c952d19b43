"""What DNS and the third party say, and what that does to a person."""

from datetime import UTC, datetime

import attrs
import pytest

from ignite_domain.events import EventType
from ignite_domain.isps import Isp
from ignite_domain.subscribers import Status, VerifyState
from ignite_domain.verification import DNS_RETRY, ApiVerdict, MxAnswer, MxKind, from_api, from_dns
from ignite_domain.verification.apply import Person, apply

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
NEW = Person(1, 0.0, Status.ACTIVE, VerifyState.NEW, None, "firm.example")
KNOWN = attrs.evolve(NEW, score=0.25, state=VerifyState.MX)
VERIFIED, CHANGED = EventType.VERIFIED, EventType.QUALITY_CHANGED

DNS = [
    (MxAnswer(MxKind.MX, ("mx.firm.example",)), 0.25, Status.ACTIVE, VerifyState.MX, [VERIFIED, CHANGED]),
    (MxAnswer(MxKind.IMPLICIT, ("firm.example",)), 0.25, Status.ACTIVE, VerifyState.MX, [VERIFIED, CHANGED]),
    (MxAnswer(MxKind.NULL_MX), 0.0, Status.UNMAILABLE, VerifyState.DONE, [VERIFIED]),
    (MxAnswer(MxKind.NO_HOST), 0.0, Status.UNMAILABLE, VerifyState.DONE, [VERIFIED]),
    (MxAnswer(MxKind.NXDOMAIN), 0.0, Status.UNMAILABLE, VerifyState.DONE, [VERIFIED]),
    (MxAnswer(MxKind.UNKNOWN), 0.0, Status.ACTIVE, VerifyState.NEW, []),
]
API = [
    (ApiVerdict.VALID, 0.50, Status.ACTIVE, [VERIFIED, CHANGED]),
    (ApiVerdict.INVALID, 0.0, Status.UNMAILABLE, [VERIFIED, CHANGED]),
    (ApiVerdict.CATCH_ALL, 0.25, Status.ACTIVE, [VERIFIED]),
    (ApiVerdict.UNKNOWN, 0.25, Status.ACTIVE, [VERIFIED]),
]


@pytest.mark.parametrize(("answer", "score", "status", "state", "events"), DNS)
def test_dns_lifts_to_a_quarter_or_says_unmailable_or_waits(
    answer: MxAnswer, score: float, status: Status, state: VerifyState, events: list[EventType]
) -> None:
    finding = from_dns(1, "firm.example", answer)
    result = apply(NEW, finding, NOW)
    assert result is not None
    after, happened = result
    assert (after.score, after.status, after.state) == (score, status, state)
    assert after.status_reason == ("mx_invalid" if status is Status.UNMAILABLE else None)
    assert [event.type for event in happened] == events
    assert (finding.retry_after == DNS_RETRY) is (answer.kind is MxKind.UNKNOWN)


@pytest.mark.parametrize(("verdict", "score", "status", "events"), API)
def test_the_third_party_lifts_to_a_half_or_says_unmailable_and_is_asked_once(
    verdict: ApiVerdict, score: float, status: Status, events: list[EventType]
) -> None:
    result = apply(KNOWN, from_api(1, verdict), NOW)
    assert result is not None
    after, happened = result
    assert (after.score, after.status, after.state) == (score, status, VerifyState.DONE)
    assert after.status_reason == ("api_invalid" if status is Status.UNMAILABLE else None)
    assert [event.type for event in happened] == events


def test_the_mx_host_names_the_brand_and_the_limiter_of_a_company() -> None:
    google = from_dns(1, "firm.example", MxAnswer(MxKind.MX, ("aspmx.l.google.com",)))
    assert (google.isp, google.limiter_group) == (Isp.GMAIL, "gmail")
    cox = from_dns(1, "cox.net", MxAnswer(MxKind.MX, ("mta5.am0.yahoodns.net",)))
    assert (cox.isp, cox.limiter_group) == (Isp.COX, "yahoo")


def test_a_score_that_rose_meanwhile_is_not_lowered() -> None:
    result = apply(attrs.evolve(KNOWN, score=0.75), from_api(1, ApiVerdict.VALID), NOW)
    assert result is not None
    assert result[0].score == 0.75
    assert [event.type for event in result[1]] == [VERIFIED]


@pytest.mark.parametrize(
    "moved_on",
    [
        attrs.evolve(KNOWN, status=Status.SUPPRESSED, score=0.0),
        attrs.evolve(KNOWN, status=Status.UNMAILABLE),
        attrs.evolve(KNOWN, state=VerifyState.DONE),
    ],
)
def test_a_finding_about_someone_who_moved_on_is_dropped(moved_on: Person) -> None:
    assert apply(moved_on, from_api(1, ApiVerdict.VALID), NOW) is None
