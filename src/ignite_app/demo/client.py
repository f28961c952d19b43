"""The demo's own eyes: a few HTTP calls to the API and the simulator, and a headless live client."""

import asyncio
import json
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import websockets

TIMEOUT_REAL_SECONDS = 20
RECONNECT_REAL_SECONDS = 0.5


@attrs.frozen
class Http:
    """Calls one server on 127.0.0.1."""

    base: str
    key: str = attrs.field(default="", repr=False)

    def _call(self, method: str, path: str, body: Any) -> Any:
        request = urllib.request.Request(  # noqa: S310  # our own server on the loopback
            self.base + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **({"X-API-Key": self.key} if self.key else {})},
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_REAL_SECONDS) as answer:  # noqa: S310
                text = answer.read()
        except urllib.error.HTTPError as refused:
            raise RuntimeError(f"{method} {path}: {refused.code} {refused.read().decode(errors='replace')}") from None
        return json.loads(text) if text else None

    async def get(self, path: str) -> Any:
        return await asyncio.to_thread(self._call, "GET", path, None)

    async def post(self, path: str, body: Any = None) -> Any:
        return await asyncio.to_thread(self._call, "POST", path, body if body is not None else {})

    async def answers(self, path: str) -> bool:
        """Whether a GET succeeds."""
        try:
            await self.get(path)
        except (OSError, RuntimeError, ValueError):
            return False
        return True


async def listen(url: str, key: str, after: int, log: Path, connected: asyncio.Event) -> None:
    """Write every live message to `log`, one JSON object a line, until cancelled.

    A connection that ends is made again, from the last message heard, as every client of the feed should do.
    """
    with log.open("a", encoding="utf-8") as out:
        while True:
            with suppress(OSError, websockets.WebSocketException):
                async with websockets.connect(
                    f"{url}?after={after}", additional_headers={"X-API-Key": key}, max_size=1 << 20
                ) as socket:
                    connected.set()
                    async for text in socket:
                        message = json.loads(text)
                        out.write(json.dumps(message) + "\n")
                        out.flush()
                        after = int(message["id"])
            await asyncio.sleep(RECONNECT_REAL_SECONDS)
