"""What two pages of the console read: a provider over time with what would happen next, and an address's history.

Decode, call, return. Decides how long a span may be and how coarse its points are; what is near to acting is decided
in `governance.outlook`.
"""

import ipaddress
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs
from litestar import get
from litestar.params import FromPath, FromQuery

from ignite_adapters.postgres.governance import PostgresGovernanceStore
from ignite_adapters.postgres.isp_reading import IspReading
from ignite_adapters.postgres.pool import Pool
from ignite_adapters.postgres.reading import ReadingRoom
from ignite_app.clock import Clock
from ignite_domain.errors import BadInput, NotFound
from ignite_domain.governance.outlook import Ahead, Prospect, ahead, prospects
from ignite_domain.governance.rules import Rule
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.slices import COARSE_MINUTES
from ignite_domain.governance.steering import Steering
from ignite_domain.governance.words import Signal
from ignite_domain.isps import Isp

MAX_HOURS: Final = 24 * 90  # the history is kept so long
POINTS: Final = 300
"""At most so many points a line: what a chart of this width can show."""
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
BUCKETS: Final = tuple(timedelta(minutes=m) for m in (5, 15, 60, 360))
REPORTED_FOR: Final = timedelta(days=7)
PLACES: Final = ("ip", "job", "queue")
POINT: Final = ("at", "n", "x", "s", "h")
SHOWN: Final = (Signal.DEFERRAL, Signal.REFUSAL, Signal.BOUNCE, Signal.COMPLAINT)
Rules = Callable[[], Awaitable[Sequence[Rule]]]


@attrs.frozen
class IspPageDeps:
    """`rules`: the table in force now. `addresses`: VMTA -> address; `cold`: address under the ladder -> VMTA."""

    pool: Pool
    clock: Clock
    rules: Rules
    steering: Steering
    addresses: Mapping[str, str]
    cold: Mapping[str, str]
    complaint_median: timedelta


def _isp(text: str) -> Isp:
    if text not in set(Isp):
        raise NotFound(f"no such provider; there are {', '.join(Isp)}")
    return Isp(text)


def _bucket(hours: float) -> timedelta:
    return next((one for one in BUCKETS if timedelta(hours=hours) / one <= POINTS), BUCKETS[-1])


def _prospect(one: Prospect) -> dict[str, Any]:
    rule = one.rule
    return {
        "rule": rule.id,
        "agent": rule.agent,
        "says": rule.says,
        "action": rule.action,
        "parameters": dict(rule.parameters),
        "lifetime_s": rule.lifetime.total_seconds(),
        "test": rule.test,
        "signal": rule.signal,
        "scope_type": rule.scope,
        "scope": one.scope,
        "places": one.places,
        "window_s": rule.window_s,
        "n": one.seen.n,
        "x": one.seen.x,
        "way": round(one.way, 4),
        "measures": [attrs.asdict(measure) | {"way": round(measure.way, 4)} for measure in one.measures],
        "note": one.note,
    }


def _ahead(one: Ahead) -> dict[str, Any]:
    probe = one.probe
    return {
        "decision": one.decision.id,
        "agent": one.decision.agent,
        "action": one.decision.action,
        "target": one.decision.target,
        "status": one.decision.status,
        "at": one.decision.at,
        "until": one.decision.until,
        "then": one.then,
        "probe": None
        if probe is None or one.seen is None
        else {
            "id": probe.id,
            "at": probe.at,
            "until": probe.until,
            "n": one.seen.n,
            "x": one.seen.x,
            "weight": round(one.weight, 3),
            "accept": one.accept,
            "verdict": one.verdict,
        },
    }


def _alarm(signals: SignalProcessor, scope: tuple[str, str, str], signal: Signal) -> dict[str, Any]:
    """The band and the limit in force there: a busy stream is granted a higher share."""
    level = signals.level(*scope, signal)
    return {"p0": level.p0, "p1": level.p1, "s": signals.statistic(*scope, signal), "alarm": level.alarm}


def routes(deps: IspPageDeps) -> list[Any]:
    """The handlers, for the app factory."""
    reading = IspReading(deps.pool)
    store = PostgresGovernanceStore(deps.pool)
    room = ReadingRoom(deps.pool)

    @get("/api/v1/isps/{isp:str}", tags=["agents"])
    async def provider(
        isp: FromPath[str],
        hours: FromQuery[float] = 24.0,
        to: FromQuery[datetime | None] = None,
        of: FromQuery[str] = "",
    ) -> dict[str, Any]:
        """A provider's page: signals over time with the band of each alarm, decisions, agents, and what would happen
        next. `series`: points [at, n, x, s, h] in buckets of `bucket_s`, of the `hours` before `to`, which is now
        unless it is given; s is the highest statistic of the alarm in a bucket, h its limit. `of`: the signals of one
        address, job or queue instead, as type/name; `places` are those that there are."""
        which = _isp(isp)
        if not 0 < hours <= MAX_HOURS:  # also refuses what is not a number
            raise BadInput(f"hours: must be above 0 and at most {MAX_HOURS}")
        now: datetime = deps.clock.now()
        bucket = _bucket(hours)
        end = to.astimezone(UTC) if to else now
        since = max(end, _EARLIEST) - timedelta(hours=hours)
        kind, _, name = of.partition("/") if of else ("isp", "", isp)
        if of and (kind not in PLACES or not name):
            raise BadInput(f"of: must be one of {', '.join(PLACES)}, a slash and a name")
        bucket = max(bucket, timedelta(minutes=COARSE_MINUTES)) if of else bucket
        rows = await reading.series((isp, kind, name), since, end, bucket)
        signals = SignalProcessor(await reading.states(isp), deps.complaint_median)
        signals.plan(await store.planned())  # a level serves what lies ahead, too
        reported = await store.reported((now - REPORTED_FOR).date())
        near = prospects(which, await deps.rules(), signals, deps.cold, reported, now)
        return {
            "isp": isp,
            "at": now,
            "since": since,
            "bucket_s": bucket.total_seconds(),
            "of": of,
            "places": [f"{one}/{name}" for one in PLACES for name in signals.scopes(isp, one)],
            "series": [
                {
                    "signal": signal,
                    **_alarm(signals, (isp, kind, name), signal),
                    "points": [[row[key] for key in POINT] for row in rows if row["signal"] == signal],
                }
                for signal in SHOWN
            ],
            "agents": [row for row in await room.agents() if row["isp"] == isp],
            "decisions": await reading.marks(isp, since),
            "ahead": [_ahead(one) for one in ahead(which, await store.standing(), signals, deps.steering, now)],
            "prospects": [_prospect(one) for one in near],
        }

    @get("/api/v1/ips", tags=["agents"])
    async def addresses() -> dict[str, Any]:
        """Sending addresses: those of the settings, and those that were counted; attempts of the last day."""
        counted = {row["ip"]: row["attempts"] for row in await reading.addresses()}
        known = list(dict.fromkeys([*deps.addresses.values(), *counted]))
        items = [
            {"ip": ip, "attempts": counted.get(ip, 0), "vmtas": _vmtas(ip), "cold": ip in deps.cold} for ip in known
        ]
        return {"items": items, "next": None}

    @get("/api/v1/ips/{ip:str}", tags=["agents"])
    async def address(ip: FromPath[str]) -> dict[str, Any]:
        """History of an address by provider: hours of the last day, outcomes of thirty days, decisions that named it,
        and its warm-up days."""
        try:
            plain = str(ipaddress.ip_address(ip))
        except ValueError:
            raise BadInput("ip: must be an IPv4 or IPv6 address") from None
        now = deps.clock.now()
        return {
            "ip": plain,
            "at": now,
            "vmtas": _vmtas(plain),
            "cold": plain in deps.cold,
            "counted": await reading.counted(plain),
            "outcomes": await reading.outcomes(plain, now.date()),
            "decisions": await reading.named(plain, _vmtas(plain)),
            "warmup": await reading.warmup(plain, now.date()),
        }

    def _vmtas(ip: str) -> list[str]:
        return sorted(name for name, at in deps.addresses.items() if at == ip)

    return [provider, addresses, address]
