"""The simulated host's own PMTA configuration, to which the generated include file is added."""

from typing import Final

from ignite_app.simulator.options import SimulatorOptions

ROLLUPS: Final = (
    ("*.google.com", "gmail.rollup"),
    ("*.yahoodns.net", "yahoo.rollup"),
    ("*.olc.protection.outlook.com", "microsoft.rollup"),
    ("*.mail.protection.outlook.com", "microsoft-business.rollup"),
    ("*.icloud.com", "apple.rollup"),
    ("*.comcast.net", "comcast.rollup"),
    ("*.charter.net", "charter.rollup"),
)
"""Queues by limiter group, as administrators set them up: AT&T and Cox share Yahoo's."""


def base_configuration(options: SimulatorOptions) -> str:
    """The text of /etc/pmta/config."""
    lines = ["# the simulated host"]
    for vmta in options.vmtas:
        lines += [
            f"<virtual-mta {vmta.name}>",
            f"    smtp-source-host {vmta.ip} {vmta.name}.mail.example",
            "</virtual-mta>",
        ]
    for pool, members in (
        ("warm", [vmta.name for vmta in options.vmtas if not vmta.cold]),
        ("cold", [vmta.name for vmta in options.vmtas if vmta.cold]),
    ):
        if members:
            lines += [f"<virtual-mta-pool {pool}>", *(f"    virtual-mta {name}" for name in members)]
            lines.append("</virtual-mta-pool>")
    lines += ["<mx-rollup-list>", *(f"    mx {pattern} {queue}" for pattern, queue in ROLLUPS), "</mx-rollup-list>"]
    steps = ",".join(f"{round(seconds)}s" for seconds in options.retry_after)
    lines += [
        "<domain *>",
        f"    retry-after {steps}",
        f"    bounce-after {round(options.bounce_after)}s",
        f"    backoff-retry-after {steps}",
        "</domain>",
    ]
    return "\n".join(lines) + "\n"
