"""A tiny HTTP/1.1 server for the verifier and the status page. Decides framing; handlers decide answers."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import attrs

MAX_BODY: Final = 4_000_000
PATIENCE_REAL_SECONDS: Final = 2.0
_REASONS: Final = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 413: "Too Large"}


@attrs.frozen
class Request:
    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes


@attrs.frozen
class Reply:
    """`body` becomes JSON."""

    status: int
    body: Any
    headers: Mapping[str, str] = attrs.field(factory=dict)


Handler = Callable[[Request], Awaitable[Reply]]


@attrs.define(eq=False)
class HttpDoor:
    """Listens on 127.0.0.1 and keeps connections alive."""

    handler: Handler
    port: int = 0
    _server: asyncio.Server | None = None
    _open: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = attrs.field(factory=dict)

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        if self._server is not None:
            self._server.close()
            await hang_up(self._open)
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open[asyncio.current_task()] = writer
        try:
            while True:
                request = await _read(reader)
                if request is None:
                    break
                reply = await self.handler(request)
                body = json.dumps(reply.body).encode()
                head = f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, 'Answer')}\r\n"
                for name, value in reply.headers.items():
                    head += f"{name}: {value}\r\n"
                head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
                if request.headers.get("connection", "").lower() == "close":
                    break
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
            pass  # the client has gone or does not speak HTTP
        finally:
            self._open.pop(asyncio.current_task(), None)
            writer.close()


async def hang_up(connections: Mapping[asyncio.Task[None] | None, asyncio.StreamWriter]) -> None:
    """Close what is open and let its tasks end by themselves."""
    tasks = [task for task in connections if task is not None]
    for writer in connections.values():
        writer.close()
    if tasks:
        await asyncio.wait(tasks, timeout=PATIENCE_REAL_SECONDS)


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        if name:
            headers[name.strip().lower()] = value.strip()
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= MAX_BODY:
        raise ValueError("body too large")
    return Request(method, path, headers, await reader.readexactly(length) if length else b"")
