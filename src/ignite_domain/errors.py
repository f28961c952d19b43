"""The error family. The type says whose fault it is and whether trying again can help."""

import attrs


class IgniteError(Exception):
    """Root of every error this project raises on purpose."""


class BadInput(IgniteError):
    """The caller's data is wrong; trying again with the same data cannot help. Names the place."""


@attrs.define(eq=False)
class PortFailure(IgniteError):
    """Something outside did not do what its port promises.

    `port` is the outside thing in plain words ("bucket", "PMTA over SSH"), `detail` is safe to log
    (no address, no secret), `retryable` says whether the same call may work later.
    """

    port: str
    detail: str
    retryable: bool = True

    def __str__(self) -> str:
        return f"{self.port}: {self.detail}"


class Conflict(IgniteError):
    """The thing changed under the caller, or is not in a state that allows the request."""


class NotFound(IgniteError):
    """There is no such thing (any more)."""
