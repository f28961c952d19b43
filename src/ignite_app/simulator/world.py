"""The receivers' side of the world: who exists, what each ISP can take, and what it answers.

Hidden from the sender: it learns of it through replies alone. Dice decide everything that is a matter of
chance; only capacity and heat depend on how hard somebody sends. In a calm world 1-3 % of first attempts
are deferred, under 1.5 % of verified people bounce, and no limit is met at ordinary rates.
"""

from enum import StrEnum
from types import MappingProxyType
from typing import Final

import attrs

from ignite_app.simulator.dice import Dice
from ignite_app.simulator.incidents import LASTING, Incident, IncidentKind
from ignite_app.simulator.isps import ReplyText, Situation, words
from ignite_domain.isps import Isp, isp_of, limiter_group


class Reach(StrEnum):
    """What DNS and the network say about a domain."""

    GOOD = "good"
    NO_DOMAIN = "no_domain"
    NULL_MX = "null_mx"
    DNS_FAILS = "dns_fails"
    NO_ANSWER = "no_answer"


class Truth(StrEnum):
    """What a mailbox is. A catch-all domain accepts its invalid ones and may bounce them later."""

    GOOD = "good"
    INVALID = "invalid"
    DISABLED = "disabled"
    FULL = "full"
    FULL_LATER = "full_later"
    POLICY = "policy"


@attrs.frozen
class Destination:
    """A domain as mail meets it. `isp` None: elsewhere."""

    domain: str
    reach: Reach
    isp: Isp | None
    group: str
    mx: tuple[str, ...]
    catch_all: bool = False
    greylists: bool = False


@attrs.frozen
class Answer:
    """One SMTP answer, blanks filled in."""

    reply: ReplyText
    text: str
    mx: str
    situation: Situation


MX_HOSTS: Final = MappingProxyType(
    {
        "gmail": ("gmail-smtp-in.l.google.com", "alt1.gmail-smtp-in.l.google.com"),
        "yahoo": ("mta5.am0.yahoodns.net", "mta6.am0.yahoodns.net", "mta7.am0.yahoodns.net"),
        "att": ("mx-att.mail.am0.yahoodns.net",),
        "cox": ("mx-cox.mail.am0.yahoodns.net",),
        "aol": ("mx-aol.mail.gm0.yahoodns.net",),
        "microsoft": ("outlook-com.olc.protection.outlook.com",),
        "apple": ("mx01.mail.icloud.com", "mx02.mail.icloud.com"),
        "comcast": ("mx1a1.comcast.net", "mx2c1.comcast.net"),
        "charter": ("mx0.charter.net",),
        "google-hosted": ("aspmx.l.google.com", "alt1.aspmx.l.google.com"),
    }
)

MISSPELT: Final = frozenset(
    "gmial.com gmai.com gnail.com gmail.co gmail.con hotnail.com hotmial.com yaho.com yahooo.com outlok.com iclod.com "
    "comcst.net yachoo.ca".split()
)
_NOWHERE: Final = (".invalid", ".test", ".local", ".example")
SHARE: Final = {"gmail": 0.26, "yahoo": 0.17, "microsoft": 0.12, "apple": 0.06, "comcast": 0.04, "charter": 0.03}
"""Of a list, by limiter group; what an incident's remaining capacity is measured by."""
HEAT_HALF_LIFE: Final = 360.0
HEAT_PER_REFUSAL: Final = 0.004
CALM_HEAT: Final = 0.1
_SITUATION_OF: Final = {
    Truth.INVALID: Situation.UNKNOWN_USER,
    Truth.DISABLED: Situation.DISABLED,
    Truth.FULL: Situation.FULL,
    Truth.FULL_LATER: Situation.FULL_LATER,
    Truth.POLICY: Situation.POLICY,
}
_ACCEPTED_INVALID: Final = frozenset({Truth.INVALID, Truth.DISABLED})


@attrs.define
class _Bucket:
    tokens: float
    at: float


@attrs.define
class _Limits:
    """How hot one limiter group is. `began` None until its incident starts."""

    heat: float = 0.0
    at: float = 0.0
    first: float | None = None
    attempts: int = 0
    began: float | None = None


@attrs.define(eq=False)
class World:
    """`cold` are the addresses that ISPs do not know. `subscribers` scales capacities."""

    dice: Dice
    subscribers: int
    incident: Incident | None = None
    cold: frozenset[str] = frozenset()
    addresses: int = 3
    _destinations: dict[str, Destination] = attrs.field(factory=dict)
    _buckets: dict[tuple[str, str], _Bucket] = attrs.field(factory=dict)
    _limits: dict[str, _Limits] = attrs.field(factory=dict)

    # -- who exists

    def destination(self, domain: str) -> Destination:
        """What there is at `domain` (ASCII form)."""
        name = domain.lower().rstrip(".")
        if name not in self._destinations:
            self._destinations[name] = self._look(name)
        return self._destinations[name]

    def _look(self, name: str) -> Destination:
        brand = isp_of(name)
        if name in MISSPELT or name.endswith(_NOWHERE) or "." not in name:
            return Destination(name, Reach.NO_DOMAIN, brand, name, ())
        if brand is not None:
            hosts = MX_HOSTS["aol" if name in ("aol.com", "aim.com") else brand.value]
            return Destination(name, Reach.GOOD, brand, limiter_group(hosts, name), hosts)
        roll = self.dice.unit("hosting", name)
        for reach, edge in (
            (Reach.NO_DOMAIN, 0.012),
            (Reach.NULL_MX, 0.018),
            (Reach.DNS_FAILS, 0.021),
            (Reach.NO_ANSWER, 0.024),
        ):
            if roll < edge:
                hosts = (f"mx.{name}",) if reach is Reach.NO_ANSWER else ()
                return Destination(name, reach, None, name, hosts)
        if roll < 0.13:
            hosts = MX_HOSTS["google-hosted"]
        elif roll < 0.27:
            hosts = (f"{name.replace('.', '-')}.mail.protection.outlook.com",)
        else:
            hosts = (f"mx1.{name}", f"mx2.{name}")[: 1 + self.dice.chance(0.4, "second mx", name)]
        own = roll >= 0.27
        return Destination(
            name,
            Reach.GOOD,
            isp_of(name, hosts),
            limiter_group(hosts, name),
            hosts,
            catch_all=own and self.dice.chance(0.08, "catch-all", name),
            greylists=own and self.dice.chance(0.012, "greylists", name),
        )

    def truth(self, address: str, destination: Destination) -> Truth:
        """What the mailbox really is, whatever any verifier thinks."""
        roll = self.dice.unit("truth", address.lower())
        for truth, edge in (
            (Truth.INVALID, 0.025),
            (Truth.DISABLED, 0.029),
            (Truth.FULL, 0.032),
            (Truth.FULL_LATER, 0.0325),
        ):
            if roll < edge:
                return truth
        if destination.isp is None and roll < 0.035:
            return Truth.POLICY
        return Truth.GOOD

    def returns_later(self, address: str, destination: Destination) -> bool:
        """Whether a catch-all domain that accepted this mail sends it back afterwards."""
        return (
            destination.catch_all
            and self.truth(address, destination) in _ACCEPTED_INVALID
            and self.dice.chance(0.4, "returns later", address.lower())
        )

    # -- what they answer

    def answer(
        self, *, ip: str, destination: Destination, rcpt: str, message: object, attempt: int, now: float
    ) -> Answer:
        """The receiver's answer to one recipient. `attempt` counts from 1; `now` is business seconds."""
        situation = self._situation(ip, destination, rcpt, message, attempt, now)
        reply = self.dice.pick(words(destination.group, situation), "words", message, attempt)
        mx = self.dice.pick(destination.mx, "mx", message, attempt) if destination.mx else ""
        text = reply.text.format(
            ip=ip,
            rcpt=rcpt,
            domain=destination.domain,
            mx=mx,
            id=f"{int(self.dice.unit('reply id', message, attempt) * 2**40):010x}",
        )
        return Answer(reply, text, mx, situation)

    def _situation(
        self, ip: str, destination: Destination, rcpt: str, message: object, attempt: int, now: float
    ) -> Situation:
        limits = self._limits.setdefault(destination.group, _Limits(at=now))
        self._advance(destination.group, limits, now)
        incident = self._active(destination.group, limits, now)
        if incident and incident.kind is IncidentKind.IP_BLOCK and ip == incident.ip:
            return Situation.BLOCKED
        if not self._has_room(ip, destination.group, limits, now):
            limits.heat = min(1.0, limits.heat + HEAT_PER_REFUSAL)
            speaks_of_connections = self.dice.chance(0.05, "too many", message, attempt)
            return Situation.CONNECTIONS if speaks_of_connections else Situation.RATE_LIMIT
        if destination.greylists and attempt == 1:
            return Situation.GREYLIST
        if self.dice.chance(0.018 if attempt == 1 else 0.006, "busy", message, attempt):
            return Situation.BUSY
        truth = self.truth(rcpt, destination)
        if destination.catch_all and truth in _ACCEPTED_INVALID:
            return Situation.ACCEPTED
        if truth is not Truth.GOOD:
            return _SITUATION_OF[truth]
        if incident and incident.kind is IncidentKind.BOUNCE_WAVE and self.dice.chance(0.45, "wave", rcpt.lower()):
            return Situation.UNKNOWN_USER
        return Situation.ACCEPTED

    def _advance(self, group: str, limits: _Limits, now: float) -> None:
        """Cool down, count, and let the incident begin when its time has come."""
        limits.heat *= 0.5 ** (max(0.0, now - limits.at) / HEAT_HALF_LIFE)
        limits.at = max(limits.at, now)
        limits.attempts += 1
        if limits.first is None:
            limits.first = now
        incident = self.incident
        if incident and incident.group == group and limits.began is None:
            by_count = incident.after_messages > 0 and limits.attempts >= incident.after_messages
            if by_count or now - limits.first >= incident.starts_after:
                limits.began = now
                if incident.kind is IncidentKind.RATE_LIMIT:
                    limits.heat = 0.95
        if incident and incident.kind is IncidentKind.RATE_LIMIT and self._active(group, limits, now):
            limits.heat = max(limits.heat, 0.92 if incident.lasts == LASTING else 0.6)

    def _active(self, group: str, limits: _Limits, now: float) -> Incident | None:
        incident = self.incident
        if incident is None or incident.group != group or limits.began is None:
            return None
        return incident if now - limits.began < incident.lasts else None

    def _has_room(self, ip: str, group: str, limits: _Limits, now: float) -> bool:
        """Take a token of the (address, group)'s hidden hourly capacity."""
        if limits.heat > CALM_HEAT:
            whole = max(60.0, self.subscribers * SHARE.get(group, 0.02)) / self.addresses
            per_hour = whole * max(0.01, 2 * (1 - limits.heat) ** 2)
        else:
            per_hour = 4_000.0 if ip in self.cold else max(60_000.0, self.subscribers * 4.0)
        room = max(1.0, per_hour / 12)
        bucket = self._buckets.setdefault((ip, group), _Bucket(room, now))
        bucket.tokens = min(room, bucket.tokens + max(0.0, now - bucket.at) * per_hour / 3600)
        bucket.at = max(bucket.at, now)
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def trouble(self, now: float) -> dict[str, str]:
        """For the status page: what is going on, unseen by the sender."""
        incident = self.incident
        if incident is None:
            return {"state": "none"}
        limits = self._limits.get(incident.group)
        began = limits.began if limits else None
        state = "waiting" if began is None else "on" if now - began < incident.lasts else "over"
        return {"state": state, "kind": incident.kind.value, "group": incident.group, "ip": incident.ip}
