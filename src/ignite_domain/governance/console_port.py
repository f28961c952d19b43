"""What the executor asks of a PMTA host. The commands themselves are made in `commands`."""

from typing import Protocol

import attrs

from ignite_domain.governance.commands import PmtaCommand


@attrs.frozen
class PmtaReply:
    """`output` is standard output, or standard error where the command printed nothing else."""

    exit_status: int
    output: str


class PmtaConsole(Protocol):
    """One PMTA host, reached over a wire that verifies who answers."""

    async def run(self, command: PmtaCommand) -> PmtaReply:
        """Run one allow-listed command and return what the host said, whatever its exit status.

        Every command is idempotent at the MTA. Raises PortFailure: retryable if the host cannot be
        reached or does not answer in time (the command may or may not have run: the state is unknown),
        not retryable if the host's key is not the pinned one, or our own key is refused.
        """

    async def close(self) -> None:
        """Let go of the connection. A later `run` connects again."""
