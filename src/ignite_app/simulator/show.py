"""What `pmta show …` prints, as data and as a table. Decides names and columns.

The keys of `show status` are documented. For the other lists the guide prints only the text columns, so
their JSON keys are ours (docs/simulator.md lists them) and readers should look names up in one table.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import attrs

from ignite_app.simulator.queues import Mta, Queue
from ignite_app.simulator.records import HOST
from ignite_app.simulator.traffic import Direction

VERSION: Final = "5.0r8"
Shown = tuple[dict[str, Any], str]


class ShowError(Exception):
    """The message is the refusal."""


def _instant(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%d %H:%M:%S")


def _flow(count: int, kbytes: float) -> dict[str, str]:
    return {"rcp": str(count), "msg": str(count), "kb": f"{kbytes:.1f}"}


@attrs.frozen(eq=False)
class Show:
    mta: Mta
    started: float
    smtp_in: Any = None  # () -> open connections

    def answer(self, words: Sequence[str], options: Mapping[str, str]) -> Shown:
        """Raises ShowError for what cannot be shown."""
        for form, method in _FORMS:
            if tuple(words[: len(form)]) == form:
                shown: Shown = method(self, list(words[len(form) :]), options)
                return shown
        raise ShowError(f"unknown command: show {' '.join(words)[:100]}")

    def _status(self, rest: list[str], options: Mapping[str, str]) -> Shown:
        now = self.mta.scheduler.now()
        queues = [queue for queue in self.mta.queues.values() if queue.recipients]
        traffic: dict[str, Any] = {}
        for name, minutes in (("total", 0), ("lastHr", 60), ("lastMin", 1)):
            traffic[name] = {
                "in": self._moved(self.mta.traffic.incoming, now, minutes),
                "out": self._moved(self.mta.traffic.outgoing, now, minutes),
            }
        for name in ("topPerHr", "topPerMin"):
            way = {"in": self.mta.traffic.incoming, "out": self.mta.traffic.outgoing}
            tops = {key: one.top_hour if name == "topPerHr" else one.top_minute for key, one in way.items()}
            traffic[name] = {key: _flow(count, 0.0) for key, count in tops.items()}
        depth, kbytes = self.mta.depth, sum(queue.kbytes for queue in queues)
        empty = {"rcp": "0", "dom": "0", "kb": "0.0"}
        idle = ("pipe", "discard", "file", "alias", "bounceProcessor", "feedbackLoopProcessor")
        smtp_in, smtp_out = self.smtp_in() if self.smtp_in else 0, sum(queue.in_use for queue in queues)
        data = {
            "mta": {"hostname": HOST, "version": VERSION, "product": "PowerMTA"},
            "status": {
                "timeNow": _instant(now),
                "startupTime": _instant(self.started),
                "shuttingDown": "no",
                "traffic": traffic,
                "conn": {
                    "smtpIn": {"cur": str(smtp_in), "max": "1000", "top": str(smtp_in)},
                    "smtpOut": {"cur": str(smtp_out), "max": "1000", "top": str(smtp_out)},
                },
                "resolver": {"namesCached": "0", "queriesPending": "0"},
                "queue": {
                    "smtp": {"rcp": str(depth), "dom": str(len(queues)), "kb": f"{max(0.0, kbytes):.1f}"},
                    **{name: dict(empty) for name in idle},
                },
                "spool": {"initPct": "100", "files": str(depth), "totalRcp": str(depth), "maxRcp": "1000000"},
                "status": "running",
            },
        }
        total = traffic["total"]
        text = (
            f"PowerMTA {VERSION} status on {HOST}, {_instant(now)}\n\nTraffic    inbound  outbound\n"
            f"  total    {total['in']['rcp']:>7}  {total['out']['rcp']:>8}\n"
            f"  last hr  {traffic['lastHr']['in']['rcp']:>7}  {traffic['lastHr']['out']['rcp']:>8}\n"
            f"  last min {traffic['lastMin']['in']['rcp']:>7}  {traffic['lastMin']['out']['rcp']:>8}\n"
            f"Queue      {depth} rcpt, {len(queues)} domains"
        )
        return data, text

    def _moved(self, way: Direction, now: float, minutes: int) -> dict[str, str]:
        return _flow(*way.last(now, minutes)) if minutes else _flow(way.count, way.kbytes)

    def _chosen(self, rest: list[str], options: Mapping[str, str]) -> list[Queue]:
        known = {"connected", "paused", "mode", "maxitems", "errors", "sort", "no-rcpt-events", "mode-events"}
        if set(options) - known:
            raise ShowError(f"unknown option --{sorted(set(options) - known)[0]}")
        queues = self.mta.matching(rest[0]) if rest else list(self.mta.queues.values())
        tests: dict[str, Callable[[Queue], str]] = {
            "paused": lambda queue: "yes" if queue.paused else "no",
            "connected": lambda queue: "yes" if queue.in_use else "no",
            "mode": lambda queue: queue.mode,
        }
        for name, value_of in tests.items():
            if name in options:
                queues = [queue for queue in queues if value_of(queue) == options[name]]
        if not {"paused", "mode"} & set(options):
            queues = [queue for queue in queues if queue.recipients or queue.paused or queue.mode != "normal" or rest]
        keys: dict[str, Callable[[Queue], Any]] = {
            "name": lambda q: q.name,
            "rcpt": lambda q: -q.recipients,
            "size": lambda q: -q.kbytes,
        }
        order = options.get("sort", "rcpt")
        if order not in keys or not options.get("maxitems", "20").isdigit():
            raise ShowError("syntax: [--sort={name|rcpt|size}] [--maxitems=n]")
        return sorted(queues, key=keys[order])[: int(options.get("maxitems", "20"))]

    def _queues(self, rest: list[str], options: Mapping[str, str]) -> Shown:
        rows = [
            {
                "name": queue.name,
                "rcpt": str(queue.recipients),
                "kbytes": f"{max(0.0, queue.kbytes):.1f}",
                "conn": str(queue.in_use),
                "paused": "yes" if queue.paused else "no",
                "mode": queue.mode,
                "retry": _instant(queue.retry_at) if queue.retry_at > self.mta.scheduler.now() else "",
                "lastError": queue.last_error,
            }
            for queue in self._chosen(rest, options)
        ]
        lines = [f"{'queue':<40} {'#rcpt':>7} {'kbytes':>9} {'conn':>5} st {'retry':<19} last error"]
        for row in rows:
            state = "P" if row["paused"] == "yes" else "B" if row["mode"] == "backoff" else ""
            lines.append(
                f"{row['name']:<40} {row['rcpt']:>7} {row['kbytes']:>9} {row['conn']:>5} {state:<2} {row['retry']:<19} "
                f"{row['lastError'][:60]}"
            )
        return {"queue": rows}, "\n".join(lines)

    def _queue(self, rest: list[str], options: Mapping[str, str]) -> Shown:
        if len(rest) != 1 or rest[0] not in self.mta.queues:
            raise ShowError("no such queue")
        data, text = self._queues(rest, options)
        events = [{"time": _instant(at), "text": what} for at, what in self.mta.queues[rest[0]].events]
        data["queue"][0]["event"] = events
        return data, text + "\n" + "\n".join(f"  {event['time']} {event['text']}" for event in events)

    def _by(self, key: str, names: Sequence[str] = ()) -> list[dict[str, str]]:
        total = max(1, self.mta.depth)
        groups: dict[str, list[Queue]] = {name: [] for name in names}
        for queue in self.mta.queues.values():
            groups.setdefault(getattr(queue, key), []).append(queue)
        rows = []
        for name, queues in sorted(groups.items()):
            rcpt = sum(queue.recipients for queue in queues)
            if not rcpt and name not in names:
                continue
            row = {"name": name, "rcpt": str(rcpt), "kbytes": f"{sum(max(0.0, q.kbytes) for q in queues):.1f}"}
            row["conn"] = str(sum(queue.in_use for queue in queues))
            if key == "vmta":
                row |= {"domains": str(sum(1 for queue in queues if queue.recipients))}
                row |= {"percent": f"{100 * rcpt / total:.1f}"}
            else:
                row["lastError"] = next((queue.last_error for queue in queues if queue.last_error), "")
            rows.append(row)
        return rows

    def _domains(self, rest: list[str], options: Mapping[str, str]) -> Shown:
        rows = sorted(self._by("domain"), key=lambda row: -int(row["rcpt"]))[: int(options.get("maxitems", "20"))]
        return {"domain": rows}, _table(rows, ("name", "rcpt", "kbytes", "conn", "lastError"), ("domain",))

    def _vmtas(self, rest: list[str], options: Mapping[str, str]) -> Shown:
        rows = self._by("vmta", tuple(self.mta.config.sources))
        return {"vmta": rows}, _table(rows, ("name", "domains", "rcpt", "percent", "kbytes", "conn"))

    def _jobs(self, rest: list[str], options: Mapping[str, str]) -> Shown:
        counts: dict[str, int] = dict.fromkeys(self.mta.paused_jobs, 0)
        for job, count in self.mta.jobs().items():
            counts[job] = counts.get(job, 0) + count
        rows = [
            {"id": job, "rcpt": str(count), "paused": "yes" if job in self.mta.paused_jobs else "no"}
            for job, count in sorted(counts.items())
        ]
        return {"job": rows}, _table(rows, ("id", "rcpt", "paused"), ("job",))

    def _disabled(self, rest: list[str], options: Mapping[str, str]) -> Shown:
        rows = [
            {"ip": ip, "queue": queue, "reenableAt": _instant(until) if until is not None else "never"}
            for (ip, queue), until in self.mta.disabled.items()
            if not rest or rest[0] == queue
        ]
        return {"source": rows}, _table(rows, ("ip", "queue", "reenableAt"), ("source", "queue", "re-enabled"))

    def _settings(self, rest: list[str], options: Mapping[str, str]) -> Shown:
        if len(rest) != 1 or "/" not in rest[0]:
            raise ShowError("syntax: show settings domain/vmta")
        domain, _, vmta = rest[0].partition("/")
        values = self.mta.config.raw(domain.lower(), vmta)
        return {"settings": values}, "\n".join(f"{name:<36} {value}" for name, value in values.items())

    def _version(self, rest: list[str], options: Mapping[str, str]) -> Shown:
        return {"version": VERSION, "product": "PowerMTA"}, f"PowerMTA v{VERSION}"

    def _licence(self, rest: list[str], options: Mapping[str, str]) -> Shown:
        return {"license": {"expires": "never"}}, "Simulated host: no license is needed."


def _table(rows: list[dict[str, str]], keys: Sequence[str], titles: Sequence[str] = ()) -> str:
    heads = [*titles, *keys[len(titles) :]]
    return "\n".join(
        ["  ".join(f"{head:<20}" for head in heads), *("  ".join(f"{row[key]:<20}" for key in keys) for row in rows)]
    )


_FORMS: Final[tuple[tuple[tuple[str, ...], Any], ...]] = (
    (("status",), Show._status),
    (("queues",), Show._queues),
    (("topqueues",), Show._queues),
    (("queue",), Show._queue),
    (("domains",), Show._domains),
    (("topdomains",), Show._domains),
    (("vmtas",), Show._vmtas),
    (("vmta",), Show._vmtas),
    (("jobs",), Show._jobs),
    (("disabled", "sources"), Show._disabled),
    (("settings",), Show._settings),
    (("version",), Show._version),
    (("license",), Show._licence),
    (("registration",), Show._licence),
)
