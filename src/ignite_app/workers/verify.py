"""Verifies imported people: MX by DNS, each domain once, then the third party in batches.

Decides order and pace only; what an answer means is `ignite_domain.verification`. Each batch is asked first
and saved after, in one transaction: killed in between, the same people are asked again, which changes nothing.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from ignite_app.clock import Clock, real_seconds
from ignite_domain.errors import PortFailure
from ignite_domain.subscribers import VerifyState
from ignite_domain.verification import (
    AddressVerifier,
    Candidate,
    MxAnswer,
    MxKind,
    MxLookup,
    VerificationStore,
    VerifierBusy,
    from_api,
    from_dns,
)

log = structlog.get_logger("ignite.verifier")
BATCH: Final = 4_000
"""People a step and kind of question."""
API_CALLS: Final = 4
"""Calls to the third party at a time."""
DNS_DOWN: Final = 5
"""If DNS says nothing about so many domains at once, it is away; nobody is put off for that."""
CACHE_FOR: Final = timedelta(hours=1)
CACHE_SIZE: Final = 100_000


class EmailVerifier:
    """`verifier` None: nobody to ask, addresses stop at 0.25. `poll_seconds` is business time.

    `concurrency`: DNS questions at a time; `api_batch`: addresses in a call. Run one at a time, by lease.
    """

    name = "verifier"

    def __init__(
        self,
        store: VerificationStore,
        mx: MxLookup,
        verifier: AddressVerifier | None,
        clock: Clock,
        *,
        poll_seconds: float,
        concurrency: int = 100,
        api_batch: int = 500,
        batch: int = BATCH,
    ) -> None:
        self.idle = poll_seconds
        self._store = store
        self._mx = mx
        self._verifier = verifier
        self._clock = clock
        self._dns_slots = asyncio.Semaphore(concurrency)
        self._api_batch = api_batch
        self._batch = batch
        self._known: dict[str, tuple[datetime, MxAnswer]] = {}
        self._rest_until = 0.0

    async def step(self) -> int:
        """Ask DNS about a batch of new people, then the third party about a batch of known ones.

        Returns the number of findings saved. Raises `PortFailure` if DNS or the third party cannot be
        reached; what DNS said is saved before the third party is asked.
        """
        return await self._ask_dns() + await self._ask_third_party()

    async def _ask_dns(self) -> int:
        people = await self._store.waiting(VerifyState.NEW, self._batch, self._clock.now())
        if not people:
            return 0
        domains = sorted({person.domain for person in people})
        answers = dict(zip(domains, await asyncio.gather(*map(self._resolve, domains)), strict=True))
        if len(domains) >= DNS_DOWN and all(a.kind is MxKind.UNKNOWN for a in answers.values()):
            raise PortFailure("DNS", f"no answer about any of {len(domains)} domains")
        findings = [from_dns(person.id, person.domain, answers[person.domain]) for person in people]
        saved = await self._store.save(findings, self._clock.now())
        later = sum(finding.evidence is None for finding in findings)
        log.info("verify.mx", people=saved, domains=len(domains), later=later)
        return saved

    async def _resolve(self, domain: str) -> MxAnswer:
        now = self._clock.now()
        known = self._known.get(domain)
        if known is not None and known[0] > now:
            return known[1]
        async with self._dns_slots:
            answer = await self._mx(domain)
        if answer.kind is not MxKind.UNKNOWN:
            if len(self._known) >= CACHE_SIZE:
                self._known.clear()
            self._known[domain] = (now + CACHE_FOR, answer)
        return answer

    async def _ask_third_party(self) -> int:
        if self._verifier is None or real_seconds() < self._rest_until:
            return 0
        people = await self._store.waiting(VerifyState.MX, self._batch, self._clock.now())
        parts = [people[i : i + self._api_batch] for i in range(0, len(people), self._api_batch)]
        saved = 0
        for i in range(0, len(parts), API_CALLS):
            try:
                saved += await self._ask_parts(self._verifier, parts[i : i + API_CALLS])
            except VerifierBusy as busy:
                self._rest_until = real_seconds() + busy.retry_after
                log.warning("verify.busy", detail=busy.detail, pause_s=busy.retry_after)
                break
        if saved:
            log.info("verify.third_party", people=saved)
        return saved

    async def _ask_parts(self, ask: AddressVerifier, parts: Sequence[Sequence[Candidate]]) -> int:
        """Ask some parts at a time; save all that were answered even if one of them failed."""
        answers = await asyncio.gather(
            *(ask([person.email for person in part]) for part in parts), return_exceptions=True
        )
        findings = [
            from_api(person.id, answer[person.email])
            for part, answer in zip(parts, answers, strict=True)
            if not isinstance(answer, BaseException)
            for person in part
        ]
        saved = await self._store.save(findings, self._clock.now()) if findings else 0
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return saved
