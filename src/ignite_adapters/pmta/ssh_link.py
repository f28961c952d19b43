"""How a PMTA host is reached over SSH: one key of ours, one host key that is believed, nothing else.

Decides who is talked to, never what is said. Files of the user's own (~/.ssh) and agents are not looked at.
"""

import asyncio
from typing import Any

import asyncssh
import attrs

from ignite_domain.errors import PortFailure


@attrs.frozen
class SshHost:
    """`host_key` is the host's public key as one line ("ssh-ed25519 AAAA..."), the only one that is accepted;
    `key_path` names our private key. `settings` is where these stand, for messages ("pmta", "accounting.hosts.0").
    """

    host: str
    port: int
    user: str
    key_path: str
    host_key: str
    settings: str = "pmta"
    timeout: float = 15.0  # real seconds, for connecting and for each answer

    async def connect(self, port: str) -> Any:
        """An open connection. Raises PortFailure named `port`; a wrong key, ours or theirs, is not retryable."""
        try:
            return await asyncio.wait_for(
                asyncssh.connect(
                    self.host,
                    self.port,
                    username=self.user,
                    client_keys=[self._private_key(port)],
                    known_hosts=([self._pinned(port)], [], []),
                    config=None,
                    agent_path=None,
                    preferred_auth="publickey",
                    keepalive_interval=15,
                ),
                self.timeout,
            )
        except asyncssh.HostKeyNotVerifiable:
            where = f"{self.settings}.ssh_host_key"
            raise PortFailure(
                port,
                f"the host shows another key than {where}: nothing is sent to it. If the host was "
                f"really rebuilt, set {where} to its new public key",
                retryable=False,
            ) from None
        except asyncssh.PermissionDenied:
            raise PortFailure(
                port,
                f"the host refuses our key: its public half belongs in authorized_keys of {self.settings}.ssh_user",
                retryable=False,
            ) from None
        except (asyncssh.Error, OSError, TimeoutError) as fault:
            raise PortFailure(port, f"cannot be reached: {type(fault).__name__}") from fault

    def _pinned(self, port: str) -> asyncssh.SSHKey:
        try:
            return asyncssh.import_public_key(self.host_key)
        except asyncssh.KeyImportError:
            raise PortFailure(port, f"{self.settings}.ssh_host_key is not a public key", retryable=False) from None

    def _private_key(self, port: str) -> asyncssh.SSHKey:
        try:
            return asyncssh.read_private_key(self.key_path)
        except (asyncssh.KeyImportError, OSError):
            raise PortFailure(
                port, f"{self.settings}.ssh_key does not name a readable private key", retryable=False
            ) from None
