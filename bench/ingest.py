"""`python -m bench.ingest [--lines N] [--rounds N] [--json]`: the accounting log into the database, in two measures.

Both ingest a log of one hour (the pace of a quarter of a campaign at its default) into a ledger whose rows have been
waiting, claimed and injected as a sender leaves them, on a durable server, from the first line read to the last
commit. Each round runs on a copy of the same database, ours and its twin in turns; the best round of each counts, since
other load only ever adds.

`steady`: nobody's score changes. Counted until the last event, signal, decision and position is committed; the
ledger and the scores follow a backlog behind that. Its twin is one server-side `COPY FROM` a file with exactly the
events that ingest wrote, into an empty table of the same columns, constraints and indexes, in one transaction. What
COPY does not do (finding each message in the ledger, everything about signals) is ours to bear. The goal is 0.45.

`rising`: every delivery lifts a score, hard bounces suppress. Its twin runs the same statements for ledger marks,
scores, falls and suppressions, in the same transactions, with their values written beforehand, and the same events by
COPY: no line is read, nothing is governed. The goal is 0.5. Peak memory is that of the ingesting process.
"""

import argparse
import asyncio
import json
import pickle
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg

from ignite_adapters.pmta.accounting import DirectoryFeed
from ignite_adapters.postgres import embedded, mail_effects
from ignite_adapters.postgres.events import COPY, mail_lines, taken_lines
from ignite_adapters.postgres.governance import PostgresGovernanceStore
from ignite_adapters.postgres.migrate import migrate
from ignite_adapters.postgres.partitions import ensure_partitions
from ignite_adapters.postgres.pool import Pool, open_pool, transaction
from ignite_app.clock import Clock
from ignite_app.workers.ingest import IngestWorker
from ignite_domain.governance.orchestrator import Orchestrator
from ignite_domain.governance.ports import MailEvent, Step, Taken
from ignite_domain.governance.words import Mode

NOW: Final = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
GOALS: Final = {"steady": 0.45, "rising": 0.5}
MOST_MB: Final = 200
DOMAINS: Final = (
    *("gmail.com", "yahoo.com", "hotmail.com", "icloud.com", "comcast.net", "att.net", "cox.net", "charter.net"),
    *("small.example", "other.example", "third.example"),
)
ISPS: Final = ("gmail", "yahoo", "microsoft", "apple", "comcast", "att", "cox", "charter", "", "", "")
HEADER: Final = (
    "type,timeLogged,timeQueued,orig,rcpt,dsnAction,dsnStatus,dsnDiag,dsnMta,dlvSourceIp,vmta,jobId,envId,queue"
)
DEFERRED: Final = ("t", "delayed", "4.7.0 (other)", "smtp;421 4.7.0 {ip} try again later")
REFUSED: Final = ("b", "failed", "5.7.1 (refused)", "smtp;554 5.7.1 message refused by our policy")
DEAD: Final = ("b", "failed", "5.1.1 (bad mailbox)", "smtp;550 5.1.1 <{rcpt}> user unknown")
TAKEN: Final = ("d", "relayed", "2.0.0 (success)", "smtp;250 2.0.0 OK")

_CAMPAIGN: Final = """
insert into mailing_campaigns (name, from_name, from_address, landing_url, created_at, created_by)
values ('bench', 'b', 'b@example.com', 'https://example.com', %(now)s, 'bench')
"""
_PEOPLE: Final = """
insert into mailing_subscribers (email, email_md5, domain, isp, limiter_group, data_quality_score, verify_state,
       imported_at, updated_at)
select 'p' || n || '@' || d, md5('p' || n || '@' || d), d, nullif(i, ''), d, %(score)s, 'done', %(now)s, %(now)s
  from generate_series(1, %(lines)s) n,
       lateral (select (%(domains)s::text[])[n %% %(wide)s + 1], (%(isps)s::text[])[n %% %(wide)s + 1]) as x (d, i)
"""
_SENDS: Final = """
insert into mailing_sends (campaign_id, subscriber_id, isp, domain, state)
select 1, id, isp, domain, 'waiting' from mailing_subscribers order by id
"""
_CLAIMED: Final = """
update mailing_sends set state = 'claimed', claimed_at = %(now)s, vmta = 'mta1'
 where id between %(first)s and %(first)s + 1999
"""
_INJECTED: Final = """
update mailing_sends set state = 'injected', injected_at = %(now)s where id between %(first)s and %(first)s + 1999
"""


def write_log(path: Path, lines: int, measure: str) -> None:
    """An hour of mail from eight addresses: of 100 messages 97 are delivered, two are deferred, one bounces."""
    dice = random.Random(1)
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER + "\n")
        for number in range(1, lines + 1):
            domain, ip, roll = DOMAINS[number % len(DOMAINS)], dice.randrange(11, 19), dice.random()
            at = NOW - timedelta(hours=1) + timedelta(seconds=3600 * number / lines)
            bounced = DEAD if measure == "rising" else REFUSED
            kind, action, status, text = DEFERRED if roll < 0.02 else bounced if roll < 0.03 else TAKEN
            rcpt = f"p{number}@{domain}"
            stamp = f"{at:%Y-%m-%d %H:%M:%S}+0000"
            reply = text.format(ip=f"192.0.2.{ip}", rcpt=rcpt)
            file.write(
                f"{kind},{stamp},{stamp},b@example.com,{rcpt},{action},{status},{reply},mx.{domain} (192.0.2.99),"
                f"192.0.2.{ip},mta{ip},c1,ig{number},{domain}/mta{ip}\n"
            )


def prepare(dsn: str, lines: int, measure: str) -> None:
    """A database with one person and one injected message for each line."""
    migrate(dsn, NOW)
    values = {"now": NOW, "lines": lines, "domains": list(DOMAINS), "wide": len(DOMAINS), "isps": list(ISPS)}
    values["score"] = 0.75 if measure == "steady" else 0.5
    with psycopg.connect(dsn, autocommit=True) as conn:
        for query in (_CAMPAIGN, _PEOPLE, _SENDS):
            conn.execute(query, values)
        for first in range(1, lines + 1, 2000):
            for query in (_CLAIMED, _INJECTED):
                conn.execute(query, {"now": NOW, "first": first})
        conn.execute("vacuum analyze")

    async def partitions() -> None:
        pool = await open_pool(dsn, 2)
        await ensure_partitions(pool, NOW, ahead=1)
        await pool.close()

    asyncio.run(partitions())


class _Watched(PostgresGovernanceStore):
    """Notes when it last saved records, and keeps what it saved if `steps` is a list."""

    def __init__(self, pool: Pool, steps: list[Step] | None) -> None:
        super().__init__(pool)
        self._steps = steps
        self.saved = 0.0

    async def save(self, step: Step) -> None:
        await super().save(step)
        if step.positions:
            self.saved = time.perf_counter()
        if self._steps is not None:
            self._steps.append(step)

    async def save_while(self, mail: Sequence[MailEvent], taken: Taken, deciding: Awaitable[Step]) -> Step:
        step = await super().save_while(mail, taken, deciding)
        self.saved = time.perf_counter()
        if self._steps is not None:
            self._steps.append(step)
        return step


async def ingest(dsn: str, logs: Path, steps: list[Step] | None = None) -> tuple[float, float]:
    """Seconds from the first line to the commit of the last one's event, signals, decisions and position; and to the
    last commit of ledger and scores. `steps` gets what was saved."""
    pool = await open_pool(dsn, 4)
    store = _Watched(pool, steps)
    orchestrator = Orchestrator(lambda kind, isp: Mode.OBSERVE)
    worker = IngestWorker(DirectoryFeed(logs), store, orchestrator, {}, Clock.starting(NOW, 1.0), poll_seconds=1)
    began = time.perf_counter()
    while await worker.step():
        pass
    seconds = time.perf_counter() - began
    await pool.close()
    return store.saved - began, seconds


def copy_alone(dsn: str) -> tuple[float, int]:
    """Seconds for server-side COPY of the events that lie in the database into an empty table like theirs."""
    columns = COPY[COPY.index("(") : COPY.index(")") + 1]
    with psycopg.connect(dsn, autocommit=True) as conn:
        row = conn.execute("show data_directory").fetchone()
        path = f"{row[0] if row else ''}/events.copy"
        conn.execute(f"copy (select {columns[1:-1]} from subscriber_events order by id) to '{path}'".encode())  # noqa: S608
        conn.execute("create table limit_events (like subscriber_events including all)")
        began = time.perf_counter()
        done = conn.execute(f"copy limit_events {columns} from '{path}'".encode())
        return time.perf_counter() - began, done.rowcount


async def sql_alone(dsn: str, steps: Sequence[Step]) -> tuple[float, int]:
    """Seconds for the statements and the COPY that these steps take, with their values at hand."""
    work = [
        (
            step,
            mail_effects.mark_values(step.marks)[0],
            mail_effects.lift_values(step.lifts),
            mail_effects.put_off_values(step.taken),
            "".join([*taken_lines(step.taken, 0, len(step.taken)), *mail_lines(step.events)]),
        )
        for step in steps
        if step.events or step.taken
    ]
    pool = await open_pool(dsn, 4)
    began = time.perf_counter()
    for step, marks, lifts, taken, events in work:
        async with transaction(pool) as conn:
            await mail_effects.fall(conn, step.falls, step.now)
            await conn.execute(mail_effects.LIFT, lifts)
            for values in marks:
                await conn.execute(mail_effects.MARK, values)
            await conn.execute(mail_effects.PUT_OFF, taken)
            await mail_effects.suppress(conn, step, [None] * len(step.suppress_decisions))
            async with conn.cursor() as cursor, cursor.copy(COPY) as copy:
                await copy.write(events)
        async with transaction(pool) as conn:
            await mail_effects.settle(conn)
    seconds = time.perf_counter() - began
    await pool.close()
    return seconds, sum(len(step.events) + len(step.taken) for step, *_ in work)


def child(what: str, dsn: str, *paths: str) -> dict[str, Any]:
    """Run one part in a process of its own, which says what it found in its last line."""
    command = [sys.executable, "-m", "bench.ingest", "--run", what, dsn, *paths]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603  # this very module
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def run(what: str, dsn: str, *paths: str) -> dict[str, Any]:
    if what == "copy":
        seconds, events = copy_alone(dsn)
        return {"seconds": seconds, "events": events}
    if what == "sql":
        seconds, events = asyncio.run(sql_alone(dsn, pickle.loads(Path(paths[0]).read_bytes())))  # noqa: S301  # ours
        return {"seconds": seconds, "events": events}
    steps: list[Step] | None = [] if paths[1:] else None
    saved, seconds = asyncio.run(ingest(dsn, Path(paths[0]), steps))
    if steps:
        Path(paths[1]).write_bytes(pickle.dumps(steps))
    return {"saved": saved, "seconds": seconds, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def measure(name: str, lines: int, rounds: int) -> dict[str, Any]:
    """One measure as a dictionary: ratio, lines a second, peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)  # as root the server runs as somebody else
        logs, kept = root / "acct", root / "steps"
        logs.mkdir()
        write_log(logs / "acct-all-2026-11-02-0001.csv", lines, name)
        roomy = embedded.DURABLE | {"shared_buffers": "512MB", "max_wal_size": "4GB"}
        server = embedded.start(root / "postgres", roomy)
        try:
            prepare(server.dsn(), lines, name)

            def fresh(of: str) -> str:
                with psycopg.connect(server.dsn("postgres"), autocommit=True) as conn:
                    conn.execute(f"drop database if exists {of}".encode())
                    conn.execute(f"create database {of} template ignite strategy file_copy".encode())
                    conn.execute("checkpoint")
                return server.dsn(of)

            ours, theirs = [], []
            for number in range(rounds):
                if name == "rising" and not number:
                    child("ingest", fresh("kept"), str(logs), str(kept))
                dsn = fresh("ours")
                ours.append(child("ingest", dsn, str(logs)))
                theirs.append(child("copy", dsn) if name == "steady" else child("sql", fresh("twin"), str(kept)))
        finally:
            server.stop()
    until = "saved" if name == "steady" else "seconds"
    mine, twin = min(one[until] for one in ours), min(one["seconds"] for one in theirs)
    return {
        "name": f"ingest, {name}",
        "lines": lines,
        "events": theirs[0]["events"],
        "per_second": lines / mine,
        "per_second_settled": lines / min(one["seconds"] for one in ours),
        "times_twin": twin / mine,
        "twin_is": "server-side COPY of the same events" if name == "steady" else "the same SQL fed by COPY alone",
        "limit": GOALS[name],
        "peak_mb": max(one["mb"] for one in ours),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.ingest", description=__doc__)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=sorted(GOALS), action="append")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--run", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(run(*options.run)))
        return 0
    found = [measure(name, options.lines, options.rounds) for name in options.only or GOALS]
    if options.json:
        print(json.dumps(found))
        return 0
    for one in found:
        print(
            f"{one['name']}: {one['per_second']:,.0f} lines/s ({one['per_second_settled']:,.0f} until all follows), "
            f"{one['times_twin']:.3f} x {one['twin_is']} "
            f"(goal {one['limit']}), peak {one['peak_mb']:.0f} MB (limit {MOST_MB})"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
