"""The accounting log into PostgreSQL: the whole step against COPY of the same events into the same indexed table.

Runs its own embedded server in a temporary folder. The ledger holds one injected send a line; the log is what a
day of `LINES` messages leaves: mostly deliveries, some deferrals, refusals and dead addresses.
"""

import asyncio
import random
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg

from ignite_adapters.pmta.accounting import DirectoryFeed
from ignite_adapters.postgres import embedded
from ignite_adapters.postgres.governance import PostgresGovernanceStore
from ignite_adapters.postgres.migrate import migrate
from ignite_adapters.postgres.partitions import ensure_partitions
from ignite_adapters.postgres.pool import open_pool
from ignite_app.clock import Clock
from ignite_app.workers.ingest import IngestWorker
from ignite_domain.governance.orchestrator import Orchestrator
from ignite_domain.governance.words import Mode

NOW: Final = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
DOMAINS: Final = (
    *("gmail.com", "yahoo.com", "outlook.com", "icloud.com", "comcast.net", "att.net", "cox.net", "charter.net"),
    *("small.example", "other.example", "third.example"),
)
IPS: Final = tuple(f"192.0.2.{number}" for number in range(11, 19))
HEADER: Final = (
    "type,timeLogged,timeQueued,orig,rcpt,dsnAction,dsnStatus,dsnDiag,dsnMta,dlvSourceIp,vmta,jobId,envId,queue"
)

_PEOPLE: Final = """
insert into mailing_subscribers (email, email_md5, domain, isp, limiter_group, data_quality_score, verify_state,
       imported_at, updated_at)
select 'p' || n || '@' || d, md5('p' || n || '@' || d), d, nullif(i, ''), d, 0.5, 'done', %(now)s, %(now)s
  from generate_series(1, %(lines)s) n,
       lateral (select (%(domains)s::text[])[n %% %(wide)s + 1], (%(isps)s::text[])[n %% %(wide)s + 1]) as x (d, i)
"""
_SENDS: Final = """
insert into mailing_sends (campaign_id, subscriber_id, isp, domain, state, vmta, claimed_at, injected_at)
select 1, id, isp, domain, 'injected', 'mta1', %(now)s, %(now)s from mailing_subscribers order by id
"""
_CAMPAIGN: Final = """
insert into mailing_campaigns (name, from_name, from_address, landing_url, created_at, created_by)
values ('bench', 'b', 'b@example.com', 'https://example.com', %(now)s, 'bench')
"""


def _write(path: Path, lines: int) -> None:
    dice = random.Random(1)
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER + "\n")
        for number in range(1, lines + 1):
            domain = DOMAINS[number % len(DOMAINS)]
            at = (NOW - timedelta(days=1) + timedelta(seconds=86_400 * number / lines)).strftime(
                "%Y-%m-%d %H:%M:%S+0000"
            )
            ip = dice.choice(IPS)
            roll = dice.random()
            kind, action, status, text = "d", "relayed", "2.0.0 (success)", "smtp;250 2.0.0 OK"
            if roll < 0.02:
                kind, action, status = "t", "delayed", "4.7.0 (other)"
                text = f"smtp;421 4.7.0 {ip} try again later"
            elif roll < 0.03:
                kind, action, status = "b", "failed", "5.1.1 (bad destination mailbox address)"
                text = f"smtp;550 5.1.1 <p{number}@{domain}> user unknown"
            file.write(
                f"{kind},{at},{at},b@example.com,p{number}@{domain},{action},{status},{text},mx.{domain} (192.0.2.99),"
                f"{ip},mta{ip[-2:]},c1,ig{number},{domain}/mta{ip[-2:]}\n"
            )


def _measure(lines: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)  # as root the server runs as somebody else
        logs = root / "acct"
        logs.mkdir()
        _write(logs / "acct-all-2026-11-02-0001.csv", lines)
        server = embedded.start(
            root / "postgres", embedded.DURABLE | {"shared_buffers": "512MB", "max_wal_size": "4GB"}
        )
        try:
            migrate(server.dsn(), NOW)
            seconds = asyncio.run(_ingest(server.dsn(), logs, lines))
            return {"ours_s": seconds, **_limits(server.dsn()), "rss_mb": _rss()}
        finally:
            server.stop()


async def _ingest(dsn: str, logs: Path, lines: int) -> float:
    """Seconds from the first line to the last commit."""
    pool = await open_pool(dsn, 4)
    await ensure_partitions(pool, NOW, ahead=1)
    values = {
        "now": NOW,
        "lines": lines,
        "domains": list(DOMAINS),
        "wide": len(DOMAINS),
        "isps": ["gmail", "yahoo", "microsoft", "apple", "comcast", "att", "cox", "charter", "", "", ""],
    }
    with psycopg.connect(dsn, autocommit=True) as conn:
        for query in (_CAMPAIGN, _PEOPLE, _SENDS):
            conn.execute(query, values)
        conn.execute("vacuum analyze")
    worker = IngestWorker(
        DirectoryFeed(logs),
        PostgresGovernanceStore(pool),
        Orchestrator(lambda kind, isp: Mode.OBSERVE),
        {},
        Clock.starting(NOW, 1.0),
        poll_seconds=1,
    )
    began = time.perf_counter()
    while await worker.step():
        pass
    seconds = time.perf_counter() - began
    await pool.close()
    return seconds


def _rss() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _limits(dsn: str) -> dict[str, float]:
    """Server-side COPY of the same events into an empty table of the same shape and indexes."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        copied = "event_type, event_at, subscriber_id, campaign_id, variant_id, isp, verdict, metadata"
        directory = conn.execute("show data_directory").fetchone()
        assert directory
        path = f"{directory[0]}/events.copy"
        kinds = "('delivered', 'deferred', 'soft_bounced', 'hard_bounced', 'complained')"
        said = f"select {copied} from subscriber_events where event_type in {kinds}"  # noqa: S608  # constants of ours
        conn.execute(f"copy ({said}) to '{path}'")
        conn.execute("create table limit_events (like subscriber_events including all)")
        began = time.perf_counter()
        conn.execute(f"copy limit_events ({copied}) from '{path}'")
        plain = time.perf_counter() - began
        (count,) = conn.execute("select count(*) from limit_events").fetchone() or (0,)
    return {"events": count, "copy_s": plain}


def main(lines: int = 60_000) -> None:
    """Print one line: the ratio, and what it is made of."""
    found = _measure(lines)
    print(
        f"accounting, ingest     {found['copy_s'] / found['ours_s']:.3g} x server-side COPY of the same "
        f"{found['events']:,} events; {lines / found['ours_s']:,.0f} lines/s, {found['rss_mb']} MB peak\n"
        "    lines to committed events, ledger marks, scores, suppressions, signals, decisions and position"
    )


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:2]))
