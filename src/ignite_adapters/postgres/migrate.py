"""Brings a database to the newest schema: versioned SQL files, each applied once, in order, alone.

Decides what is missing and refuses what was changed after it was applied. What the files do is theirs.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from importlib.resources import files
from typing import Final

import attrs
import psycopg

from ignite_adapters.postgres.pool import translate
from ignite_domain.errors import BadInput

LOCK: Final = 0x1612_0002
LOCK_TIMEOUT: Final = "10s"
CONNECT_REAL_SECONDS: Final = 10

_TABLE: Final = """
create table if not exists schema_migrations (
    name text primary key, sha256 text not null, applied_at timestamptz not null
)
"""


@attrs.frozen
class Migration:
    """A file of `migrations/`: `NNNN_title.sql`."""

    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped() -> tuple[Migration, ...]:
    """The migrations of this version, in order."""
    folder = files("ignite_adapters.postgres") / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple(Migration(name, (folder / name).read_text(encoding="utf-8")) for name in names)


def migrate(dsn: str, now: datetime, migrations: Sequence[Migration] | None = None) -> list[str]:
    """Apply what is missing and return its names. Safe to run twice, and from two processes at once.

    Raises `BadInput` naming a migration that was changed after it was applied, or that this version does
    not know (an older program on a newer database), and `PortFailure` if a lock or the server is not to be had.
    """
    wanted = shipped() if migrations is None else tuple(migrations)
    applied: list[str] = []
    with translate(), psycopg.connect(dsn, autocommit=True, connect_timeout=CONNECT_REAL_SECONDS) as conn:
        conn.execute(f"set lock_timeout = '{LOCK_TIMEOUT}'")
        conn.execute("select pg_advisory_lock(%s)", (LOCK,))
        conn.execute(_TABLE)
        known: dict[str, str] = dict(conn.execute("select name, sha256 from schema_migrations").fetchall())
        stranger = sorted(set(known) - {one.name for one in wanted})
        if stranger:
            raise BadInput(
                f"the database has migration {stranger[0]}, which this version does not know; use a newer one"
            )
        for one in wanted:
            if one.name in known:
                if known[one.name] != one.sha256:
                    raise BadInput(f"migration {one.name} was changed after it was applied; add a new one instead")
                continue
            with conn.transaction():
                conn.execute(one.sql.encode())
                conn.execute(
                    "insert into schema_migrations (name, sha256, applied_at) values (%s, %s, %s)",
                    (one.name, one.sha256, now),
                )
            applied.append(one.name)
    return applied


def pending(dsn: str) -> list[str]:
    """Names of shipped migrations that the database has not had yet."""
    with translate(), psycopg.connect(dsn, autocommit=True, connect_timeout=CONNECT_REAL_SECONDS) as conn:
        there = conn.execute("select to_regclass('schema_migrations')").fetchone()
        known = {row[0] for row in conn.execute("select name from schema_migrations")} if there and there[0] else set()
    return [one.name for one in shipped() if one.name not in known]
