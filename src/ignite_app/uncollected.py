"""`uncollected`: no search for cycles of garbage while millions of plain tuples are made; `beside_the_loop` is that for
a thread which works while the event loop speaks to the database. Decides nothing else.

The collector looks through all that is young each time some hundred objects more are alive than before; a batch of
records has tens of thousands, and no cycle among them. What counts references goes on freeing memory.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

SWITCH_S: Final = 0.001
"""How long the loop waits for its turn: Python's own 5 ms, for each of some fifty answers, is as long as the work."""
_lock = Lock()
_inside = 0
_collects = False


@contextmanager
def uncollected() -> Iterator[None]:
    """Any number of threads may be inside at once; the last one out lets the collector go on as it did."""
    global _inside, _collects
    with _lock:
        if not _inside:
            _collects = gc.isenabled()
            gc.disable()
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside and _collects:
                gc.enable()


@contextmanager
def beside_the_loop() -> Iterator[None]:
    """As `uncollected`; and the event loop gets its turn soon."""
    sys.setswitchinterval(SWITCH_S)  # for good: it costs nothing while no thread works
    with uncollected():
        yield
