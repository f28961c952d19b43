"""How far agents may go: a mode for each agent and provider, and stops by people.

Decides which mode holds where, whom a stop silences, and what the executor may still say to the MTA for a decision
that stands. It makes no decision and settles none: that is `orchestrator` and `approvals`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

import attrs

from ignite_domain.governance.approvals import LIFTS
from ignite_domain.governance.words import AgentKind, Decision, DecisionStatus, Mode, is_persons
from ignite_domain.isps import Isp

ACTS: Final = frozenset({Mode.ACT, Mode.APPROVE})
"""Modes in which a decision can reach the MTA."""
INSIDE: Final = frozenset({AgentKind.WARMUP, AgentKind.SUPPRESSION})
"""Agents whose actions take effect inside IGNITE: they do not need to read the host."""

IN_FORCE: Final = frozenset({DecisionStatus.APPLIED, DecisionStatus.VERIFIED})
"""What the host has carried out."""

ModeOf = Callable[[AgentKind, Isp | None], Mode]
StopOf = Callable[[Isp | None], str]
"""Who stopped the agents at a provider, in words; "" if nobody did."""
Key = tuple[AgentKind, str, str, str, str]
"""What makes two wishes of one agent the same: agent, provider, action, target type, target."""


def key_of(decision: Decision) -> Key:
    isp = decision.isp.value if decision.isp else ""
    return decision.agent, isp, decision.action.value, decision.target_type.value, decision.target


@attrs.frozen
class ModeEntry:
    """One line of the table of modes; None stands for every agent, or every provider."""

    agent: AgentKind | None
    isp: Isp | None
    mode: Mode
    by: str
    at: datetime
    reason: str


@attrs.frozen
class Stop:
    """No new action at the MTA for a provider, or (None) anywhere."""

    isp: Isp | None
    by: str
    at: datetime
    reason: str

    @property
    def where(self) -> str:
        return f"at {self.isp.shown}" if self.isp else "everywhere"


@attrs.frozen
class Modes:
    """The table of modes, the stops, and the mode of settings, which holds where no entry does.

    `unread`: what of the host's answers cannot be read, "" if all can. Such a host is only observed, whatever the table
    says (contracts page): nothing could be verified there.
    """

    setting: Mode
    entries: Sequence[ModeEntry] = ()
    stops: Sequence[Stop] = ()
    unread: str = ""
    _table: Mapping[tuple[AgentKind | None, Isp | None], Mode] = attrs.field(init=False, eq=False, repr=False)

    @_table.default
    def _by_place(self) -> Mapping[tuple[AgentKind | None, Isp | None], Mode]:
        return {(one.agent, one.isp): one.mode for one in self.entries}

    @property
    def default(self) -> Mode:
        """What holds where no entry names the agent or the provider."""
        return self._table.get((None, None), self.setting)

    def of(self, agent: AgentKind, isp: Isp | None) -> Mode:
        """What holds: the most specific entry (agent and provider, then agent, then provider, then the default), unless
        the host cannot be read."""
        if self.unread and agent not in INSIDE:
            return Mode.OBSERVE
        for place in ((agent, isp), (agent, None), (None, isp)):
            if place != (None, None) and place in self._table:
                return self._table[place]
        return self.default

    def stop_at(self, isp: Isp | None) -> Stop | None:
        """The stop that silences agents at a provider. What is about the whole host (None) would act at every
        provider, so any stop silences it."""
        for stop in self.stops:
            if stop.isp is None or stop.isp is isp or isp is None:
                return stop
        return None

    def stop_of(self, isp: Isp | None) -> str:
        """Why nobody's action at the MTA can begin for a provider, in words; "" if it can."""
        stop = self.stop_at(isp)
        if stop is not None:
            return f"a stop by {stop.by} {stop.where}"
        return self.looks_on

    @property
    def looks_on(self) -> str:
        """Why the host is only observed whatever the table says, in words; "" if it is governed."""
        return f"the host is only observed, its answers cannot be read ({self.unread})" if self.unread else ""

    @property
    def stopped_everywhere(self) -> bool:
        return any(stop.isp is None for stop in self.stops)

    @property
    def act_somewhere(self) -> bool:
        return bool({self.setting, *self._table.values()} & ACTS)

    @property
    def shadow_somewhere(self) -> bool:
        return Mode.SHADOW in {self.setting, *self._table.values()}


def silenced(decision: Decision, of: Decision | None, mode_of: ModeOf, stop_of: StopOf) -> str:
    """Why nothing may be done at the MTA about a decision now; "" if it may. What a person made, and the way back
    from it, heeds stops alone. `of`: what it undoes, if that stands too."""
    if why := stop_of(decision.isp):
        return why
    if is_persons(decision) or (of is not None and is_persons(of)):
        return ""
    mode = mode_of(decision.agent, decision.isp)
    return "" if mode in ACTS else f"mode {mode}"


class Say(StrEnum):
    """What may be said to the MTA for a decision that stands."""

    CARRY = "carry"  # everything
    KEEP = "keep"  # it was sent before a stop: kept in force, neither begun nor lifted
    LEAVE = "leave"  # it was sent before its agent had to look on only: left as it is, nothing is said
    WITHHOLD = "withhold"  # it was never sent, and must not be
    WAIT = "wait"  # it would loosen something and the log is silent: carried out once the log speaks again


def waits_for_log(decision: Decision, frozen: str) -> bool:
    """Whether a probe or release that the host has not carried out yet must wait for the log. `frozen`: why nothing may
    be loosened now (`health.frozen_by`), "" if it may. What a person releases does not wait."""
    return bool(frozen) and decision.action in LIFTS and decision.status not in IN_FORCE and not is_persons(decision)


def say(decision: Decision, of: Decision | None, modes: Modes, *, sent: bool, frozen: str = "") -> Say:
    """What may be said for a decision. `of`: what it undoes, if that stands too. `sent`: commands have gone out.

    A person's decision is carried out in every mode and under every stop; the probe that follows it in every mode.
    `frozen`: as `waits_for_log`, which is asked last: what must not be sent at all does not wait.
    """
    if is_persons(decision):
        return Say.CARRY
    if modes.stop_at(decision.isp) is not None:
        return Say.KEEP if sent else Say.WITHHOLD
    if (of is not None and is_persons(of)) or modes.of(decision.agent, decision.isp) in ACTS:
        return Say.WAIT if waits_for_log(decision, frozen) else Say.CARRY
    return Say.LEAVE if sent else Say.WITHHOLD


def says(standing: Sequence[tuple[Decision, bool]], modes: Modes, frozen: str = "") -> dict[int, Say]:
    """`say` for each of the decisions that stand, by id; each comes with whether commands have gone out for it."""
    by_id = {one.id: one for one, _ in standing}
    return {
        one.id: say(one, by_id.get(one.parameters.get("of")), modes, sent=sent, frozen=frozen)
        for one, sent in standing
        if one.id is not None
    }


class ModesStore(Protocol):
    """The table of modes and the stops. Each change is a decision too, with its author and reason."""

    async def load(self) -> Modes:
        """What holds now."""

    async def refused(self, now: datetime, dwell: timedelta) -> frozenset[Key]:
        """What agents may not wish again yet: what was rejected lives on, or a person released it within `dwell`."""

    async def set_mode(
        self, agent: AgentKind | None, isp: Isp | None, mode: Mode | None, by: str, reason: str, now: datetime
    ) -> None:
        """Set an entry, or (None) remove it. Raises NotFound if there is none to remove."""

    async def stop(self, isp: Isp | None, by: str, reason: str, now: datetime) -> None:
        """Stop the agents; a stop that stands already gets this author and reason."""

    async def resume(self, isp: Isp | None, by: str, reason: str, now: datetime) -> None:
        """Take a stop back. Raises Conflict, saying which stops stand, if there is no such one."""
