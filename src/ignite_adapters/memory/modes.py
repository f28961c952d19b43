"""`ModesStore` in memory. `refusals`: what agents may not wish again yet, as a test says."""

from datetime import datetime, timedelta

import attrs

from ignite_domain.errors import Conflict, NotFound
from ignite_domain.governance.modes import Key, ModeEntry, Modes, Stop
from ignite_domain.governance.words import AgentKind, Mode
from ignite_domain.isps import Isp


@attrs.define
class MemoryModes:
    setting: Mode
    refusals: frozenset[Key] = frozenset()
    _entries: dict[tuple[str, str], ModeEntry] = attrs.field(factory=dict)
    _stops: dict[str, Stop] = attrs.field(factory=dict)

    async def load(self) -> Modes:
        entries = tuple(self._entries[place] for place in sorted(self._entries))
        return Modes(self.setting, entries, tuple(self._stops[place] for place in sorted(self._stops)))

    async def refused(self, now: datetime, dwell: timedelta) -> frozenset[Key]:
        return self.refusals

    async def set_mode(
        self, agent: AgentKind | None, isp: Isp | None, mode: Mode | None, by: str, reason: str, now: datetime
    ) -> None:
        place = (agent or "", isp or "")
        if mode is not None:
            self._entries[place] = ModeEntry(agent, isp, mode, by, now, reason)
        elif self._entries.pop(place, None) is None:
            raise NotFound("there is no such entry to remove")

    async def stop(self, isp: Isp | None, by: str, reason: str, now: datetime) -> None:
        self._stops[isp or ""] = Stop(isp, by, now, reason)

    async def resume(self, isp: Isp | None, by: str, reason: str, now: datetime) -> None:
        if self._stops.pop(isp or "", None) is None:
            standing = ", ".join(stop.where for _, stop in sorted(self._stops.items()))
            raise Conflict(f"no such stop stands; what can be resumed: {standing or 'nothing'}")
