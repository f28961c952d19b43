"""The outside world as a twin: PowerMTA, the ISPs behind it, people, DNS and a verifier.

Knows nothing of this product's own parts: it speaks SMTP, SSH, HTTP, DNS and CSV like the real ones.
`run.main(SimulatorOptions(...))` is the process, `simulator.Simulator` the same thing in a test.
"""

from ignite_app.simulator.incidents import LASTING, Incident, IncidentKind, incident_of
from ignite_app.simulator.options import (
    AccountingFile,
    Appeal,
    SimulatedVmta,
    SimulatorOptions,
    load_options,
)
from ignite_app.simulator.run import main
from ignite_app.simulator.simulator import Simulator

__all__ = [
    "LASTING",
    "AccountingFile",
    "Appeal",
    "Incident",
    "IncidentKind",
    "SimulatedVmta",
    "Simulator",
    "SimulatorOptions",
    "incident_of",
    "load_options",
    "main",
]
