"""What browser tests share besides fixtures."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

PERSON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
"""What a person's browser says of itself: without a screen Chromium admits that nobody sits in front of it."""


async def until(read: Callable[[], Awaitable[Any]], holds: Callable[[Any], bool]) -> Any:
    """Read until it holds; the test's own time limit is what ends a vain wait."""
    while True:
        found = await read()
        if holds(found):
            return found
        await asyncio.sleep(0.1)
