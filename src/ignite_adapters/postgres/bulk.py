"""Columns of many values as one text each, for `unnest(%s::bigint[])` and its like.

The driver's own way to send a list costs some calls for each of its elements; a batch has thousands. Nothing is
quoted, so these are for numbers and instants alone; texts go as JSON or the driver's way.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection


def numbers(values: Iterable[int]) -> str:
    """An array of whole numbers, to be cast to `bigint[]` or `int[]`."""
    return f"{{{','.join(map(str, values))}}}"


def instants(values: Iterable[datetime]) -> str:
    """An array of instants, to be cast to `timestamptz[]`. Each is written once, however often it comes."""
    written: dict[datetime, str] = {}
    return f"{{{','.join([written.get(at) or written.setdefault(at, at.isoformat()) for at in values])}}}"


async def many(conn: AsyncConnection[Any], query: str, rows: Sequence[Sequence[Any]]) -> None:
    """One statement for each row: for rows that are few, or may meet one another."""
    if rows:
        async with conn.cursor() as cursor:
            await cursor.executemany(query, rows)
