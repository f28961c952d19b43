"""PMTA's console over SSH: one connection that is kept, one host key that is believed.

Decides how a command reaches the host, never which. What may be said at all is `commands.check`, asked
here last of all; the host asks again (the forced-command wrapper, `deploy/ignite-pmta-wrapper`).
"""

import asyncio
import shlex
from contextlib import suppress
from typing import Any, Final

import asyncssh

from ignite_adapters.pmta.ssh_link import SshHost
from ignite_domain.errors import PortFailure
from ignite_domain.governance import commands
from ignite_domain.governance.commands import PmtaCommand
from ignite_domain.governance.console_port import PmtaReply

PORT: Final = "PMTA over SSH"


class SshConsole:
    """`PmtaConsole` for one host. Not for use by several tasks at once: commands go one after another.

    `host_key` is the host's public key as one line ("ssh-ed25519 AAAA..."), the only one that is accepted;
    `key_path` names our private key. `timeout` is real seconds, for connecting and for each command.
    """

    def __init__(self, host: str, port: int, user: str, key_path: str, host_key: str, *, timeout: float = 15.0) -> None:
        self._host = SshHost(host, port, user, key_path, host_key, timeout=timeout)
        self._timeout = timeout
        self._connection: Any = None
        self._lock = asyncio.Lock()

    async def run(self, command: PmtaCommand) -> PmtaReply:
        commands.check(command)
        async with self._lock:
            connection = await self._connected()
            try:
                result = await asyncio.wait_for(
                    connection.run(shlex.join(command.argv), input=command.stdin or "", check=False),
                    self._timeout,
                )
            except (asyncssh.Error, OSError, TimeoutError) as fault:
                self._drop()
                raise PortFailure(PORT, f"no answer to '{command.verb}': {type(fault).__name__}") from fault
        if result.exit_status is None:
            self._drop()
            raise PortFailure(PORT, f"the host ended '{command.verb}' without an exit status")
        output = str(result.stdout or "")
        return PmtaReply(int(result.exit_status), output if output.strip() else str(result.stderr or ""))

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            with suppress(asyncssh.Error, OSError, TimeoutError):
                await asyncio.wait_for(connection.wait_closed(), self._timeout)

    async def _connected(self) -> Any:
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        self._connection = await self._host.connect(PORT)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.abort()
            self._connection = None
