"""The WebSocket hub: `WS /api/v1/live?after=ID`.

Decides who gets what in which order: replay from the database first, then what the one reader of this
process broadcasts; ids grow, nothing twice, nothing left out. A client that stops reading is closed and
never holds up the others; it comes back with `?after=`. A negative ID asks for about the last so many.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Protocol

import orjson
import structlog
from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.params import FromQuery

from ignite_domain.errors import PortFailure

log = structlog.get_logger("ignite.live")
TOO_SLOW: Final = 4408
"""Close code: this client does not keep up. It may come back with `?after=` at once."""
TRY_LATER: Final = 1013
"""Close code (RFC 6455 registry): the database does not answer."""
SEND_REAL_SECONDS: Final = 20.0
Message = dict[str, Any]


class Feed(Protocol):
    """Where messages come from; see `ignite_adapters.postgres.live.LiveFeed`."""

    async def last_id(self) -> int: ...
    async def since(self, after: int, limit: int = ...) -> list[Message]: ...
    def knocks(self) -> AsyncIterator[None]: ...


class Hub:
    """One per process. `queue` is how many messages a client may lag behind the broadcast, `patience` how long
    (real seconds) one message may take to leave.
    """

    def __init__(self, feed: Feed, queue: int = 1000, patience: float = SEND_REAL_SECONDS) -> None:
        self._feed = feed
        self._queue = queue
        self._patience = patience
        self._clients: set[asyncio.Queue[Message | None]] = set()
        self._last = 0

    @asynccontextmanager
    async def lifespan(self, _: Litestar) -> AsyncIterator[None]:
        """Read the feed as long as the application runs."""
        self._last = await self._feed.last_id()
        reader = asyncio.create_task(self._read())
        reader.add_done_callback(_reader_ended)
        try:
            yield
        finally:
            reader.cancel()
            with suppress(asyncio.CancelledError):
                await reader

    async def _read(self) -> None:
        async for _ in self._feed.knocks():
            try:
                while batch := await self._feed.since(self._last):
                    for message in batch:
                        self._broadcast(message)
                    self._last = batch[-1]["id"]
            except PortFailure as failure:
                log.warning("live.retry", detail=failure.detail)

    def _broadcast(self, message: Message) -> None:
        for client in list(self._clients):
            try:
                client.put_nowait(message)
            except asyncio.QueueFull:
                self._clients.discard(client)
                while not client.empty():
                    client.get_nowait()
                client.put_nowait(None)  # the sender closes the socket when it meets this

    def handler(self) -> Any:
        """The WebSocket route."""

        @websocket("/api/v1/live")
        async def live(socket: WebSocket[Any, Any, Any], after: FromQuery[int | None] = None) -> None:
            await socket.accept()
            queue: asyncio.Queue[Message | None] = asyncio.Queue(self._queue)
            self._clients.add(queue)  # before the replay, so that nothing falls between the two
            sender = asyncio.create_task(self._send(socket, queue, after))
            listener = asyncio.create_task(_until_gone(socket))
            try:
                await asyncio.wait({sender, listener}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._clients.discard(queue)
                for task in (sender, listener):
                    task.cancel()
                results = await asyncio.gather(sender, listener, return_exceptions=True)
                await _close(socket, results[0])

        return live

    async def _send(
        self, socket: WebSocket[Any, Any, Any], queue: "asyncio.Queue[Message | None]", after: int | None
    ) -> int:
        """Push until the client falls behind or the database fails; returns the close code."""
        last = self._last if after is None else after
        if last < 0:
            last = max(0, self._last + last)
        try:
            while batch := await self._feed.since(last):
                for message in batch:
                    await self._push(socket, message)
                last = batch[-1]["id"]
            while (fresh := await queue.get()) is not None:
                if fresh["id"] > last:
                    await self._push(socket, fresh)
                    last = fresh["id"]
        except TimeoutError:
            log.info("live.stopped_reading", last=last)
            return TOO_SLOW
        except PortFailure as failure:
            log.warning("live.replay_failed", detail=failure.detail)
            return TRY_LATER
        log.info("live.too_slow", queue=self._queue, last=last)
        return TOO_SLOW

    async def _push(self, socket: WebSocket[Any, Any, Any], message: Message) -> None:
        """Send one message. Raises TimeoutError if the client's window stays shut."""
        await asyncio.wait_for(socket.send_text(orjson.dumps(message).decode()), self._patience)


async def _close(socket: WebSocket[Any, Any, Any], sent: int | BaseException | None) -> None:
    """Close with the sender's code; a socket that is gone already needs none."""
    if isinstance(sent, Exception) and not isinstance(sent, WebSocketDisconnect | RuntimeError):
        log.error("live.crashed", exc_info=sent)
    code = sent if isinstance(sent, int) else 1000
    with suppress(WebSocketDisconnect, RuntimeError, OSError):
        await socket.close(code=code, reason=_REASONS.get(code, ""))


_REASONS: Final = {TOO_SLOW: "too slow; come back with ?after=", TRY_LATER: "try again later"}


def _reader_ended(reader: "asyncio.Task[None]") -> None:
    """Nobody awaits the reader before the end: a fault of ours must not end it in silence."""
    if not reader.cancelled() and reader.exception() is not None:
        log.error("live.reader_crashed", exc_info=reader.exception())


async def _until_gone(socket: WebSocket[Any, Any, Any]) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            await socket.receive_text()
