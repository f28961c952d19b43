"""What a simulator run is made of. Decides defaults; every field has an effect.

Durations are business seconds. `load_options` reads the same from a JSON document.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import attrs
import cattrs

from ignite_app.clock import Clock
from ignite_app.simulator.incidents import Incident

RECORD_TYPES: Final = ("d", "b", "t", "tq", "r", "f", "rb", "rs")


@attrs.frozen
class SimulatedVmta:
    """A virtual MTA with its one source address. `cold`: ISPs do not know the address yet."""

    name: str
    ip: str
    cold: bool = False


@attrs.frozen
class AccountingFile:
    """One `<acct-file>`: files `acct-<label>-YYYY-MM-DD-NNNN.csv` holding `records`."""

    label: str = "all"
    records: tuple[str, ...] = ("d", "b", "f", "rb", "rs")
    max_size: int = 250_000_000  # bytes; a new file with the next number after that
    fields: tuple[str, ...] = ()  # empty: the union that the records need, in PMTA's order


@attrs.frozen
class Appeal:
    """A message whose subject contains `words` is opened and clicked this much more often."""

    words: str
    opens: float = 1.0
    clicks: float = 1.0


@attrs.frozen
class SimulatorOptions:
    """Ports: 0 takes a free one. `incident` None: a calm world. Empty paths: the part stays away."""

    directory: str  # simulator.jsonl, ssh.jsonl, spool
    accounting_dir: str
    clock: Clock = Clock()
    seed: int = 1
    subscribers: int = 20_000  # scales what ISPs can take
    vmtas: tuple[SimulatedVmta, ...] = (
        SimulatedVmta("mta1", "192.0.2.11"),
        SimulatedVmta("mta2", "192.0.2.12"),
        SimulatedVmta("mta3", "192.0.2.13"),
        SimulatedVmta("mta4", "192.0.2.14", cold=True),
    )
    accounting: tuple[AccountingFile, ...] = (
        AccountingFile(),
        AccountingFile("transient", ("t", "tq")),
        AccountingFile("receipt", ("r",)),
    )
    incident: Incident | None = None
    include_file: str = ""  # the generated file; empty: <directory>/pmta/ignite.conf
    smtp_port: int = 0
    ssh_port: int = 0
    dns_port: int = 0
    verifier_port: int = 0
    status_port: int = 0
    ssh_user: str = "ignite"
    ssh_authorised_key: str = ""  # path of the one public key that may log in
    ssh_host_key: str = ""  # path of the private host key; empty: generated for this run
    verifier_key: str = attrs.field(default="", repr=False)
    verifier_refusal: float = 0.03  # share of requests answered 429
    foreign_share: float = 0.015  # mail of another system on the same host, as a share of ours
    retry_after: tuple[float, ...] = (600.0, 1800.0, 3600.0)
    bounce_after: float = 7200.0
    people: bool = True
    haste: float = 1.0  # divides every delay of people
    owned_domains: tuple[str, ...] = ("discountblog.com",)
    site_port: int = 0  # where owned domains are served; 0: the port of the link itself
    appeals: tuple[Appeal, ...] = ()
    browsers: int = attrs.field(default=24, validator=attrs.validators.ge(1))  # requests at a time
    journal: bool = True  # accepted mail survives a restart
    ready_file: str = ""  # written as JSON with the chosen ports when everything listens


def load_options(document: Mapping[str, Any]) -> SimulatorOptions:
    """Build options from plain data. `clock` is {"rate", "anchor_real", "anchor_business" (ISO)}.

    Raises cattrs' exception group naming every wrong key and value.
    """
    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_structure_hook(datetime, lambda value, _: datetime.fromisoformat(str(value)))
    return converter.structure(dict(document), SimulatorOptions)
