"""A real Chromium, and real servers for it to talk to."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Browser, async_playwright

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Chromium in which discountblog.com is this machine."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--host-resolver-rules=MAP discountblog.com 127.0.0.1"],
        )
        yield started
        await started.close()


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Any, int], Awaitable[Callable[[], Awaitable[None]]]]]:
    """`await serve(app, port)` serves `app` on 127.0.0.1:port; what it returns stops it, the test's end too."""
    stops: list[Callable[[], Awaitable[None]]] = []

    async def start(app: Any, port: int) -> Callable[[], Awaitable[None]]:
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", timeout_graceful_shutdown=1))
        task = asyncio.create_task(server.serve())
        while not server.started:
            if task.done():
                task.result()
            await asyncio.sleep(0.02)

        async def stop() -> None:
            server.should_exit = True
            await task

        stops.append(stop)
        return stop

    yield start
    for stop in stops:
        await stop()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
