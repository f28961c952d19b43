"""What a demo run is made of: where things lie, how fast time runs, and the settings of every child.

Decides the numbers of the demonstration; what they do is decided by the parts themselves.
"""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import attrs

from ignite_app.clock import Clock
from ignite_app.demo.content import SITE
from ignite_app.simulator.incidents import incident_of

DEMO_START: Final = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
"""A Monday morning: business time begins here, so a run does not depend on the day it is made."""

VMTAS: Final = (
    {"name": "mta1", "ip": "192.0.2.11", "cold": False},
    {"name": "mta2", "ip": "192.0.2.12", "cold": False},
    {"name": "mta3", "ip": "192.0.2.13", "cold": False},
    {"name": "mta4", "ip": "192.0.2.14", "cold": True},
)
"""Three warm addresses and a cold one, each used for every ISP (documentation range of RFC 5737)."""

SITE_DOMAIN: Final = SITE.removeprefix("https://")
SITE_HERE: Final = "discountblog.localhost"
"""The same site for a person's browser: names below localhost lead to this machine (RFC 6761 section 6.3)."""

LIVE_RATE: Final = 60.0  # a minute of business in a second: a person can follow it
ONCE_RATE: Final = 240.0
LIVE_HASTE: Final = 2.0
ONCE_HASTE: Final = 4.0
"""People's delays are divided by this, so that a run of an hour or two of business shows a day's habits."""


@attrs.frozen
class DemoOptions:
    """What the command line asked for. `subscribers` is the number of data rows to seed, dirty ones included."""

    subscribers: int = attrs.field(default=20_000, validator=attrs.validators.ge(200))
    seed: int = 1
    once: bool = False
    as_json: bool = False
    keep: Path | None = None
    incident: str = "auto"
    port: int = 0
    database: str = attrs.field(default="", repr=False)  # DSN of an empty database; "": an embedded server


@attrs.frozen
class RunPlaces:
    """The folders of one run, all below `root`."""

    root: Path

    @property
    def bucket(self) -> Path:
        return self.root / "bucket" / "jvc-email-data"

    @property
    def accounting(self) -> Path:
        return self.root / "acct"

    @property
    def simulator(self) -> Path:
        return self.root / "simulator.jsonl"

    @property
    def ssh(self) -> Path:
        return self.root / "ssh.jsonl"

    @property
    def websocket(self) -> Path:
        return self.root / "ws.jsonl"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def config(self) -> Path:
        return self.root / "config.yaml"

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"


@attrs.frozen
class Secrets:
    """Made anew for every run; they never leave the run's folder."""

    tracking: str = attrs.field(factory=lambda: secrets.token_urlsafe(32), repr=False)
    api_key: str = attrs.field(factory=lambda: secrets.token_urlsafe(24), repr=False)
    console: str = attrs.field(factory=lambda: secrets.token_urlsafe(18), repr=False)
    verifier: str = attrs.field(factory=lambda: secrets.token_urlsafe(18), repr=False)


def settings_of(
    options: DemoOptions,
    places: RunPlaces,
    clock: Clock,
    secret: Secrets,
    *,
    dsn: str,
    api_port: int,
    simulator: dict[str, Any],
    host_key: str,
) -> dict[str, Any]:
    """The YAML document that the API and the workers of this run start from.

    `simulator` holds the ports that the simulator chose: smtp, ssh, dns, verifier.
    """
    fast = options.once
    return {
        "database": {"dsn": dsn},
        "bucket": {"kind": "directory", "directory": str(places.bucket.parent), "poll_seconds": 300},
        "dns": {"nameserver": f"127.0.0.1:{simulator['dns']}"},
        "verifier": {
            "url": f"http://127.0.0.1:{simulator['verifier']}/verify",
            "api_key": secret.verifier,
            "poll_seconds": 60 if fast else 10,
        },
        "pmta": {
            "smtp_port": simulator["smtp"],
            "ssh_port": simulator["ssh"],
            "ssh_key": str(places.root / "ssh" / "client"),
            "ssh_host_key": host_key,
            "accounting_dir": str(places.accounting),
            "accounting_poll_seconds": 120 if fast else 30,
            "bounce_after_hours": 1.5 if fast else 2,  # as the simulated host has it
            "vmtas": [{**vmta, "pool": "cold" if vmta["cold"] else "warm"} for vmta in VMTAS],
        },
        "governance": {
            "generated_host_key": host_key,
            "apply_poll_seconds": 60 if fast else 15,
            "approval_minutes": 15 if fast else 120,  # two minutes for the person who watches
        },
        "campaign": {"deadline_hours": 24},
        "tracking": {
            "secret": secret.tracking,
            "base_url": f"http://127.0.0.1:{api_port}",
            "owned_domains": [SITE_DOMAIN, SITE_HERE],
        },
        "api": {
            "port": api_port,
            "keys": {"demo": secret.api_key},
            "console_token": secret.console,
        },
        "clock": {
            "rate": clock.rate,
            "anchor_real": clock.anchor_real,
            "anchor_business": clock.anchor_business.isoformat(),
        },
    }


def world_of(
    options: DemoOptions,
    places: RunPlaces,
    clock: Clock,
    secret: Secrets,
    ports: Mapping[str, int],
    api_port: int,
) -> dict[str, Any]:
    """The YAML document of the simulator: the same clock and seed, ports chosen here, an incident by the seed."""
    incident = incident_of(
        options.seed, options.incident, tuple(str(v["ip"]) for v in VMTAS if not v["cold"]), options.subscribers
    )
    document: dict[str, Any] = {
        "directory": str(places.root),
        "accounting_dir": str(places.accounting),
        "clock": {
            "rate": clock.rate,
            "anchor_real": clock.anchor_real,
            "anchor_business": clock.anchor_business.isoformat(),
        },
        "seed": options.seed,
        "subscribers": options.subscribers,
        "vmtas": [dict(vmta) for vmta in VMTAS],
        "smtp_port": ports["smtp"],
        "ssh_port": ports["ssh"],
        "dns_port": ports["dns"],
        "verifier_port": ports["verifier"],
        "status_port": ports["status"],
        "ssh_authorised_key": str(places.root / "ssh" / "client.pub"),
        "ssh_host_key": str(places.root / "ssh" / "host"),
        "verifier_key": secret.verifier,
        "site_port": api_port,
        "haste": ONCE_HASTE if options.once else LIVE_HASTE,
        "appeals": [{"words": "less than in October", "opens": 1.2, "clicks": 1.6}],
    }
    if options.once:
        document |= {"retry_after": [600.0, 900.0, 1200.0], "bounce_after": 5400.0}
    if incident is not None:
        document["incident"] = attrs.asdict(incident) | {"kind": incident.kind.value}
    return document
