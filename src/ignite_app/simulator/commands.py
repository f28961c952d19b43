"""The `pmta` command: what may be asked, in which form, and what is answered.

Decides syntax, texts and exit codes; what commands do is `queues`, what `show` prints is `show`. Texts as
in PMTA's guide where the facts page has them; those marked U are ours, because no source prints them.
Exit codes are not documented either: 0 for success, 1 for a refusal, 127 for an unknown command.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

import attrs

from ignite_app.simulator.accounting import AccountingWriter
from ignite_app.simulator.config import ConfigError, Configuration, duration, parse
from ignite_app.simulator.include import IncludeFile, put_include
from ignite_app.simulator.messages import QueuedMessage
from ignite_app.simulator.queues import Mta, Queue
from ignite_app.simulator.show import Show, ShowError

PAUSED: Final = "Queue(s) paused."
RESUMED: Final = "Queue(s) resumed."
JOB_PAUSED: Final = "paused job."
JOB_RESUMED: Final = "resumed job."
RELOADED: Final = "Configuration reloaded."
ROTATED: Final = "Accounting file rotated."
COUNTERS_RESET: Final = "Traffic counters reset."
CONFIG_GOOD: Final = "Configuration is valid."  # U
MODE_SET: Final = "Queue(s) set to {} mode."  # U
DISABLED: Final = "Source(s) disabled."  # U
ENABLED: Final = "Source(s) enabled."  # U

_QUEUE: Final = re.compile(r"[A-Za-z0-9.*?_-]+(?:/(?:[A-Za-z0-9.*?_-]+|\{default\}))?\Z")
_IP: Final = re.compile(r"[0-9a-fA-F.:]+\Z")


@attrs.frozen
class Reply:
    """`text` goes to standard output, or to standard error if `exit` is not 0."""

    text: str
    exit: int = 0


class CommandError(Exception):
    """The message is the refusal."""


def split_options(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """`--name=value` options and the rest."""
    options = {}
    rest = []
    for word in words:
        if word.startswith("--"):
            name, _, value = word[2:].partition("=")
            options[name] = value
        else:
            rest.append(word)
    return options, rest


Values = Mapping[str, str]


@attrs.define(eq=False)
class Console:
    """Runs one command line at a time."""

    mta: Mta
    accounting: AccountingWriter
    include: IncludeFile
    show: Show

    def run(self, argv: Sequence[str], stdin: bytes = b"") -> Reply:
        """Never raises: what is wrong is in the reply."""
        if not argv:
            return Reply("no shell here", 1)
        if argv[0] == "ignite-put-include":
            return self._put(argv[1:], stdin)
        if argv[0].rpartition("/")[2] != "pmta":
            return Reply(f"{argv[0][:80]}: command not allowed", 127)
        words, form = list(argv[1:]), "text"
        while words and words[0] in ("--json", "--xml", "--dom"):
            form = words.pop(0)[2:]
        try:
            data, message = self._dispatch(words)
        except CommandError as refusal:
            if form == "json":
                return Reply(json.dumps({"data": {}, "status": "error", "message": str(refusal)}), 1)
            return Reply(str(refusal), 1)
        if form == "json":
            text = "" if data else message
            return Reply(json.dumps({"data": data, "status": "success", "message": text}))
        if form == "xml":
            return Reply(f"<rsp><data>{_xml(data)}</data><succ/></rsp>")
        if form == "dom":
            return Reply("\n".join(_dom(data)))
        return Reply(message)

    def _put(self, words: Sequence[str], stdin: bytes) -> Reply:
        if words:
            return Reply("ignite-put-include takes no arguments", 1)
        try:
            return Reply(put_include(Path(self.include.path), stdin))
        except ValueError as refusal:
            return Reply(str(refusal), 1)

    def _dispatch(self, words: Sequence[str]) -> tuple[dict[str, Any], str]:
        for form, handler in _COMMANDS:
            if list(words[: len(form)]) == list(form):
                options, rest = split_options(words[len(form) :])
                result = handler(self, options, rest)
                return result if isinstance(result, tuple) else ({}, result)
        raise CommandError(f"unknown command: {' '.join(words)[:120]}")

    # -- queues

    def _queues(self, rest: Sequence[str]) -> list[Queue]:
        """The queues that one pattern names; an exact name makes its queue."""
        if len(rest) != 1 or not _QUEUE.match(rest[0]):
            raise CommandError("syntax: domain[/vmta]")
        pattern = rest[0].lower()
        domain, slash, vmta = pattern.partition("/")
        if slash and "*" not in pattern and "?" not in pattern:
            known = {name.lower(): name for name in (*self.mta.config.sources, "{default}")}
            if vmta not in known:
                raise CommandError(f'unknown virtual-mta "{vmta}"')
            return [self.mta.queue(domain, known[vmta])]
        return self.mta.matching(pattern)

    def _pause_queue(self, options: Values, rest: Sequence[str]) -> str:
        for queue in self._queues(rest):
            self.mta.pause(queue, True)
        return PAUSED

    def _resume_queue(self, options: Values, rest: Sequence[str]) -> str:
        for queue in self._queues(rest):
            self.mta.pause(queue, False)
        return RESUMED

    def _set_queue(self, options: Values, rest: Sequence[str]) -> str:
        mode = options.get("mode", "")
        if mode not in ("normal", "backoff"):
            raise CommandError("syntax: set queue --mode={normal|backoff} domain[/vmta]")
        for queue in self._queues(rest):
            self.mta.set_mode(queue, mode)
        return MODE_SET.format(mode)

    def _schedule(self, options: Values, rest: Sequence[str]) -> str:
        found = self._queues(rest)
        for queue in found:
            self.mta.retry_now(queue)
        return f"{len(found)} of {len(self.mta.queues)} matching queues scheduled."

    # -- jobs and sources

    def _pause_job(self, options: Values, rest: Sequence[str]) -> str:
        self.mta.pause_job(_one(rest, "ID"), True)
        return JOB_PAUSED

    def _resume_job(self, options: Values, rest: Sequence[str]) -> str:
        self.mta.pause_job(_one(rest, "ID"), False)
        return JOB_RESUMED

    def _source(self, rest: Sequence[str]) -> tuple[str, str]:
        if len(rest) != 2 or not _IP.match(rest[0]) or not _QUEUE.match(rest[1]):
            raise CommandError("syntax: ip domain[/vmta]")
        if rest[0] not in self.mta.config.sources.values():
            raise CommandError(f"unknown source {rest[0]}")
        return rest[0], rest[1].lower()

    def _disable(self, options: Values, rest: Sequence[str]) -> str:
        ip, pattern = self._source(rest)
        seconds = None
        if "reenable-after" in options:
            try:
                seconds = duration(options["reenable-after"])
            except ValueError:
                raise CommandError("invalid interval for --reenable-after") from None
        self.mta.disable_source(ip, pattern, seconds)
        return DISABLED

    def _enable(self, options: Values, rest: Sequence[str]) -> str:
        ip, pattern = self._source(rest)
        if not self.mta.enable_source(ip, pattern):
            raise CommandError("No matching disabled sources.")
        return ENABLED

    # -- the host

    def _reload(self, options: Values, rest: Sequence[str]) -> str:
        self.mta.reconfigure(self._read())
        return RELOADED

    def _test_config(self, options: Values, rest: Sequence[str]) -> str:
        self._read()
        return CONFIG_GOOD

    def _read(self) -> Configuration:
        try:
            return parse(self.include.files())
        except ConfigError as wrong:
            raise CommandError(str(wrong)) from None

    def _rotate(self, options: Values, rest: Sequence[str]) -> str:
        if not self.accounting.rotate(self.mta.scheduler.now(), rest[0] if rest else ""):
            raise CommandError("no such accounting file")
        return ROTATED

    def _reset(self, options: Values, rest: Sequence[str]) -> str:
        self.mta.traffic = type(self.mta.traffic)()
        return COUNTERS_RESET

    def _delete(self, options: Values, rest: Sequence[str]) -> str:
        if rest or not ({"queue", "jobId"} & set(options)):
            raise CommandError("delete needs --queue or --jobId")
        known = {"dsn", "queue", "orig", "rcpt", "jobId", "envId", "older-than", "no-accounting"}
        if set(options) - known:
            raise CommandError(f"unknown option --{sorted(set(options) - known)[0]}")
        now = self.mta.scheduler.now()
        try:
            age = duration(options["older-than"]) if "older-than" in options else 0.0
        except ValueError:
            raise CommandError("invalid interval for --older-than") from None
        chosen = {queue.name for queue in self.mta.matching(options["queue"])} if "queue" in options else None

        def wanted(message: QueuedMessage, queue: Queue) -> bool:
            return (
                (chosen is None or queue.name in chosen)
                and now - message.queued_at >= age
                and all(
                    name not in options or options[name] == value
                    for name, value in (
                        ("jobId", message.job),
                        ("envId", message.envid),
                        ("orig", message.orig),
                        ("rcpt", message.rcpt),
                    )
                )
            )

        count = self.mta.delete(wanted, "no-accounting" not in options)
        return f"{count} recipient(s) deleted."  # U

    def _show(self, options: Values, rest: Sequence[str]) -> tuple[dict[str, Any], str]:
        try:
            return self.show.answer(rest, options)
        except ShowError as refusal:
            raise CommandError(str(refusal)) from None


def _one(rest: Sequence[str], name: str) -> str:
    if len(rest) != 1:
        raise CommandError(f"one {name} expected")
    return rest[0]


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{name}>{_xml(part)}</{name}>" for name, part in value.items())
    if isinstance(value, list):
        return "".join(f"<item>{_xml(part)}</item>" for part in value)
    return escape(str(value))


def _dom(value: Any, path: str = "") -> list[str]:
    if isinstance(value, dict):
        return [line for name, part in value.items() for line in _dom(part, f"{path}.{name}" if path else name)]
    if isinstance(value, list):
        return [line for index, part in enumerate(value) for line in _dom(part, f"{path}[{index}]")]
    return [f'{path}="{value}"']


_COMMANDS: Final[tuple[tuple[tuple[str, ...], Callable[..., Any]], ...]] = (
    (("pause", "queue"), Console._pause_queue),
    (("resume", "queue"), Console._resume_queue),
    (("pause", "job"), Console._pause_job),
    (("resume", "job"), Console._resume_job),
    (("set", "queue"), Console._set_queue),
    (("disable", "source"), Console._disable),
    (("enable", "source"), Console._enable),
    (("schedule",), Console._schedule),
    (("delete",), Console._delete),
    (("reload",), Console._reload),
    (("test", "config"), Console._test_config),
    (("rotate", "acct"), Console._rotate),
    (("reset", "counters"), Console._reset),
    (("show",), Console._show),
)
"""The commands of the guide that are modelled. Others (trace, resolve, list, digest …) are refused as unknown."""
