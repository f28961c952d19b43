"""How a run ends before its end: who is told, and in which order things go."""

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from ignite_adapters.postgres import embedded
from ignite_app.cli.output import say
from ignite_domain.errors import IgniteError

INTERRUPTED: Final = 130


@contextmanager
def ended_by_signal() -> Iterator[asyncio.Event]:
    """An event that SIGINT and SIGTERM set. The person is answered at once, also while this thread is busy."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def told(*_: object) -> None:
        if not stop.is_set():
            say("stopping…")
        loop.call_soon_threadsafe(stop.set)

    before = {number: signal.signal(number, told) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@asynccontextmanager
async def aside(job: Coroutine[Any, Any, None]) -> AsyncIterator["asyncio.Task[None]"]:
    """Run `job` beside the block, and see it gone before what it uses is closed."""
    task = asyncio.create_task(job)
    try:
        yield task
    finally:
        while not task.done():  # asyncio.wait_for of 3.11, which drivers use, may swallow a cancellation
            task.cancel()
            await asyncio.wait([task], timeout=0.5)


async def left(work: "asyncio.Task[int]") -> int:
    """End a run before its end, in order: what looks, the children, the connections, the server."""
    work.cancel()
    try:
        return await work
    except asyncio.CancelledError:
        return INTERRUPTED
    except IgniteError as failure:  # something else went wrong at the same moment
        say(f"demo: {failure}")
        return INTERRUPTED


async def stop_server(server: embedded.EmbeddedServer, kept: bool) -> None:
    """A server whose folder goes away needs no last checkpoint."""
    if not kept and server.process is not None and server.alive():
        server.process.send_signal(signal.SIGQUIT)
    await asyncio.to_thread(server.stop)
