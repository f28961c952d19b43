"""`AddressVerifier` over HTTP; the contract stands in docs/verification.md.

No address ever appears in an error: details are status codes and the driver's class names.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import httpx

from ignite_domain.errors import PortFailure
from ignite_domain.verification import ApiVerdict, VerifierBusy

_PORT: Final = "address verifier"
_LONGEST_PAUSE: Final = 3600.0
_DEFAULT_PAUSE: Final = 5.0


def _pause(response: httpx.Response) -> float:
    """Retry-After in seconds; its date form, or none, means a short default."""
    try:
        return min(max(float(response.headers.get("retry-after", "")), 0.0), _LONGEST_PAUSE)
    except ValueError:
        return _DEFAULT_PAUSE


class HttpAddressVerifier:
    """Asks `url` with a bearer key. Reuses connections; `close` it at the end."""

    def __init__(self, url: str, api_key: str, timeout: float = 15.0) -> None:
        self._url = url
        self._client = httpx.AsyncClient(headers={"Authorization": f"Bearer {api_key}"}, timeout=timeout)

    async def close(self) -> None:
        await self._client.aclose()

    async def __call__(self, addresses: Sequence[str]) -> Mapping[str, ApiVerdict]:
        try:
            response = await self._client.post(self._url, json={"addresses": list(addresses)})
        except httpx.HTTPError as error:
            raise PortFailure(_PORT, type(error).__name__) from None
        status = response.status_code
        if status == 429 or status >= 500:
            raise VerifierBusy(_PORT, f"HTTP {status}", True, _pause(response))
        if status != 200:
            raise PortFailure(_PORT, f"HTTP {status}", retryable=False)
        try:
            verdicts = {item["address"]: ApiVerdict(item["verdict"]) for item in response.json()["results"]}
        except (ValueError, KeyError, TypeError):
            raise PortFailure(_PORT, "an answer that does not follow the contract", retryable=False) from None
        if not set(addresses) <= verdicts.keys():
            raise PortFailure(_PORT, "an answer that leaves addresses out", retryable=False)
        return verdicts
