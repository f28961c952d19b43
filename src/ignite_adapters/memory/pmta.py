"""A PMTA host in memory: honest about what a command does, with faults that a test can switch on.

It has queues, their pause and mode, paused jobs, disabled sources and one include file. It delivers nothing.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from ignite_domain.errors import PortFailure
from ignite_domain.governance import commands
from ignite_domain.governance.commands import PmtaCommand, Verb
from ignite_domain.governance.console_port import PmtaReply
from ignite_domain.governance.reconcile import covers


class MemoryPmta:
    """`PmtaConsole`, and the host behind it.

    `log` holds every command that arrived. `reachable` False: every call fails before it arrives.
    `die_after` names a verb whose next command takes effect and whose answer is lost. `refuse`: a verb that
    is answered with an error. `bad_config`: what `test config` says of the include file, None for good.
    """

    def __init__(self, *queues: str) -> None:
        self.queues = set(queues)
        self.paused: set[str] = set()
        self.backoff: set[str] = set()
        self.jobs: set[str] = set()
        self.disabled: dict[tuple[str, str], str] = {}
        self.include = ""
        self.loaded = ""
        self.log: list[PmtaCommand] = []
        self.reachable = True
        self.die_after: Verb | None = None
        self.refuse: Verb | None = None
        self.bad_config: Callable[[str], str | None] = lambda text: None

    async def run(self, command: PmtaCommand) -> PmtaReply:
        commands.check(command)
        if not self.reachable:
            raise PortFailure("PMTA over SSH", "cannot be reached: ConnectionRefusedError")
        self.log.append(command)
        if command.verb is self.refuse:
            return PmtaReply(1, "refused by this host")
        reply = self._answer(command)
        if command.verb is self.die_after:
            self.die_after = None
            raise PortFailure("PMTA over SSH", f"no answer to '{command.verb}': ConnectionLost")
        return reply

    async def close(self) -> None:
        """Nothing is held."""

    @property
    def mutations(self) -> list[str]:
        """The lines that changed something, as typed."""
        return [" ".join(one.argv) for one in self.log if one.mutates]

    def _answer(self, command: PmtaCommand) -> PmtaReply:
        target = command.argv[-1]
        hit = {queue for queue in self.queues if covers(target, queue)}
        match command.verb:
            case Verb.PUT_INCLUDE:
                self.include = command.stdin or ""
                return PmtaReply(0, hashlib.sha256(self.include.encode()).hexdigest() + "\n")
            case Verb.TEST_CONFIG | Verb.RELOAD:
                fault = self.bad_config(self.include)
                if fault is not None:
                    return PmtaReply(1, fault)
                if command.verb is Verb.RELOAD:
                    self.loaded = self.include
                    return _said("Configuration reloaded.")
                return _said("")
            case Verb.PAUSE_QUEUE:
                self.paused |= hit
                return _said("Queue(s) paused.")
            case Verb.RESUME_QUEUE:
                self.paused -= hit
                return _said("Queue(s) resumed.")
            case Verb.PAUSE_JOB:
                self.jobs.add(target)
                return _said("paused job.")
            case Verb.RESUME_JOB:
                self.jobs.discard(target)
                return _said("resumed job.")
            case Verb.SET_QUEUE if "--mode=backoff" in command.argv:
                self.backoff |= hit
            case Verb.SET_QUEUE:
                self.backoff -= hit
            case Verb.DISABLE_SOURCE:
                self.disabled[command.argv[-2], target] = command.argv[-3].partition("=")[2]
            case Verb.ENABLE_SOURCE:
                self.disabled.pop((command.argv[-2], target), None)
            case _:
                return _said("", self._show(command))
        return _said("")

    def _show(self, command: PmtaCommand) -> dict[str, Any]:
        match command.verb:
            case Verb.SHOW_QUEUES:
                names = self.queues
                if "--paused=yes" in command.argv:
                    names = self.paused
                if "--mode=backoff" in command.argv:
                    names = self.backoff
                return {"queue": [{"name": name} for name in sorted(names)]}
            case Verb.SHOW_JOBS:
                return {"job": [{"id": job, "paused": True} for job in sorted(self.jobs)]}
            case Verb.SHOW_SETTINGS:
                return {"settings": {"max-msg-rate": "20000/h"}}
            case Verb.SHOW_DISABLED:
                return {"source": [{"ip": ip, "queue": queue} for ip, queue in sorted(self.disabled)]}
            case _:
                return {"status": {"traffic": {"total": {"out": {"rcp": 0}}}}}


def _said(message: str, data: dict[str, Any] | None = None) -> PmtaReply:
    return PmtaReply(0, json.dumps({"data": data or {}, "status": "success", "message": message}))
