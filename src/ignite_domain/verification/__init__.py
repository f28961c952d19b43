"""Verification: MX lookup, then a third party; each answer becomes evidence for the quality score."""

from ignite_domain.verification.ports import (
    AddressVerifier,
    Candidate,
    MxLookup,
    VerificationStore,
    VerifierBusy,
)
from ignite_domain.verification.verdicts import (
    API_EVIDENCE,
    DNS_RETRY,
    MX_EVIDENCE,
    UNMAILABLE,
    ApiVerdict,
    Finding,
    MxAnswer,
    MxKind,
    from_api,
    from_dns,
)

__all__ = [
    "API_EVIDENCE",
    "DNS_RETRY",
    "MX_EVIDENCE",
    "UNMAILABLE",
    "AddressVerifier",
    "ApiVerdict",
    "Candidate",
    "Finding",
    "MxAnswer",
    "MxKind",
    "MxLookup",
    "VerificationStore",
    "VerifierBusy",
    "from_api",
    "from_dns",
]
