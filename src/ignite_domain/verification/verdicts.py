"""What DNS and a third party say about an address, and what that is evidence for. Tables; pure.

Decides evidence and reasons. The score follows from `quality.advance`, whether to mail from the gate.
Sources: RFC 5321 §5.1 (MX, implicit MX), RFC 7505 (null MX).
"""

from datetime import timedelta
from enum import StrEnum
from typing import Final

import attrs

from ignite_domain.isps import Isp, isp_of, limiter_group
from ignite_domain.quality import Evidence
from ignite_domain.subscribers.subscriber import VerifyState


class MxKind(StrEnum):
    """How a domain takes mail."""

    MX = "mx"
    IMPLICIT = "implicit"  # no MX record, but an address record: the domain itself is the host
    NULL_MX = "null_mx"  # the domain says that it takes no mail
    NO_HOST = "no_host"  # the domain exists and has neither MX nor address record
    NXDOMAIN = "nxdomain"
    UNKNOWN = "unknown"  # time-out, SERVFAIL, refused: ask again later


@attrs.frozen
class MxAnswer:
    """`hosts`: MX hosts, best preference first, lower case without final dot; for IMPLICIT the domain."""

    kind: MxKind
    hosts: tuple[str, ...] = ()


MX_EVIDENCE: Final[dict[MxKind, Evidence | None]] = {
    MxKind.MX: Evidence.MX_VALID,
    MxKind.IMPLICIT: Evidence.MX_VALID,
    MxKind.NULL_MX: Evidence.MX_INVALID,
    MxKind.NO_HOST: Evidence.MX_INVALID,
    MxKind.NXDOMAIN: Evidence.MX_INVALID,
    MxKind.UNKNOWN: None,
}


class ApiVerdict(StrEnum):
    """The third party's words (docs/verification.md)."""

    VALID = "valid"
    INVALID = "invalid"
    CATCH_ALL = "catch_all"
    UNKNOWN = "unknown"


API_EVIDENCE: Final[dict[ApiVerdict, Evidence]] = {
    ApiVerdict.VALID: Evidence.API_VALID,
    ApiVerdict.INVALID: Evidence.API_INVALID,
    ApiVerdict.CATCH_ALL: Evidence.API_CATCH_ALL,
    ApiVerdict.UNKNOWN: Evidence.API_UNKNOWN,
}

UNMAILABLE: Final[frozenset[Evidence]] = frozenset({Evidence.MX_INVALID, Evidence.API_INVALID})
"""Evidence that makes a person `unmailable`, with its value as `status_reason`. Not a suppression."""

DNS_RETRY: Final = timedelta(hours=1)
"""How long an address waits after DNS could not say (business time)."""


@attrs.frozen
class Finding:
    """One thing found out about one person. `evidence` None: nothing yet, ask again after `retry_after`.

    `isp` and `limiter_group` are set by a finding from DNS, else None: keep what is stored.
    """

    subscriber_id: int
    asked: VerifyState
    evidence: Evidence | None
    detail: str
    state: VerifyState
    retry_after: timedelta | None = None
    isp: Isp | None = None
    limiter_group: str | None = None


def from_dns(subscriber_id: int, domain: str, answer: MxAnswer) -> Finding:
    """What the answer about `domain` says about a person there."""
    evidence = MX_EVIDENCE[answer.kind]
    if evidence is None:
        return Finding(subscriber_id, VerifyState.NEW, None, answer.kind, VerifyState.NEW, DNS_RETRY)
    state = VerifyState.DONE if evidence in UNMAILABLE else VerifyState.MX
    return Finding(
        subscriber_id,
        VerifyState.NEW,
        evidence,
        answer.kind.value,
        state,
        isp=isp_of(domain, answer.hosts),
        limiter_group=limiter_group(answer.hosts, domain),
    )


def from_api(subscriber_id: int, verdict: ApiVerdict) -> Finding:
    """What the third party's verdict says about a person; it is asked once."""
    return Finding(subscriber_id, VerifyState.MX, API_EVIDENCE[verdict], verdict.value, VerifyState.DONE)
