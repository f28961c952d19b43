"""The checks of a PMTA host's configuration: what it logs, whether backoff works, whether it reads our headers.

Each names what is missing and gives the lines to paste. Nothing is changed anywhere.
"""

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Final

from ignite_adapters.pmta.accounting import DirectoryFeed
from ignite_adapters.pmta.folder import FolderFeed
from ignite_adapters.pmta.ssh import SshConsole
from ignite_adapters.postgres.alerts import AlertStore
from ignite_adapters.postgres.pool import open_pool
from ignite_adapters.postgres.tallies import LogBook, heard_of
from ignite_app.check_words import Fault
from ignite_app.clock import Clock
from ignite_app.feeds import sftp_of
from ignite_app.settings import Settings
from ignite_domain.errors import PortFailure
from ignite_domain.governance import commands, host_config
from ignite_domain.governance.accounting import AccountingRecord
from ignite_domain.governance.attention import ATTENTION_KINDS
from ignite_domain.governance.health import ENOUGH, NEEDED, OPTIONAL, RARE, findings, named

LINES: Final = ENOUGH * 20
"""Lines of each log that are looked at."""
ENOUGH_SENDS: Final = 20
"""Messages handed over after which the log ought to have told of one."""
MOUNT: Final = "mount or sync PowerMTA's accounting folder here, readable, and set pmta.accounting_dir"


async def records(settings: Settings) -> dict[str, list[AccountingRecord]]:
    """The beginnings of every host's files, by host; what a host pushes is not asked for. Raises PortFailure, Fault."""
    feeds: dict[str, FolderFeed] = {}
    folder = Path(settings.pmta.accounting_dir)
    if settings.pmta.accounting_dir:
        if not await asyncio.to_thread(folder.is_dir):
            raise Fault(f"{folder} is not a folder", MOUNT)
        feeds[""] = DirectoryFeed(folder)
    for index, host in enumerate(settings.accounting.hosts):
        if host.dir:
            feeds[host.name] = DirectoryFeed(Path(host.dir), host.name)
        elif host.ssh_host:
            feeds[host.name] = sftp_of(host, index)
    found: dict[str, list[AccountingRecord]] = {}
    for name, feed in feeds.items():
        feed.spread = True  # types that are written to files of their own must come into sight too
        try:
            batches = await feed.read({}, LINES)
        except PortFailure as failure:
            raise Fault(f"{named(name)}: {failure}", MOUNT if not name else "correct accounting.hosts") from None
        finally:
            await feed.close()
        found[name] = [one for batch in batches for one in batch.records()]
        if not batches:
            raise Fault(f"{named(name)}: no accounting file with a header", MOUNT)
    return found


async def accounting(settings: Settings) -> str:
    """Every log can be read, and holds the record types that agents need."""
    told, faults, absent_all = [], [], set[str]()
    for host, found in (await records(settings)).items():
        seen = Counter(one.type for one in found)
        counts = ", ".join(f"{name} {count}" for name, count in sorted(seen.items())) or "no record yet"
        ended = seen["d"] + seen["b"]
        absent = [name for name in NEEDED if not seen[name] and ended >= RARE.get(name, ENOUGH)]
        where = f"{host}: " if host else ""
        if absent:
            faults.append(f"{where}{counts}; never {'; '.join(f'{name} ({NEEDED[name]})' for name in absent)}")
            absent_all |= set(absent)
        silent = "".join(f"; none of {name}: {why}" for name, why in OPTIONAL.items() if not seen[name])
        told.append(where + counts + silent)
    pushing = [host.name for host in settings.accounting.hosts if host.push_secret]
    if pushing:
        told.append(f"pushed by {', '.join(pushing)}: see `ignite status` for what came")
    if faults:
        lines = host_config.acct_lines(absent_all)
        raise Fault(" | ".join(faults), "add these blocks, then `pmta reload` (docs/pmta.md)", lines)
    return " | ".join(told) or "no accounting log is named"


async def backoff(settings: Settings) -> str:
    """Backoff mode changes something, and ends: PowerMTA's defaults do neither. Tells too if mail is kept for
    another time than we were told."""
    pmta = settings.pmta
    if not (pmta.ssh_host_key and pmta.ssh_key and pmta.vmtas):
        return "not asked: needs pmta.ssh_key, pmta.ssh_host_key and pmta.vmtas"
    console = SshConsole(pmta.host, pmta.ssh_port, pmta.ssh_user, pmta.ssh_key, pmta.ssh_host_key)
    lacks: dict[str, list[str]] = {}
    kept: dict[str, list[str]] = {}
    try:
        for vmta in pmta.vmtas:
            reply = await console.run(commands.show_settings(f"gmail.com/{vmta.name}"))
            if reply.exit_status != 0:
                raise Fault(
                    f"'show settings' ends with exit status {reply.exit_status}",
                    "install the wrapper of this version (deploy/ignite-pmta-wrapper): it may show settings",
                )
            shown = host_config.settings_of(reply.output)
            if found := host_config.backoff_lacks(shown):
                lacks[vmta.name] = found
            if wrong := host_config.kept_otherwise(shown, pmta.bounce_after_hours):
                kept.setdefault(wrong, []).append(vmta.name)
    finally:
        await console.close()
    if lacks:
        what = "; ".join(f"{name}: {', '.join(found)}" for name, found in lacks.items())
        lines = host_config.backoff_lines(sorted(lacks), settings.governance.queue_rate_per_hour)
        raise Fault(f"not set: {what}", "include the generated file, or set the values by hand", lines)
    but = "".join(f"; {', '.join(names)}: {wrong}" for wrong, names in kept.items())
    return f"set for {', '.join(vmta.name for vmta in pmta.vmtas)}{but}"


async def x_headers(settings: Settings, clock: Clock) -> str:
    """PowerMTA reads our X-VirtualMTA, X-Job and X-EnvID: the log of our mail shows their traces."""
    every = {"process-x-virtual-mta", "process-x-job", "process-x-envid"}
    fix = "add this to the <source> that takes IGNITE's mail, then `pmta reload`"
    found = (await records(settings)).get("", [])
    ours, lacks = host_config.header_lacks(found, {vmta.name for vmta in settings.pmta.vmtas})
    if lacks:
        raise Fault(
            f"{ours} records of our mail, in none of them {', '.join(lacks)}", fix, host_config.source_lines(lacks)
        )
    if ours:
        return f"their traces stand in {ours} records of our mail"
    sent = heard = 0
    if dsn := str(settings.database.dsn):
        try:
            sent, heard = await asyncio.to_thread(heard_of, dsn, clock.now() - timedelta(hours=1))
        except PortFailure:
            return "not known: no record of our mail in the log, and no database to say whether there should be"
    if sent >= ENOUGH_SENDS and not heard and len(found) >= ENOUGH_SENDS:
        raise Fault(
            f"{sent} messages were handed over and the log never names one of them (process-x-envid)",
            fix,
            host_config.source_lines(every),
        )
    return f"not known before there are records of our mail; PowerMTA needs {', '.join(sorted(every))}"


async def alerts(settings: Settings, clock: Clock) -> str:
    """How the logs stand by what has been read of them: silence, clocks, totals. Open alerts fail the check."""
    dsn = str(settings.database.dsn)
    if not dsn:
        return "not known: the embedded server is not running"
    pool = await open_pool(dsn, 2, wait_seconds=5.0)
    try:
        logs = await LogBook(pool).logs()
        standing = await AlertStore(pool).listed(1 << 62, 100, open_only=True)
    finally:
        await pool.close()
    now = clock.now()
    stalled, skew = settings.accounting.stalled_minutes, settings.accounting.skew_seconds
    found = findings(
        logs, now, stalled=timedelta(minutes=stalled), skew=timedelta(seconds=skew), totals={}, compared={}
    )
    texts = {(one.kind, one.subject): one.text for one in found}
    # a halt, an approval or a stop is no fault of the installation
    texts |= {(one["kind"], one["subject"]): one["text"] for one in standing if one["kind"] not in ATTENTION_KINDS}
    if texts:
        raise Fault("; ".join(texts[key] for key in sorted(texts)), "docs/governance.md, Checks, says what each means")
    told = ", ".join(f"{named(one.host)} read {(now - one.read_at).total_seconds():.0f} s ago" for one in logs)
    return told or "no log has been read yet"
