"""Tells at the terminal, in plain lines, what the loop does and what the outside world does to it.

Reads the database, and the simulator's own status for what happens outside; decides nothing. The agents are not
told: what the simulator is up to is said here, to the person who watches, and nowhere else.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import attrs

from ignite_adapters.postgres.report import Fate, ReportReader
from ignite_app.cli.output import say
from ignite_app.clock import Clock, real_seconds
from ignite_app.demo.client import Http
from ignite_domain.governance.words import PMTA_LEVER
from ignite_domain.isps import Isp

QUIET_ACTIONS: Final = frozenset({"suppress", "warn"})
"""Many of these fall in a normal run; the dashboard shows them, the story does not."""
HEARTBEAT_REAL_SECONDS: Final = 60.0
"""After so long without a line, one says how things stand."""
MARKS: Final = {"dashboard": 20, "first mail": 40, "incident": 90, "decision": 150, "release": 300}
"""By when, in real seconds after the start, each is expected on an ordinary machine."""
BEGINS: Final = {
    "rate_limit": "{group} begins to defer nearly everything, the more the harder it is pressed",
    "ip_block": "{group} begins to refuse {ip}",
    "bounce_wave": "very many addresses at {group} turn out to be dead",
}
ENDS: Final = {
    "rate_limit": "{group} takes mail as before",
    "ip_block": "{group} takes mail from {ip} again",
    "bounce_wave": "the addresses at {group} are as good as elsewhere again",
}
OUTCOMES: Final = {
    "verified": "done and read back from the MTA",
    "failed": "the MTA did not take it; it is tried again",
    "rejected": "refused",
    "expired": "over",
    "superseded": "something else takes its place",
}
"""What becomes of a decision that was told, in the words for people."""
_LEVER: Final = frozenset(action.value for action in PMTA_LEVER)
_GOING_ON: Final = ("proposed", "approved", "applied")
_LIFTS: Final = frozenset({"release", "probe"})
_ORDERS: Final = frozenset({"stop", "resume", "set_mode"})
"""What people say to agents: nothing of it goes to the MTA, and none of it ends by itself."""


@attrs.frozen
class Look:
    """What was seen at one moment. `decisions`: those since the look before; `fates`: of those told earlier;
    `outside`: the simulator's incident, empty if unknown.
    """

    progress: Mapping[str, int]
    decisions: Sequence[Mapping[str, Any]] = ()
    fates: Mapping[int, Fate] = attrs.field(factory=dict)
    outside: Mapping[str, str] = attrs.field(factory=dict)


def ending_of(decision: Mapping[str, Any]) -> str:
    """What a decision means for now, in words for people."""
    action, status = str(decision["action"]), str(decision["status"])
    if status == "proposed":
        if decision["deadline"]:
            return f"waits for a person until {decision['deadline']:%H:%M}: open Approvals on the dashboard"
        return "a proposal only, nothing is turned"
    if action in _ORDERS:
        return "in force"
    if action in _LIFTS:
        return "the MTA is told now" if status == "approved" else status
    way = {"approved": "the MTA is told now" if action in _LEVER else "in force"}.get(status, status)
    if action == "throttle" and decision["author"] is None:
        return f"{way}; it goes when its rate binds no more, not before {decision['until']:%H:%M}"
    return f"{way}; it ends by itself at {decision['until']:%H:%M}"


_HELD: Final = "; what it tested is held longer"


def _failed(fate: Fate) -> bool:
    """Whether a probe that is over was refused; else what it tested had ended already, or it went on to a step more."""
    return fate.status == "expired" and "refused" in fate.note


def _answer(fate: Fate) -> str:
    """What a person, or the deadline, has said to a decision that waited."""
    no = fate.status == "rejected"
    if fate.author is not None:
        return f"{'rejected' if no else 'approved'} by {fate.author}: {fate.reason}"
    if no:
        return f"rejected: {fate.note}"
    return "nobody answered in time, so it is carried out: the safe side is to restrict"


@attrs.frozen
class Followed:
    """A decision that was told, as `status` had it then. `asks`: a person had to be asked."""

    what: str
    status: str
    probe: bool = False
    asks: bool = False


@attrs.define
class Story:
    """Lines with the real seconds since `started` in front. `marks`: whether the marks are told (the live run's)."""

    started: float
    marks: bool = False
    out: Callable[[str], None] = say
    real: Callable[[], float] = real_seconds
    campaign: int | None = None
    last: int = 0
    last_line: float = 0.0
    told: set[str] = attrs.field(factory=set)
    reached: dict[str, float] = attrs.field(factory=dict)
    waiting: dict[int, Followed] = attrs.field(factory=dict)  # decisions whose outcome is still to be told

    def tell(self, line: str) -> None:
        self.last_line = self.real()
        self.out(f"{self.last_line - self.started:5.0f}s {line}")

    def once(self, key: str, line: str) -> None:
        if key not in self.told:
            self.told.add(key)
            self.tell(line)

    def mark(self, name: str, line: str) -> None:
        """Tell `line`; the first time with the mark that it should have met."""
        if name in self.reached:
            self.tell(line)
            return
        self.reached[name] = after = self.real() - self.started
        self.tell(f"{line}  [after {after:.0f} s; expected within {MARKS[name]} s]" if self.marks else line)

    def closing(self) -> str:
        """All marks in one line, as they were met."""
        met = (f"{name} {f'{self.reached[name]:.0f} s' if name in self.reached else 'not seen'}" for name in MARKS)
        return ", ".join(f"{text} (expected within {MARKS[name]} s)" for name, text in zip(MARKS, met, strict=True))

    def opening(self, clock: Clock) -> None:
        """What a second of the watcher is in business time."""
        rate = f"{clock.rate / 60:g} min" if clock.rate >= 60 else f"{clock.rate:g} s"
        self.tell(f"1 second here is {rate} of business time; there it is {clock.now():%a %d %b %Y %H:%M} UTC")

    async def follow(self, reader: ReportReader, simulator: Http, clock: Clock) -> None:
        """Look once a second until cancelled."""
        while True:
            outside: Mapping[str, str] = {}
            with suppress(OSError, RuntimeError, ValueError):  # it may be on its way down
                outside = (await simulator.get("/status"))["incident"]
            look = Look(
                await reader.progress(),
                await reader.decisions(self.last),
                await reader.fates(list(self.waiting)),
                outside,
            )
            self.see(look)
            if self.campaign is not None and not look.progress["campaigns_open"] and "finished" not in self.told:
                self.finished(await reader.audience(self.campaign))
            if self.real() - self.last_line >= HEARTBEAT_REAL_SECONDS:
                self.heartbeat(await reader.pulse(), clock.now())
            await asyncio.sleep(1.0)

    def see(self, look: Look) -> None:
        """Tell what is new about a look."""
        self._outside(look.outside)
        if look.progress["injected"] and "first mail" not in self.reached:
            self.mark("first mail", "first mail handed to PowerMTA")
        if look.progress["delivered"]:
            self.once("delivered", "first delivery read from the accounting log")
        for number, fate in look.fates.items():
            self._outcome(number, fate)
        for decision in look.decisions:
            self.last = max(self.last, int(decision["id"]))
            if decision["action"] not in QUIET_ACTIONS:
                self._decision(decision)

    def _outside(self, incident: Mapping[str, str]) -> None:
        state = incident.get("state", "")
        if state == "none":
            self.once("calm", "outside: a calm day, nothing is going to go wrong")
        if state in ("on", "over") and "on" not in self.told:
            self.told.add("on")
            what = BEGINS[incident["kind"]].format(**incident)
            self.mark("incident", f"outside: {what} (played by the simulator; no agent is told)")
        if state == "over":
            self.once("over", f"outside: {ENDS[incident['kind']].format(**incident)}")

    def _decision(self, row: Mapping[str, Any]) -> None:
        place = Isp(row["isp"]).shown if row["isp"] else "the whole host"
        agent = f"{row['agent']} agent of {place}"
        person = row["author"] is not None
        who = f"a person ({row['author']}) for the {agent}" if person else agent
        what = f"{str(row['action']).replace('_', ' ')} {place if row['target'] == row['isp'] else row['target']}"
        line = f"{who} decides: {what}: {row['reason']} [{ending_of(row)}]"
        if row["action"] == "release" and not person:
            self.mark("release", line)
        elif person or row["action"] in _LIFTS or row["status"] == "proposed":
            self.tell(line)
        else:
            self.mark("decision", line)
        asks = row["status"] == "proposed" and row["deadline"] is not None
        if asks or (row["action"] in _LEVER and row["status"] in ("approved", "applied")):
            self.waiting[int(row["id"])] = Followed(what, str(row["status"]), row["action"] == "probe", asks)

    def _outcome(self, number: int, fate: Fate) -> None:
        """What became of a decision that was told: a person's answer or the deadline's, then what the MTA shows, and
        of a probe its verdict."""
        told = self.waiting[number]
        if fate.status == told.status:
            return
        if told.status == "proposed" and fate.status not in ("superseded", "expired"):
            self.tell(f"     {told.what}: {_answer(fate)}")
        self.waiting[number] = attrs.evolve(told, status=fate.status)
        if fate.status in _GOING_ON or (told.probe and fate.status in ("verified", "failed")):
            if told.probe and fate.status == "verified":
                self.tell(f"     {told.what}: it is out; a few messages tell whether to release")
            return
        del self.waiting[number]
        if told.probe and fate.status in ("expired", "superseded"):
            self.tell(f"     {told.what}: {fate.note or OUTCOMES[fate.status]}{_HELD if _failed(fate) else ''}")
        elif fate.status in OUTCOMES and not (told.status == "proposed" and fate.status == "rejected"):
            self.tell(f"     {told.what}: {OUTCOMES[fate.status]}")

    def finished(self, audience: Mapping[str, int]) -> None:
        """The campaign has come to its end: how its audience was split."""
        split = {"sent": 0, "suppressed": 0, "held": 0}
        for key, count in audience.items():
            split[key.partition(":")[0]] = split.get(key.partition(":")[0], 0) + count
        parts = ", ".join(f"{count:,} {name}" for name, count in split.items())
        self.once("finished", f"campaign {self.campaign} is finished: {parts}")

    def heartbeat(self, pulse: Mapping[str, int], now: datetime) -> None:
        """Nothing happened for a while; how things stand."""
        counts = ", ".join(f"{name} {count:,}" for name, count in pulse.items())
        self.tell(f"nothing new: {counts}; {now:%H:%M} there")
