"""`uncollected`: no search for cycles of garbage while millions of plain tuples are made. Decides nothing else.

The collector looks through all that is young each time some hundred objects more are alive than before; a batch of
records has tens of thousands, and no cycle among them. What counts references goes on freeing memory.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

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
