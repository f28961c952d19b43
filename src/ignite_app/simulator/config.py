"""Reads PMTA configuration: blocks, directives, durations, rates; refuses what PMTA would not know.

Decides what the settings of a queue are. What they do is `queues`' business. Precedence: the domain inside
the VMTA, then inside its pool, then global; an exact name before `*`; a rollup is asked by its own name.
Defaults and forms: PMTA's guide as the facts page has it. `NO_EFFECT` are directives that the simulator
accepts and does not model.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

import attrs


class ConfigError(Exception):
    """The message is what PMTA prints."""


@attrs.frozen
class Rate:
    """`count` messages per `seconds`."""

    count: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.count / self.seconds


_UNIT: Final = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_DURATION: Final = re.compile(r"(?:\d+[dhms])+\Z")
_RATE: Final = re.compile(r"(\d+)/(\d*)([dhms])(?:in|our|ay|ec)?\Z")


def duration(text: str) -> float:
    """Seconds of `4d12h`. Raises ValueError."""
    if not _DURATION.match(text):
        raise ValueError(text)
    return sum(int(number) * _UNIT[unit] for number, unit in re.findall(r"(\d+)([dhms])", text))


def maybe_duration(text: str) -> float | None:
    return None if text == "never" else duration(text)


def durations(text: str) -> tuple[float, ...]:
    return tuple(duration(part.strip()) for part in text.split(","))


def rate(text: str) -> Rate | None:
    """`N/[M]{d|h|m|s}` or unlimited. Raises ValueError."""
    if text == "unlimited":
        return None
    match = _RATE.match(text)
    if not match or int(match[1]) < 1:
        raise ValueError(text)
    return Rate(int(match[1]), int(match[2] or 1) * _UNIT[match[3]])


def whole(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def flag(text: str) -> bool:
    if text not in ("yes", "no", "true", "false"):
        raise ValueError(text)
    return text in ("yes", "true")


def _text(text: str) -> str:
    if not text:
        raise ValueError(text)
    return text


def _limit(text: str) -> int:
    return 10**9 if text == "unlimited" else whole(text)


MODELLED: Final[Mapping[str, Callable[[str], object]]] = {
    "max-msg-rate": rate,
    "max-smtp-out": _limit,
    "retry-after": durations,
    "bounce-after": duration,
    "backoff-max-msg-rate": rate,
    "backoff-max-smtp-out": _limit,
    "backoff-retry-after": durations,
    "backoff-to-normal-after": maybe_duration,
    "backoff-to-normal-after-delivery": flag,
    "backoff-upon-all-sources-disabled": flag,
    "smtp-pattern-list": _text,
    "reenable-source-ip-after": maybe_duration,
    "reroute-to-virtual-mta": str,  # "" clears what is inherited
}
"""Directives of a `<domain>` that change what the simulator does."""

NO_EFFECT: Final[Mapping[str, Callable[[str], object]]] = {
    "max-connect-rate": rate,
    "backoff-max-connect-rate": rate,
    "max-msg-per-connection": _limit,
    "max-rcpt-per-message": _limit,
    "smtp-out-rampup-interval": duration,
    "connection-idle-timeout": duration,
    "max-data-volume-rate": _text,
    "retry-recipients-after": duration,
    "backoff-notify": _text,
    "backoff-reroute-to-virtual-mta": _text,
    "queue-to": _text,
    "dkim-sign": flag,
    "use-starttls": flag,
    "require-starttls": flag,
    "log-transient-errors": flag,
    "disable-acct-records": _text,
    "max-cold-virtual-mta-msg": _text,
    "source-ip-max-msg-rate": _text,
    "source-ip-max-connect-rate": _text,
    "source-ip-max-smtp-out": _text,
    "domain-key": _text,
}
_VMTA: Final[Mapping[str, Callable[[str], object]]] = {
    "smtp-source-host": _text,
    "smtp-source-ip": _text,
    "host-name": _text,
    "auto-cold-virtual-mta": _text,
    "cold-virtual-mta": _text,
    "max-smtp-out": _limit,
    "max-smtp-msg-rate": rate,
    "domain-key": _text,
}
_BLOCKS: Final[Mapping[str, tuple[str, ...]]] = {
    "": ("virtual-mta", "virtual-mta-pool", "domain", "mx-rollup-list", "smtp-pattern-list"),
    "virtual-mta": ("domain",),
    "virtual-mta-pool": ("domain",),
}
_ACTIONS: Final = re.compile(
    r"(?:mode=(?:normal|backoff)|bounce-rcpt|bounce-queue|disable-source-ip|reenable-after=(?:\d+[dhms])+"
    r"|skip-mx|defer-queue)\Z"
)


@attrs.frozen
class QueueSettings:
    """How one queue delivers. Rates None: unlimited; `backoff_to_normal_after` None: never."""

    max_msg_rate: Rate | None = None
    max_smtp_out: int = 20
    retry_after: tuple[float, ...] = (600.0,)
    bounce_after: float = 388_800.0
    backoff_max_msg_rate: Rate | None = None
    backoff_max_smtp_out: int = 20
    backoff_retry_after: tuple[float, ...] = (3600.0,)
    backoff_to_normal_after: float | None = None
    backoff_to_normal_after_delivery: bool = False
    backoff_upon_all_sources_disabled: bool = False
    smtp_pattern_list: str = ""
    reenable_source_ip_after: float | None = None
    reroute_to_virtual_mta: str = ""


@attrs.frozen
class Pattern:
    """One `reply /regex/ actions` of a pattern list."""

    regex: re.Pattern[str]
    actions: Mapping[str, str]


Domains = dict[str, dict[str, object]]


@attrs.define
class Configuration:
    """What a set of files says. Build with `parse`; `files` is (name, text) in reading order."""

    sources: dict[str, str] = attrs.field(factory=dict)  # VMTA -> its address
    pools: dict[str, list[str]] = attrs.field(factory=dict)
    rollups: list[tuple[str, str]] = attrs.field(factory=list)  # MX pattern -> queue name
    patterns: dict[str, list[Pattern]] = attrs.field(factory=dict)
    domains: dict[tuple[str, str], Domains] = attrs.field(factory=dict)  # (scope kind, name) -> domains
    _settings: dict[tuple[str, str], QueueSettings] = attrs.field(factory=dict)

    def settings(self, domain: str, vmta: str) -> QueueSettings:
        """The settings of queue `domain/vmta`."""
        key = (domain, vmta)
        if key not in self._settings:
            merged: dict[str, object] = {}
            scopes = [("", "")]
            scopes += [("virtual-mta-pool", pool) for pool, members in self.pools.items() if vmta in members]
            scopes.append(("virtual-mta", vmta))
            for scope in scopes:  # later ones win
                table = self.domains.get(scope, {})
                merged |= table.get("*", {})
                merged |= table.get(domain, {})
            fields = {name.replace("-", "_"): value for name, value in merged.items() if name in MODELLED}
            if "backoff_max_msg_rate" not in fields and "max_msg_rate" in fields:
                fields["backoff_max_msg_rate"] = fields["max_msg_rate"]  # the guide: default is the normal value
            self._settings[key] = QueueSettings(**fields)  # type: ignore[arg-type]  # typed by MODELLED
        return self._settings[key]

    def raw(self, domain: str, vmta: str) -> dict[str, str]:
        """Name -> value as text, for `show settings`."""
        shown = attrs.asdict(self.settings(domain, vmta))
        return {name.replace("_", "-"): _shown(value) for name, value in shown.items()}

    def queue_domain(self, domain: str, mx: tuple[str, ...]) -> str:
        """The left half of the queue's name: the rollup of the first matching MX, else the domain."""
        for host in mx:
            for pattern, name in self.rollups:
                if host == pattern or (pattern.startswith("*.") and host.endswith(pattern[1:])):
                    return name
        return domain


def _shown(value: object) -> str:
    if value is None:
        return "unlimited/never"
    if isinstance(value, dict):
        return f"{value['count']}/{value['seconds']:.0f}s"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.0f}s"  # durations are the only ones
    if isinstance(value, tuple | list):
        return ",".join(f"{part:.0f}s" for part in value)
    return str(value)


@attrs.define
class _Reader:
    config: Configuration
    file: str
    line: int = 0
    stack: list[tuple[str, str, int]] = attrs.field(factory=list)

    def fail(self, what: str, line: int | None = None) -> ConfigError:
        return ConfigError(f"Error in line {line or self.line} of {self.file}: {what}")

    def read(self, text: str) -> None:
        for number, raw in enumerate(text.splitlines(), 1):
            self.line = number
            line = raw.strip()
            if not line or line.startswith("#"):
                continue
            if line.startswith("</"):
                self._close(line)
            elif line.startswith("<"):
                self._open(line)
            else:
                name, _, rest = line.partition(" ")
                self._directive(name.lower(), rest.strip())
        if self.stack:
            kind, _, opened = self.stack[-1]
            raise self.fail(f"<{kind}> is not closed", opened)

    def _open(self, line: str) -> None:
        match = re.fullmatch(r"<([a-z-]+)\s*([^<>]*?)>", line)
        if not match:
            raise self.fail(f"syntax error: {line[:60]}")
        kind, name = match[1], match[2].strip()
        outer = self.stack[-1][0] if self.stack else ""
        if kind not in _BLOCKS.get(outer, ()):
            raise self.fail(f"unknown section <{kind}>")
        if not name and kind != "mx-rollup-list":
            raise self.fail(f"<{kind}> needs a name")
        self.stack.append((kind, name, self.line))
        if kind == "virtual-mta":
            self.config.sources.setdefault(name, "")
        elif kind == "virtual-mta-pool":
            self.config.pools.setdefault(name, [])
        elif kind == "smtp-pattern-list":
            self.config.patterns[name] = []
        elif kind == "domain":
            self._domains().setdefault(name.lower(), {})

    def _close(self, line: str) -> None:
        if not self.stack or line != f"</{self.stack[-1][0]}>":
            raise self.fail(f"unexpected {line[:60]}")
        self.stack.pop()

    def _domains(self) -> Domains:
        outer = self.stack[-2] if len(self.stack) > 1 else ("", "", 0)
        return self.config.domains.setdefault((outer[0], outer[1]), {})

    def _directive(self, name: str, value: str) -> None:
        kind, block, _ = self.stack[-1] if self.stack else ("", "", 0)
        if kind == "domain":
            self._domains()[block.lower()][name] = self._value(name, value, {**MODELLED, **NO_EFFECT})
        elif kind == "virtual-mta":
            self._value(name, value, _VMTA)
            if name in ("smtp-source-host", "smtp-source-ip"):
                self.config.sources[block] = value.split()[0]
        elif kind == "virtual-mta-pool" and name == "virtual-mta":
            self.config.pools[block].append(self._known_vmta(value))
        elif kind == "mx-rollup-list" and name == "mx":
            words = value.split()
            if len(words) < 2 or not words[1].endswith(".rollup"):
                raise self.fail("mx needs a host pattern and a queue name that ends in .rollup")
            self.config.rollups.append((words[0].lower(), words[1].lower()))
        elif kind == "smtp-pattern-list" and name == "reply":
            self.config.patterns[block].append(self._pattern(value))
        else:
            raise self.fail(f'unknown directive "{name}"')

    def _known_vmta(self, name: str) -> str:
        if name not in self.config.sources:
            raise self.fail(f'unknown virtual-mta "{name}"')
        return name

    def _value(self, name: str, value: str, table: Mapping[str, Callable[[str], object]]) -> object:
        if name not in table:
            raise self.fail(f'unknown directive "{name}"')
        try:
            return table[name](value.strip('"'))
        except ValueError:
            raise self.fail(f'invalid value "{value}" for {name}') from None

    def _pattern(self, value: str) -> Pattern:
        match = re.fullmatch(r"/((?:[^/\\]|\\.)+)/\s+(\S+)", value)
        if not match:
            raise self.fail("reply needs /pattern/ and actions")
        actions = {}
        for part in match[2].split(","):
            if not _ACTIONS.match(part):
                raise self.fail(f'unknown action "{part}"')
            name, _, argument = part.partition("=")
            actions[name] = argument
        try:
            return Pattern(re.compile(match[1], re.IGNORECASE), actions)
        except re.error:
            raise self.fail("invalid regular expression") from None


def parse(files: list[tuple[str, str]]) -> Configuration:
    """Read `files` one after the other. Raises ConfigError naming file and line."""
    config = Configuration()
    for name, text in files:
        _Reader(config, name).read(text)
    for vmta, source in config.sources.items():
        if not source:
            raise ConfigError(f'Error in {files[-1][0]}: virtual-mta "{vmta}" has no smtp-source-host')
    for table in config.domains.values():
        for directives in table.values():
            other = directives.get("reroute-to-virtual-mta")
            if other and other not in config.sources:
                raise ConfigError(f'Error in {files[-1][0]}: unknown virtual-mta "{other}"')
            wanted = directives.get("smtp-pattern-list")
            if wanted is not None and wanted not in config.patterns:
                raise ConfigError(f'Error in {files[-1][0]}: unknown smtp-pattern-list "{wanted}"')
    return config
