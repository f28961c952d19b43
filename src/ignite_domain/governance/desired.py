"""What ought to be in force at a PMTA host: the standing decisions, turned into knobs.

Pure. Decides targets (which queues a decision means) and what a knob is turned to; which commands that
takes is decided in `reconcile`. A restriction that is being probed or released is no part of the desired
state; a probe puts a low rate in its place. A lifetime that has run out changes nothing here: what follows
it is a probe, which governance decides.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final

import attrs

from ignite_domain.errors import BadInput
from ignite_domain.governance import commands, include_file
from ignite_domain.governance.commands import PmtaCommand
from ignite_domain.governance.include_file import IncludeFile
from ignite_domain.governance.rules import MAX_LIFETIME
from ignite_domain.governance.shares import parts_of
from ignite_domain.governance.words import STANDING, Action, Decision, TargetType
from ignite_domain.isps import Isp, isp_of

INCLUDE: Final = "include"
RELOAD: Final = "reload"
BACKSTOP: Final = 2
"""`--reenable-after` is this many lifetimes: it only ends a restriction if we are gone (design page)."""
PROBE_SPAN: Final = timedelta(minutes=15)
"""A probe of n messages is let out at n per this span."""

PRINCIPAL: Final[dict[Isp, tuple[str, ...]]] = {
    Isp.GMAIL: ("gmail.com",),
    Isp.YAHOO: ("yahoo.com", "aol.com"),
    Isp.MICROSOFT: ("outlook.com", "hotmail.com"),
    Isp.APPLE: ("icloud.com",),
    Isp.COMCAST: ("comcast.net",),
    Isp.ATT: ("att.net",),
    Isp.COX: ("cox.net",),
    Isp.CHARTER: ("charter.net",),
}
"""A brand's best known domains: what an ISP-wide decision means while the host shows none of its queues."""

_GROUP_SUFFIXES: Final = (".rollup", ".queue")


class KnobKind(StrEnum):
    QUEUE = "queue"  # paused
    MODE = "mode"  # backoff
    JOB = "job"  # paused
    SOURCE = "source"  # disabled


@attrs.frozen
class Knob:
    """One thing that can be turned at the host; `turn` puts it in force, `undo` takes it back."""

    kind: KnobKind
    target: str  # domain/vmta, a job id
    ip: str = ""  # of SOURCE

    @property
    def name(self) -> str:
        return f"{self.kind}:{self.ip + ' ' if self.ip else ''}{self.target}"

    @classmethod
    def parse(cls, name: str) -> "Knob":
        """Read a name back. Raises BadInput."""
        kind, _, rest = name.partition(":")
        ip, blank, target = rest.partition(" ")
        try:
            return cls(KnobKind(kind), target if blank else rest, ip if blank else "")
        except ValueError:
            raise BadInput("not the name of a knob") from None

    def turn(self, reenable_after: str) -> PmtaCommand:
        match self.kind:
            case KnobKind.QUEUE:
                return commands.pause_queue(self.target)
            case KnobKind.MODE:
                return commands.set_mode(self.target, backoff=True)
            case KnobKind.JOB:
                return commands.pause_job(self.target)
            case KnobKind.SOURCE:
                return commands.disable_source(self.ip, self.target, reenable_after=reenable_after)

    def undo(self) -> PmtaCommand:
        match self.kind:
            case KnobKind.QUEUE:
                return commands.resume_queue(self.target)
            case KnobKind.MODE:
                return commands.set_mode(self.target, backoff=False)
            case KnobKind.JOB:
                return commands.resume_job(self.target)
            case KnobKind.SOURCE:
                return commands.enable_source(self.ip, self.target)


@attrs.frozen
class Want:
    """A knob that ought to be turned, by which decisions, for how long they live (the longest)."""

    knob: Knob
    decisions: tuple[int, ...]
    lifetime: timedelta

    @property
    def reenable_after(self) -> str:
        return f"{max(1, math.ceil(self.lifetime / timedelta(minutes=1)) * BACKSTOP)}m"

    @property
    def renewal(self) -> timedelta:
        """How long after it was turned the backstop is wound up again: half of the backstop's span."""
        return self.lifetime


@attrs.frozen
class Topology:
    """What may be named in a command: our VMTAs with their addresses, and the queue domains the host shows."""

    vmtas: Mapping[str, str]
    domains: frozenset[str]
    stand_ins: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    """VMTA -> those that may carry its mail while its address is quarantined, in order (`stand_ins`)."""

    def domains_of(self, isp: Isp) -> tuple[str, ...]:
        """The queue domains that carry a brand, or its principal domains if the host shows none."""
        shown = sorted(name for name in self.domains if brand_of(name) is isp)
        return tuple(shown) or PRINCIPAL[isp]

    def vmta_of(self, target: str) -> str:
        """The VMTA that has this name or address. Raises BadInput for one that is not ours."""
        for name, address in self.vmtas.items():
            if target in (name, address):
                return name
        raise BadInput("not one of our virtual MTAs")


@attrs.frozen
class Desired:
    """`wants` by knob name; `refused`: decision id -> why it cannot be said to the MTA; `lifting`: the
    decision that is being undone -> the probe or release that does it; `knobs_of`: decision -> knob names;
    `rungs`: throttle -> the rung of its rate that `include` holds."""

    wants: Mapping[str, Want]
    include: IncludeFile
    refused: Mapping[int, str]
    lifting: Mapping[int, int]
    probing: frozenset[int]
    knobs_of: Mapping[int, tuple[str, ...]]
    rungs: Mapping[int, int] = attrs.field(factory=dict)


def brand_of(queue_domain: str) -> Isp | None:
    """The brand whose mail a queue carries: of its domain, or of the label before `.rollup` / `.queue`.

    A label may have an ending of its own (microsoft-business.rollup), or be a domain's first (hotmail.queue).
    """
    for suffix in _GROUP_SUFFIXES:
        if queue_domain.endswith(suffix):
            label = queue_domain.removesuffix(suffix).partition("-")[0]
            return Isp(label) if label in set(Isp) else isp_of(f"{label}.com")
    return isp_of(queue_domain)


def desired(
    decisions: Iterable[Decision],
    topology: Topology,
    *,
    base_rate: int,
    held: Mapping[str, int] | None = None,
) -> Desired:
    """Compute the desired state of one host.

    `decisions` need an id; those that do not stand are ignored. `base_rate` is the unrestricted rate of one
    queue per hour. `held` maps knobs that are turned now to the decision that turned them: while that
    decision stands its knob stays, even if the queue is empty and no longer shown.
    """
    standing = {one.id: one for one in decisions if one.id is not None and one.status in STANDING}
    lifting = _lifting(standing.values())
    probing = frozenset(key for key, by in lifting.items() if standing[by].action is Action.PROBE)
    wants: dict[str, Want] = {}
    limits: dict[tuple[str, str], int] = {}
    shaping: list[int] = []
    refused: dict[int, str] = {}
    knobs_of: dict[int, tuple[str, ...]] = {}
    rungs: dict[int, int] = {}
    for number, decision in sorted(standing.items()):
        if number in lifting or decision.action not in _LEVERS or _overtaken(decision, lifting):
            continue
        try:
            if decision.action in (Action.THROTTLE, Action.PROBE):
                shaping.append(number)
                _limit(decision, topology, base_rate, limits)
                knobs_of[number] = (INCLUDE,)
                if isinstance(rung := decision.parameters.get("rung"), int):
                    rungs[number] = rung
                continue
            knobs = _knobs(decision, topology)
        except BadInput as fault:
            refused[number] = str(fault)
            continue
        mine = [name for name, by in (held or {}).items() if by == number and name not in (INCLUDE, RELOAD)]
        knobs += [Knob.parse(name) for name in mine]
        for knob in knobs:
            _add(wants, knob, number, min(decision.until - decision.at, MAX_LIFETIME))
        knobs_of[number] = tuple(sorted({knob.name for knob in knobs}))
    reroutes = _reroutes(standing, lifting, refused, topology)
    for number in reroutes.values():
        shaping.append(number)
        knobs_of[number] = tuple(sorted({*knobs_of[number], INCLUDE}))
    away = {(domain, vmta): to for domain, vmta, to in reroutes}
    include = include_file.render(sorted(topology.vmtas), base_rate, limits, shaping, away)
    return Desired(wants, include, refused, lifting, probing, knobs_of, rungs)


def stand_ins(vmtas: Iterable[tuple[str, str, bool]]) -> dict[str, tuple[str, ...]]:
    """Which VMTAs may carry the mail of which: the others of its pool, beginning with the one after it.

    `vmtas` are (name, pool, cold). An address that is warming up gives nothing away and takes nothing: its people and
    their number are chosen for it.
    """
    pools: dict[str, list[str]] = {}
    for name, pool, cold in vmtas:
        if not cold:
            pools.setdefault(pool, []).append(name)
    found = {}
    for members in pools.values():
        for place, name in enumerate(members):
            found[name] = tuple(members[place + 1 :] + members[:place])
    return found


def _reroutes(
    standing: Mapping[int, Decision], lifting: Mapping[int, int], refused: Mapping[int, str], topology: Topology
) -> dict[tuple[str, str, str], int]:
    """(domain, vmta, the VMTA that carries its mail) -> the quarantine that asks for it.

    Only a quarantine: there it is the address that is refused. Complaints (`disable_source`) are about the mail, and
    halts and pauses about the provider: such mail waits. Nothing goes to a VMTA that is closed there or being probed.
    """
    if not topology.stand_ins:
        return {}
    closed: set[tuple[str, str]] = set()
    moving: dict[tuple[str, str], int] = {}
    for number, decision in sorted(standing.items()):
        probe = decision.action is Action.PROBE and not _overtaken(decision, lifting)
        if number in refused or (number in lifting and not probe) or decision.target_type is TargetType.JOB:
            continue
        if not probe and decision.action not in _CLOSES:
            continue
        try:
            pairs = _pairs(decision, topology)
        except BadInput:
            continue  # a probe of something that is no queue
        closed |= set(pairs)
        if decision.action is Action.QUARANTINE_IP:
            moving |= {pair: number for pair in pairs if pair[1] != "*"}
    found = {}
    for (domain, vmta), number in moving.items():
        for other in topology.stand_ins.get(vmta, ()):
            if not any(_touches(pair, (domain, other)) for pair in closed):
                found[domain, vmta, other] = number
                break
    return found


def _touches(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two (domain, VMTA), any part of which may be `*`, have a queue in common."""
    return all(a == b or "*" in (a, b) for a, b in zip(one, other, strict=True))


EVERYONE: Final = "*"


def closed_vmtas(decisions: Iterable[Decision], vmtas: Mapping[str, str]) -> frozenset[tuple[str | None, str]]:
    """Return the (brand, VMTA) pairs that nothing may be injected through, at once: before PMTA is told.

    The brand `*` closes the VMTA for everyone. `vmtas` maps name to address. What is being probed or
    released is open: PMTA's rate holds the flow.
    """
    standing = {one.id: one for one in decisions if one.id is not None and one.status in STANDING}
    lifting = _lifting(standing.values())
    topology = Topology(vmtas, frozenset())
    closed: set[tuple[str | None, str]] = set()
    for number, decision in standing.items():
        if number not in lifting and decision.action in _CLOSES:
            closed |= _routes(decision, topology)
    return frozenset(closed)


def probed_vmtas(decisions: Iterable[Decision], vmtas: Mapping[str, str]) -> frozenset[tuple[str | None, str]]:
    """Return the (brand, VMTA) pairs, as `closed_vmtas` does, that a probe of a few messages tries out now. The second
    step of a halt, a tenth of the rate, is none: too much mail for a choice of people."""
    standing = {one.id: one for one in decisions if one.id is not None and one.status in STANDING}
    lifting = _lifting(standing.values())
    topology = Topology(vmtas, frozenset())
    probed: set[tuple[str | None, str]] = set()
    for decision in standing.values():
        few = decision.action is Action.PROBE and "messages" in decision.parameters
        if few and not _overtaken(decision, lifting) and decision.target_type is not TargetType.JOB:
            probed |= _routes(decision, topology)
    return frozenset(probed)


def _routes(decision: Decision, topology: Topology) -> set[tuple[str | None, str]]:
    """The (brand, VMTA) that a decision is about."""
    try:
        pairs = _pairs(decision, topology)
    except BadInput:
        return set()  # the executor marks it failed, with the reason
    found: set[tuple[str | None, str]] = set()
    for domain, vmta in pairs:
        brand = brand_of(domain)
        if brand is None and domain != "*":
            continue  # one small domain's queue; its mail waits in it
        who = EVERYONE if brand is None else brand.value
        found |= {(who, name) for name in (topology.vmtas if vmta == "*" else (vmta,))}
    return found


def closed_jobs(decisions: Iterable[Decision]) -> frozenset[str]:
    """Return the job ids whose mail must not be injected now."""
    standing = {one.id: one for one in decisions if one.id is not None and one.status in STANDING}
    lifting = _lifting(standing.values())
    return frozenset(
        one.target
        for number, one in standing.items()
        if one.action is Action.PAUSE_JOB and one.target_type is TargetType.JOB and number not in lifting
    )


_CLOSES: Final = frozenset({Action.EMERGENCY_HALT, Action.PAUSE_QUEUE, Action.QUARANTINE_IP, Action.DISABLE_SOURCE})
_LEVERS: Final = _CLOSES | {Action.PAUSE_JOB, Action.BACKOFF, Action.THROTTLE, Action.PROBE}
_KIND: Final[dict[Action, KnobKind]] = {
    Action.EMERGENCY_HALT: KnobKind.QUEUE,
    Action.PAUSE_QUEUE: KnobKind.QUEUE,
    Action.BACKOFF: KnobKind.MODE,
    Action.QUARANTINE_IP: KnobKind.SOURCE,
    Action.DISABLE_SOURCE: KnobKind.SOURCE,
}


def _lifting(standing: Iterable[Decision]) -> dict[int, int]:
    """The decision that is being undone -> the latest probe or release that undoes it."""
    found: dict[int, int] = {}
    for one in standing:
        if one.action in (Action.PROBE, Action.RELEASE) and isinstance(of := one.parameters.get("of"), int):
            assert one.id is not None
            found[of] = max(one.id, found.get(of, 0))
    return found


def _overtaken(decision: Decision, lifting: Mapping[int, int]) -> bool:
    """A probe that a later probe, or the release it earned, has taken the place of."""
    of = decision.parameters.get("of")
    return decision.action is Action.PROBE and isinstance(of, int) and lifting.get(of) != decision.id


def _pairs(decision: Decision, topology: Topology) -> list[tuple[str, str]]:
    """The (domain, vmta) a decision is about, either of which may be `*`. Raises BadInput."""
    match decision.target_type:
        case TargetType.QUEUE:
            domain, _, vmta = commands.queue(decision.target).partition("/")
            if domain not in topology.domains and brand_of(domain) is None:
                raise BadInput("the host shows no queue of that domain")
            return [(domain, vmta if vmta == "*" else topology.vmta_of(vmta))]
        case TargetType.VMTA | TargetType.IP:
            vmta = topology.vmta_of(decision.target)
            return [(domain, vmta) for domain in (topology.domains_of(decision.isp) if decision.isp else "*")]
        case TargetType.ISP:
            if decision.isp is None:
                raise BadInput("mail outside the brands has no queue address of its own")
            return [(domain, "*") for domain in topology.domains_of(decision.isp)]
        case TargetType.HOST:
            return [("*", vmta) for vmta in sorted(topology.vmtas)]
        case _:
            raise BadInput(f"a target of type {decision.target_type} has no {decision.action} at the MTA")


def _knobs(decision: Decision, topology: Topology) -> list[Knob]:
    if decision.action is Action.PAUSE_JOB:
        if decision.target_type is not TargetType.JOB:
            raise BadInput("only a job can be paused as a job")
        return [Knob(KnobKind.JOB, commands.job(decision.target))]
    kind = _KIND[decision.action]
    pairs = _pairs(decision, topology)
    if kind is not KnobKind.SOURCE:
        return [Knob(kind, f"{domain}/{vmta}") for domain, vmta in pairs]
    return [
        Knob(kind, f"{domain}/{name}", commands.ip(topology.vmtas[name]))
        for domain, vmta in pairs
        for name in (sorted(topology.vmtas) if vmta == "*" else (vmta,))
    ]


def _limit(decision: Decision, topology: Topology, base_rate: int, limits: dict[tuple[str, str], int]) -> None:
    if decision.target_type is TargetType.JOB:
        return  # the probe of a paused job: it goes on, its campaign paces it
    pairs = [
        (domain, name)
        for domain, vmta in _pairs(decision, topology)
        for name in (sorted(topology.vmtas) if vmta == "*" else (vmta,))
    ]
    whole = _number(decision, "rate_per_min") if decision.action is Action.THROTTLE else None
    if whole is None:
        rates = dict.fromkeys(pairs, include_file.rung(_rate(decision, base_rate, len(pairs)), base_rate))
    else:
        by_name = {f"{domain}/{vmta}": (domain, vmta) for domain, vmta in pairs}
        parts = parts_of(whole, decision.parameters.get("shares", {}), base_rate, by_name)
        rates = {by_name[queue]: rate for queue, rate in parts.items()}
    for pair, rate in rates.items():
        limits[pair] = min(rate, limits.get(pair, base_rate))


def _rate(decision: Decision, base_rate: int, queues: int) -> float:
    """Messages per hour and queue. Parameters that are absent do not bind; none at all is an error."""
    bounds: list[float] = []
    if (factor := _number(decision, "factor")) is not None:
        bounds.append(base_rate * factor)
    if (absolute := _number(decision, "rate_per_hour")) is not None:
        bounds.append(absolute)
    if (messages := _number(decision, "messages")) is not None:
        bounds.append(messages * (timedelta(hours=1) / PROBE_SPAN) / max(1, queues))
    if not bounds:
        raise BadInput(f"a {decision.action} without factor, rate or number of messages")
    return min(bounds)


def _number(decision: Decision, name: str) -> float | None:
    value = decision.parameters.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise BadInput(f"{name} must be a number above 0")
    return float(value)


def _add(wants: dict[str, Want], knob: Knob, number: int, lifetime: timedelta) -> None:
    old = wants.get(knob.name)
    if old is None:
        wants[knob.name] = Want(knob, (number,), lifetime)
    elif number not in old.decisions:
        wants[knob.name] = Want(knob, (*old.decisions, number), max(lifetime, old.lifetime))
