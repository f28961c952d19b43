"""Every setting, its default, and what it does. Loaded by `settings_loader` from YAML and environment.

Secrets are `Secret`: they print as stars. Paths are strings; relative ones are relative to the
working directory.
"""

import re
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import attrs

from ignite_domain.governance.words import Mode


class Secret(str):
    """A value that must not be shown: `repr` and `config` print stars."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


def _long(_: object, __: object, value: str | tuple[str, ...] | dict[str, str]) -> None:
    """Secrets that sign or open something. The message says whose, never what: a long name may be a key misplaced."""
    if isinstance(value, str):
        whose = {"": value}
    else:
        named = value.items() if isinstance(value, dict) else [("", one) for one in value]
        whose = {
            f"{name if 0 < len(name) < SECRET_LENGTH else f'number {place}'}: ": one
            for place, (name, one) in enumerate(named, 1)
        }
    short = [name for name, one in whose.items() if 0 < len(one) < SECRET_LENGTH]
    if short:
        raise ValueError("; ".join(f"{name}needs at least {SECRET_LENGTH} characters" for name in short))


def _web(_: object, __: object, value: str) -> None:
    """An address to call or to hand out; empty means none."""
    if value and not re.match(r"https?://[^\s/]", value):
        raise ValueError("expected an address that begins with http:// or https://")


SECRET_LENGTH: Final = 16
_POSITIVE: Final[Any] = attrs.validators.gt(0)
_NOT_NEGATIVE: Final[Any] = attrs.validators.ge(0)
_PORT: Final = attrs.validators.and_(attrs.validators.ge(1), attrs.validators.le(65535))
_LEVELS: Final = ("debug", "info", "warning", "error")


@attrs.frozen
class DatabaseSettings:
    dsn: Secret = Secret("")  # empty: an embedded server in data_dir
    data_dir: str = ".ignite/postgres"
    pool_size: int = attrs.field(default=8, validator=attrs.validators.ge(2))
    event_retention_months: int = attrs.field(default=25, validator=attrs.validators.ge(1))
    # what was counted, for charts; whole months go, so a month may be kept until its last day is so old
    signal_retention_days: int = attrs.field(default=90, validator=attrs.validators.ge(1))
    # decisions that are over, with their commands and rates; what stands is kept
    decision_retention_months: int = attrs.field(default=13, validator=attrs.validators.ge(1))
    partitions_ahead: int = attrs.field(default=3, validator=attrs.validators.ge(1))


@attrs.frozen
class BucketSettings:
    kind: str = attrs.field(default="directory", validator=attrs.validators.in_(("directory", "s3", "memory")))
    name: str = "jvc-email-data"
    directory: str = ".ignite/bucket"  # kind directory: the bucket is the folder directory/name
    endpoint_url: str = attrs.field(default="", validator=_web)  # kind s3: empty means AWS
    region: str = "us-east-1"
    access_key: Secret = Secret("")
    secret_key: Secret = Secret("")
    poll_seconds: float = attrs.field(default=300.0, validator=_POSITIVE)


@attrs.frozen
class DnsSettings:
    nameserver: str = ""  # "ip:port"; empty: the system's resolver
    timeout_seconds: float = attrs.field(default=5.0, validator=_POSITIVE)
    concurrency: int = attrs.field(default=100, validator=_POSITIVE)
    # how often the brands' own domains are asked for: a move to other MX hosts is an alert
    brand_check_hours: float = attrs.field(default=12.0, validator=_POSITIVE)


@attrs.frozen
class VerifierSettings:
    url: str = attrs.field(default="", validator=_web)  # empty: no third party; addresses stop at 0.25
    api_key: Secret = Secret("")
    batch: int = attrs.field(default=500, validator=_POSITIVE)
    timeout_seconds: float = attrs.field(default=15.0, validator=_POSITIVE)
    poll_seconds: float = attrs.field(default=20.0, validator=_POSITIVE)


@attrs.frozen
class VmtaSettings:
    """A virtual MTA, named as in PMTA's configuration. `cold`: under the warm-up ladder; `pool`: counted with it."""

    name: str
    ip: str
    cold: bool = False
    pool: str = ""


@attrs.frozen
class PmtaSettings:
    host: str = "127.0.0.1"
    smtp_port: int = attrs.field(default=2525, validator=_PORT)
    smtp_connections: int = attrs.field(default=4, validator=attrs.validators.ge(1))
    ssh_port: int = attrs.field(default=22, validator=_PORT)
    ssh_user: str = "ignite"
    ssh_key: str = ""  # path of the private key
    ssh_host_key: str = ""  # the host's public key, one line, as in known_hosts without the host
    accounting_dir: str = ".ignite/acct"
    accounting_poll_seconds: float = attrs.field(default=10.0, validator=_POSITIVE)
    # PMTA's own bounce-after: how long it keeps mail that it cannot deliver
    bounce_after_hours: float = attrs.field(default=108.0, validator=_POSITIVE)
    vmtas: tuple[VmtaSettings, ...] = ()


def _named_long(owner: object, attribute: "attrs.Attribute[Any]", value: str) -> None:
    try:
        _long(owner, attribute, value)
    except ValueError as wrong:
        raise ValueError(f"'{attribute.name}' {wrong}") from None


@attrs.frozen
class AccountingHost:
    """The accounting log of one more PMTA host: exactly one of a folder, SSH (SFTP), and pushes of its own."""

    name: str = attrs.field(validator=attrs.validators.matches_re(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"))
    dir: str = ""  # a local folder
    ssh_host: str = ""
    ssh_port: int = attrs.field(default=22, validator=_PORT)
    ssh_user: str = "ignite"
    ssh_key: str = ""  # path of the private key
    ssh_host_key: str = ""  # the host's public key, one line
    ssh_dir: str = "/var/log/pmta"
    push_secret: Secret = attrs.field(default=Secret(""), validator=_named_long)  # signs POST /api/v1/accounting/{name}


def _hosts(_: object, __: object, value: tuple[AccountingHost, ...]) -> None:
    names = [host.name for host in value]
    for index, host in enumerate(value):
        if sum(bool(way) for way in (host.dir, host.ssh_host, host.push_secret)) != 1:
            raise ValueError(f"hosts.{index} ({host.name}): give exactly one of dir, ssh_host and push_secret")
        if host.ssh_host and not (host.ssh_key and host.ssh_host_key):
            raise ValueError(f"hosts.{index} ({host.name}): ssh_host needs ssh_key and ssh_host_key")
        if names.index(host.name) != index:
            raise ValueError(f"hosts.{index}: the name {host.name} is taken")


@attrs.frozen
class AccountingSettings:
    """Accounting logs beside `pmta.accounting_dir` (which may be empty if they are all here), and their checks."""

    hosts: tuple[AccountingHost, ...] = attrs.field(default=(), validator=_hosts)
    # without a record for so long, while there must be some, the feed is stalled
    stalled_minutes: float = attrs.field(default=10.0, validator=_POSITIVE)
    # a host's clock may be ahead of ours by so much
    skew_seconds: float = attrs.field(default=60.0, validator=_POSITIVE)


@attrs.frozen
class AlertSettings:
    """Where operator alerts go, beside the API and the log."""

    webhook_url: str = attrs.field(default="", validator=attrs.validators.matches_re(r"(https?://\S+)?"))
    email_to: str = ""  # over pmta.host and pmta.smtp_port
    email_from: str = "ignite@localhost"
    # the same alert is not told again within so many minutes
    repeat_minutes: float = attrs.field(default=15.0, validator=_POSITIVE)
    poll_seconds: float = attrs.field(default=30.0, validator=_POSITIVE)  # how often the checks are made


@attrs.frozen
class GovernanceSettings:
    mode: Mode | None = None  # None: act on the host key the supervisor generated in this run, else observe
    generated_host_key: str = ""  # set by the supervisor alone
    # how long a decision waits for a person before it falls to the safe side
    approval_minutes: float = attrs.field(default=15.0, validator=_POSITIVE)
    max_stop_share: float = attrs.field(default=0.25, validator=[attrs.validators.gt(0), attrs.validators.le(1)])
    min_dwell_seconds: float = attrs.field(default=600.0, validator=_NOT_NEGATIVE)
    # half of the complaints come later than this after delivery
    complaint_median_hours: float = attrs.field(default=6.0, validator=_POSITIVE)
    # what the log says of mail that IGNITE did not send suppresses the address too, at that provider
    suppress_foreign_mail: bool = False
    apply_poll_seconds: float = attrs.field(default=15.0, validator=_POSITIVE)
    # the unrestricted rate of one queue, written to the include file
    queue_rate_per_hour: int = attrs.field(default=20000, validator=_POSITIVE)
    # mail in the queues of a quarantined address goes out by other members of its pool (reroute-to-virtual-mta)
    reroute_held: bool = True
    # a YAML file of changes to the rule table; it alone makes versions then. Empty: the API does
    policy: str = ""


@attrs.frozen
class CampaignSettings:
    frequency_hours: float = attrs.field(default=72.0, validator=_NOT_NEGATIVE)
    isp_daily_quota: int = attrs.field(default=0, validator=_NOT_NEGATIVE)  # 0: no quota
    batch: int = attrs.field(default=500, validator=_POSITIVE)
    deadline_hours: float = attrs.field(default=24.0, validator=_POSITIVE)


@attrs.frozen
class TrackingSettings:
    secret: Secret = attrs.field(default=Secret(""), validator=_long)  # signs links; at least 16 characters
    # still accepted, so that links already mailed go on working
    former_secrets: tuple[Secret, ...] = attrs.field(default=(), validator=_long)
    base_url: str = attrs.field(default="http://127.0.0.1:8025", validator=_web)
    # sites of ours, whose visits count; empty: links are tracked, visits are not
    owned_domains: tuple[str, ...] = ()
    click_valid_days: int = attrs.field(default=90, validator=attrs.validators.ge(1))  # later ones only redirect


@attrs.frozen
class ApiSettings:
    host: str = "127.0.0.1"
    port: int = attrs.field(default=8025, validator=_PORT)
    # name -> key; the name is the author in the audit
    keys: dict[str, Secret] = attrs.field(factory=dict, validator=_long)
    # one-time link that sets the console's cookie (demo)
    console_token: Secret = attrs.field(default=Secret(""), validator=_long)
    # messages a slow WebSocket client may lag before it is closed
    live_queue: int = attrs.field(default=1000, validator=_POSITIVE)


@attrs.frozen
class ClockSettings:
    rate: float = attrs.field(default=1.0, validator=attrs.validators.gt(0))
    anchor_real: float = 0.0
    anchor_business: datetime | None = None


@attrs.frozen
class LogSettings:
    level: str = attrs.field(default="info", validator=attrs.validators.in_(_LEVELS))
    file: str = ""  # empty: standard error


@attrs.frozen
class Settings:
    database: DatabaseSettings = attrs.field(factory=DatabaseSettings)
    bucket: BucketSettings = attrs.field(factory=BucketSettings)
    dns: DnsSettings = attrs.field(factory=DnsSettings)
    verifier: VerifierSettings = attrs.field(factory=VerifierSettings)
    pmta: PmtaSettings = attrs.field(factory=PmtaSettings)
    accounting: AccountingSettings = attrs.field(factory=AccountingSettings)
    alerts: AlertSettings = attrs.field(factory=AlertSettings)
    governance: GovernanceSettings = attrs.field(factory=GovernanceSettings)
    campaign: CampaignSettings = attrs.field(factory=CampaignSettings)
    tracking: TrackingSettings = attrs.field(factory=TrackingSettings)
    api: ApiSettings = attrs.field(factory=ApiSettings)
    clock: ClockSettings = attrs.field(factory=ClockSettings)
    log: LogSettings = attrs.field(factory=LogSettings)


ENV_PREFIX: Final = "IGNITE_"
PACKAGE: Final = Path(__file__).parent
