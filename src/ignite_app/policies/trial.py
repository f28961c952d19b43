"""Backtests of a proposed policy on the last seven days of the log, beside the policy in force.

Decides which files are read and how long a backtest may take and is remembered. Each runs in a process of its own
(`replayed`), one at a time, so that the API goes on answering; it ends with this process, however that ends.
"""

import asyncio
import json
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import attrs
import structlog

from ignite_adapters.pmta import files
from ignite_adapters.pmta.accounting import DirectoryFeed
from ignite_adapters.pmta.folder import UNREADABLE
from ignite_app.clock import Clock, real_seconds
from ignite_app.feeds import MAIN
from ignite_app.settings import Settings
from ignite_domain.errors import Conflict, NotFound

log = structlog.get_logger("ignite.policy")
DAYS: Final = 7
SETTLED: Final = timedelta(minutes=1)
"""The log's newest part is left out: it may still be written while the second policy reads it."""
LATE: Final = timedelta(days=1)
"""A file that nobody wrote to since so long before the period holds nothing of it."""
LONGEST_REAL_S: Final = 1800.0
KEPT_REAL_S: Final = 3600.0
KEPT: Final = 20
_LINE: Final = 1 << 25


@attrs.frozen
class Logs:
    """The accounting folders of this host, by name of the PMTA host; `left_out` says of the others why."""

    folders: Mapping[str, Path]
    left_out: tuple[str, ...] = ()


def logs_of(settings: Settings) -> Logs:
    """What the settings' feeds keep on this host."""
    folders = {MAIN: Path(settings.pmta.accounting_dir)} if settings.pmta.accounting_dir else {}
    left_out = []
    for host in settings.accounting.hosts:
        if host.dir:
            folders[host.name] = Path(host.dir)
        elif host.ssh_host:
            left_out.append(f"{host.name}: its log is read over SSH, nothing of it is kept here")
        else:
            left_out.append(f"{host.name}: its log is pushed, and forgotten once it is taken in")
    return Logs(folders, tuple(left_out))


def chosen(logs: Logs, written_since: datetime | None) -> tuple[list[str], list[str]]:
    """The files to read, each content once, and the folders that could not be read. Blocks.

    Files that were last written to before `written_since` are passed over.
    """
    found: list[str] = []
    failed: list[str] = []
    for host, folder in logs.folders.items():
        feed, taken = DirectoryFeed(folder, host), set[str]()
        try:
            names = files.in_order(path.name for path in folder.iterdir() if files.wanted(path.name))
        except OSError as failure:
            failed.append(f"{host or 'the main log'}: its folder cannot be read ({failure.strerror})")
            continue
        for name in names:
            path = folder / name
            with suppress(OSError, *UNREADABLE):
                if written_since and datetime.fromtimestamp(path.stat().st_mtime, UTC) < written_since:
                    continue
                source = feed.source(path)
                if source is not None and source not in taken:
                    taken.add(source)
                    found.append(str(path))
    return found, failed


@attrs.define
class Trial:
    """One backtest as it stands. `result` holds what `replayed` found; `ended`: real seconds."""

    id: str
    left_out: list[str]
    status: str = "running"
    progress: float = 0.0
    records: int = 0
    files: int = 0
    result: Mapping[str, Any] = attrs.field(factory=dict)
    error: str | None = None
    ended: float | None = None

    def as_json(self) -> dict[str, Any]:
        nothing: dict[str, Any] = {"total": 0, "by_action": {}, "by_agent": {}, "decisions": []}
        return {
            "status": self.status,
            "progress": round(self.progress, 3),
            "records": self.records,
            "days": DAYS,
            "files": self.files,
            "left_out": self.left_out,
            "rejected": self.result.get("rejected", 0),
            "current": self.result.get("current", nothing),
            "proposed": self.result.get("proposed", nothing),
            "only_current": self.result.get("only_current", []),
            "only_proposed": self.result.get("only_proposed", []),
            "moved": self.result.get("moved", []),
            "error": self.error,
        }

    def end(self, error: str | None, *, cancelled: bool = False) -> None:
        self.status, self.error = ("failed", error) if error else ("cancelled" if cancelled else "done", None)
        self.progress = self.progress if error or cancelled else 1.0
        self.ended = real_seconds()


class PolicyTrials:
    """The backtests of this process: one at a time, each remembered for an hour."""

    def __init__(self, logs: Logs, clock: Clock) -> None:
        self._logs = logs
        self._clock = clock
        self._trials: dict[str, Trial] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self, current: str, proposed: str) -> str:
        """Begin with two sound documents; returns the id. Raises `Conflict` while another one runs."""
        if self._task is not None and not self._task.done():
            raise Conflict("a backtest is running already: wait for it to end")
        trial = Trial(secrets.token_hex(8), list(self._logs.left_out))
        self._forget()
        self._trials[trial.id] = trial
        self._task = asyncio.create_task(self._run(trial, current, proposed))
        return trial.id

    def shown(self, key: str) -> dict[str, Any]:
        """Raises `NotFound` for one that never was or is forgotten."""
        self._forget()
        if key not in self._trials:
            raise NotFound("there is no such backtest; one is remembered for an hour, by the process that ran it")
        return self._trials[key].as_json()

    async def cancel(self, key: str) -> dict[str, Any]:
        """End a backtest and its process; one that is over stays as it is. Raises `NotFound`."""
        shown = self.shown(key)
        trial, task = self._trials[key], self._task
        if trial.status != "running" or task is None:
            return shown
        trial.end(None, cancelled=True)
        task.cancel()
        await asyncio.wait([task])  # its process is gone then
        return trial.as_json()

    @asynccontextmanager
    async def lifespan(self, _: Any) -> AsyncIterator[None]:
        """Ends what is running with the application."""
        try:
            yield
        finally:
            if self._task is not None:
                self._task.cancel()
                await asyncio.wait([self._task])

    def _forget(self) -> None:
        now = real_seconds()
        old = [key for key, one in self._trials.items() if one.ended is not None and now - one.ended > KEPT_REAL_S]
        spare = [key for key, one in self._trials.items() if one.ended is not None][: max(0, len(self._trials) - KEPT)]
        for key in {*old, *spare}:
            del self._trials[key]

    async def _run(self, trial: Trial, current: str, proposed: str) -> None:
        try:
            async with asyncio.timeout(LONGEST_REAL_S):
                await self._replay(trial, current, proposed)
        except TimeoutError:
            trial.end(f"it took longer than {LONGEST_REAL_S / 60:.0f} minutes and was ended")
        except asyncio.CancelledError:
            if trial.status == "running":
                trial.end("the server was stopped")
            raise
        except Exception as failure:  # whatever it is, the person who waits is told
            log.error("policy.backtest_crashed", exc_info=failure)
            trial.end("it failed by a fault of ours; the server's log says why")

    async def _replay(self, trial: Trial, current: str, proposed: str) -> None:
        now = self._clock.now()
        since = now - timedelta(days=DAYS)
        real = self._clock == Clock()  # else the files' own times say nothing about the log's
        names, failed = await asyncio.to_thread(chosen, self._logs, since - LATE if real else None)
        trial.files = len(names)
        trial.left_out += failed
        if not names:
            where = "" if self._logs.folders else ": no accounting folder is set"
            trial.end(f"there is no accounting file of the last {DAYS} days on this host to try a policy on{where}")
            return
        order = {
            "files": names,
            "since": int(since.timestamp()),
            "until": int((now - SETTLED).timestamp()),
            "current": current,
            "proposed": proposed,
        }
        await _in_a_process(trial, order)


async def _in_a_process(trial: Trial, order: Mapping[str, Any]) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ignite_app.policies.replayed"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
        limit=_LINE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(order).encode() + b"\n")  # stays open: its end would end the process
        await process.stdin.drain()
        while line := await process.stdout.readline():
            said = json.loads(line)
            if "result" in said:
                trial.result, trial.records = said["result"], said["result"]["records"]
                trial.end(None)
            elif "error" in said:
                trial.end(said["error"])
            else:
                trial.progress, trial.records = max(trial.progress, said["progress"]), said["records"]
        if trial.status == "running":
            code = await process.wait()
            log.error("policy.backtest_died", code=code)
            trial.end("its process was ended from outside" if code < 0 else "it failed; the server's log says why")
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
