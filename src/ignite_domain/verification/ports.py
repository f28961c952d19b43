"""What verification asks outside: DNS, a third party, and the people waiting."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import attrs

from ignite_domain.errors import PortFailure
from ignite_domain.subscribers.subscriber import VerifyState
from ignite_domain.verification.verdicts import ApiVerdict, Finding, MxAnswer


@attrs.define(eq=False)
class VerifierBusy(PortFailure):
    """The third party asks for a pause of `retry_after` real seconds."""

    retry_after: float = 1.0

    def __str__(self) -> str:
        return f"{self.port}: {self.detail}, again in {self.retry_after:g} s"


class MxLookup(Protocol):
    """DNS."""

    async def __call__(self, domain: str) -> MxAnswer:
        """How `domain` (A-labels) takes mail. Never raises for what DNS may say; UNKNOWN if it says nothing."""


class AddressVerifier(Protocol):
    """The third party."""

    async def __call__(self, addresses: Sequence[str]) -> Mapping[str, ApiVerdict]:
        """A verdict for each address. Raises `VerifierBusy` or `PortFailure`; asking twice is harmless."""


@attrs.frozen(repr=False)
class Candidate:
    """A person to verify."""

    id: int
    email: str
    domain: str


class VerificationStore(Protocol):
    """People by how far their verification is. Each method is one transaction."""

    async def waiting(self, state: VerifyState, limit: int, now: datetime) -> Sequence[Candidate]:
        """Active people in `state` whose time has come; those from warm-up files first, then by id."""

    async def save(self, findings: Sequence[Finding], now: datetime) -> int:
        """Apply findings: score by `quality.advance`, status, provider, events; returns how many applied.

        A finding whose person has moved on since (another state, not active any more) is dropped. At most
        10,000 at a time.
        """
