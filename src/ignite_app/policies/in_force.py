"""`PolicyInForce`: the rule table that the agents go by now.

The newest stored version is in force; without any, the table is as shipped. There is one author at a time: while
`governance.policy` names a file, what that file holds becomes the newest version by itself and the API makes none;
otherwise people make versions through the API. A file that cannot be read or has mistakes changes nothing and is told
in the log. Looked at before every step of the ingest worker, so no restart is needed.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

import structlog

from ignite_app.policy import SHIPPED, Fault, Policy, by_agent, parse, placed, text_of
from ignite_domain.errors import BadInput, Conflict
from ignite_domain.governance.health import Finding
from ignite_domain.governance.ports import PolicyStore, PolicyVersion
from ignite_domain.governance.rules import BY_AGENT, Rule
from ignite_domain.governance.words import AgentKind

log = structlog.get_logger("ignite.policy")
BY_FILE: Final = "governance.policy"
"""The author of versions that come from the file."""


def policy_of(stored: PolicyVersion | None) -> Policy:
    """The rules of a stored version, each that it changed naming it; as shipped if it cannot be read any more."""
    return _read(stored.version, stored.document)[0] if stored else SHIPPED


def faults_of(stored: PolicyVersion | None) -> Sequence[Fault]:
    """Why a stored version cannot be read any more; it was sound for the release that stored it."""
    return _read(stored.version, stored.document)[1] if stored else ()


@lru_cache(maxsize=16)
def _read(version: int, document: str) -> tuple[Policy, tuple[Fault, ...]]:
    policy, wrong = parse(document)
    return policy.stamped(version), tuple(wrong)


UNREADABLE: Final = "policy_unreadable"
POLICY_KINDS: Final = (UNREADABLE,)


def findings_of(stored: PolicyVersion | None) -> list[Finding]:
    """An alert for a stored version that this release cannot read, naming the version and each rule it stumbles at."""
    wrong = faults_of(stored)
    if stored is None or not wrong:
        return []
    text = (
        f"policy version {stored.version} is not in force, the rules are as shipped: "
        f"{'; '.join(str(one) for one in wrong)}"
    )
    return [Finding(UNREADABLE, f"version {stored.version}", text)]


class PolicyInForce:
    """Call it with the business time: the table by kind of agent."""

    def __init__(self, store: PolicyStore, file: Path | None = None) -> None:
        self._store = store
        self._file = file
        self._stamp: tuple[int, ...] | None = None  # of the file as it was taken over, or refused
        self._refused = ""
        self._newest: PolicyVersion | None = None
        self._rules: Mapping[AgentKind, Sequence[Rule]] = BY_AGENT

    async def __call__(self, now: datetime) -> Mapping[AgentKind, Sequence[Rule]]:
        """Raises `PortFailure` if the database does not answer."""
        await self._look()
        if self._file is not None:
            await self._take_over(self._file, now)
        return self._rules

    async def _look(self) -> None:
        stored = await self._store.newest(self._newest.version if self._newest else 0)
        if stored is None:
            return
        self._newest = stored
        self._rules = by_agent(policy_of(stored).rules)
        if wrong := faults_of(stored):
            log.error("policy.unreadable", version=stored.version, faults=[str(one) for one in wrong])
        else:
            log.info("policy.in_force", version=stored.version, by=stored.author)

    async def _take_over(self, file: Path, now: datetime) -> None:
        try:
            status = await asyncio.to_thread(file.stat)
            stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
            if stamp == self._stamp:
                return
            text = await asyncio.to_thread(text_of, file)
        except OSError as failure:
            self._refuse(f"{file}: {failure.strerror or 'cannot be read'}")
            return
        except BadInput as wrong:
            self._refuse(str(wrong))
            return
        policy, faults = parse(text)
        if faults:
            self._refuse("; ".join(placed(file, one) for one in faults))
        elif (self._newest.document if self._newest else None) != text and (self._newest or policy != SHIPPED):
            version = self._newest.version + 1 if self._newest else 1
            try:
                await self._store.add(PolicyVersion(version, now, BY_FILE, f"changed in {file.name}", text))
            except Conflict:
                return  # somebody was quicker: the next step looks again
            await self._look()
        self._stamp = stamp
        self._refused = "" if not faults else self._refused

    def _refuse(self, why: str) -> None:
        """Said once for as long as it is the same."""
        if why != self._refused:
            log.error("policy.refused", reason=why, in_force=self._newest.version if self._newest else 0)
            self._refused = why
