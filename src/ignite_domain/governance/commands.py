"""The words PMTA understands: allow-listed verbs, validated arguments, and what a good answer looks like.

Decides which commands exist at all. What ought to be in force is decided in `desired`; the include
file's text in `include_file`. Forms and texts: PowerMTA v5.0 User's Guide, chapter 6.

No argument is ever taken from an accounting record as it stands: a target is checked against the strict
forms below here, and against the VMTAs and domains that are known in `desired`.
"""

import hashlib
import ipaddress
import json
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Final

import attrs

from ignite_domain.errors import BadInput


class Verb(StrEnum):
    """Everything that may go over the wire. Nothing else can be said."""

    PAUSE_QUEUE = "pause queue"
    RESUME_QUEUE = "resume queue"
    PAUSE_JOB = "pause job"
    RESUME_JOB = "resume job"
    SET_QUEUE = "set queue"
    DISABLE_SOURCE = "disable source"
    ENABLE_SOURCE = "enable source"
    RELOAD = "reload"
    PUT_INCLUDE = "ignite-put-include"
    TEST_CONFIG = "test config"
    SHOW_STATUS = "show status"
    SHOW_VERSION = "show version"
    SHOW_QUEUES = "show queues"
    SHOW_JOBS = "show jobs"
    SHOW_DISABLED = "show disabled sources"
    SHOW_SETTINGS = "show settings"


MUTATING: Final[frozenset[Verb]] = frozenset(
    {
        Verb.PAUSE_QUEUE,
        Verb.RESUME_QUEUE,
        Verb.PAUSE_JOB,
        Verb.RESUME_JOB,
        Verb.SET_QUEUE,
        Verb.DISABLE_SOURCE,
        Verb.ENABLE_SOURCE,
        Verb.RELOAD,
        Verb.PUT_INCLUDE,
    }
)
"""Each of these that is sent has one row of its own in the outbox."""

SAYS: Final[dict[Verb, str]] = {
    Verb.PAUSE_QUEUE: "queue(s) paused",
    Verb.RESUME_QUEUE: "queue(s) resumed",
    Verb.PAUSE_JOB: "paused job",
    Verb.RESUME_JOB: "resumed job",
    Verb.RELOAD: "configuration reloaded",
}
"""The documented answers, in lower case. The guide prints none for the other verbs."""

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_DOMAIN: Final = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])", re.ASCII)
_VMTA: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", re.ASCII)
_JOB: Final = re.compile(r"c[1-9][0-9]{0,18}", re.ASCII)
_INTERVAL: Final = re.compile(r"[1-9][0-9]{0,6}[smhd]", re.ASCII)
_QUEUE_OPTIONS: Final = frozenset({"--paused=yes", "--mode=backoff"})
_MAX_ITEMS: Final = re.compile(r"--maxitems=[1-9][0-9]{0,6}", re.ASCII)


def domain(value: str) -> str:
    """Return `value` if it is the name of a domain, rollup or macro queue in lower case, or `*`."""
    if value == "*" or _DOMAIN.fullmatch(value):
        return value
    raise BadInput("not the name of a queue's domain")


def vmta(value: str) -> str:
    """Return `value` if it can be the name of a VMTA, or `*`."""
    if value == "*" or _VMTA.fullmatch(value):
        return value
    raise BadInput("not the name of a virtual MTA")


def queue(value: str) -> str:
    """Return `value` if it is `domain/vmta`, either of which may be `*`."""
    left, slash, right = value.partition("/")
    if not slash:
        raise BadInput("a queue is written domain/vmta")
    return f"{domain(left)}/{vmta(right)}"


def job(value: str) -> str:
    """Return `value` if it is one of our job ids, `c` and the campaign's number."""
    if _JOB.fullmatch(value):
        return value
    raise BadInput("not one of our job ids")


def ip(value: str) -> str:
    """Return `value` if it is an IP address."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise BadInput("not an IP address") from None


def interval(value: str) -> str:
    """Return `value` if it is a time span in PMTA's form, such as 90m."""
    if _INTERVAL.fullmatch(value):
        return value
    raise BadInput("not a time span")


@attrs.frozen
class PmtaCommand:
    """One line for the host. Made by the functions below, never by joining strings.

    `argv` is what is run, the program first; `stdin` is the include file's text (PUT_INCLUDE alone).
    """

    verb: Verb
    argv: tuple[str, ...]
    stdin: str | None = None

    @property
    def mutates(self) -> bool:
        return self.verb in MUTATING

    @property
    def stdin_sha256(self) -> str | None:
        return None if self.stdin is None else hashlib.sha256(self.stdin.encode()).hexdigest()


def _pmta(verb: Verb, *rest: str) -> PmtaCommand:
    return PmtaCommand(verb, ("pmta", "--json", *verb.split(), *rest))


def pause_queue(target: str) -> PmtaCommand:
    return _pmta(Verb.PAUSE_QUEUE, queue(target))


def resume_queue(target: str) -> PmtaCommand:
    return _pmta(Verb.RESUME_QUEUE, queue(target))


def pause_job(target: str) -> PmtaCommand:
    return _pmta(Verb.PAUSE_JOB, job(target))


def resume_job(target: str) -> PmtaCommand:
    return _pmta(Verb.RESUME_JOB, job(target))


def set_mode(target: str, *, backoff: bool) -> PmtaCommand:
    return _pmta(Verb.SET_QUEUE, f"--mode={'backoff' if backoff else 'normal'}", queue(target))


def disable_source(address: str, target: str, *, reenable_after: str) -> PmtaCommand:
    """`reenable_after` is the dead man's backstop: without us the address comes back by itself."""
    return _pmta(Verb.DISABLE_SOURCE, f"--reenable-after={interval(reenable_after)}", ip(address), queue(target))


def enable_source(address: str, target: str) -> PmtaCommand:
    return _pmta(Verb.ENABLE_SOURCE, ip(address), queue(target))


def reload() -> PmtaCommand:
    return _pmta(Verb.RELOAD)


def check_config() -> PmtaCommand:
    """`pmta test config`: reads the files, changes nothing."""
    return _pmta(Verb.TEST_CONFIG)


def put_include(text: str) -> PmtaCommand:
    """Replace the generated include file by `text`; the wrapper prints the checksum of what it wrote."""
    return PmtaCommand(Verb.PUT_INCLUDE, (Verb.PUT_INCLUDE.value,), stdin=text)


def show(verb: Verb, *options: str) -> PmtaCommand:
    """A read-only command; `options` must be among those of `show queues`."""
    if verb not in READS:
        raise BadInput(f"{verb} does not read")
    if any(option not in _QUEUE_OPTIONS and not _MAX_ITEMS.fullmatch(option) for option in options):
        raise BadInput("not an option of show")
    return _pmta(verb, *options)


def show_settings(target: str) -> PmtaCommand:
    """What the configuration says about one queue; `target` may not hold `*`."""
    if "*" in target:
        raise BadInput("settings are shown of one queue")
    return _pmta(Verb.SHOW_SETTINGS, queue(target))


READS: Final[frozenset[Verb]] = frozenset(
    {Verb.SHOW_STATUS, Verb.SHOW_VERSION, Verb.SHOW_QUEUES, Verb.SHOW_JOBS, Verb.SHOW_DISABLED}
)

_NO_ARGUMENT: Final = frozenset({Verb.RELOAD, Verb.TEST_CONFIG})
_ONE: Final[dict[Verb, Callable[[str], str]]] = {
    Verb.PAUSE_QUEUE: queue,
    Verb.RESUME_QUEUE: queue,
    Verb.PAUSE_JOB: job,
    Verb.RESUME_JOB: job,
}


def check(command: PmtaCommand) -> None:
    """Raise BadInput unless `command` is one that the functions above could have made.

    The console calls this last of all, so that a command put together elsewhere cannot leave the house.
    """
    argv, verb = command.argv, command.verb
    if verb is Verb.PUT_INCLUDE:
        if argv != (verb.value,) or command.stdin is None:
            raise BadInput("the include file goes over standard input")
        return
    words = tuple(verb.split())
    if argv[: 2 + len(words)] != ("pmta", "--json", *words) or command.stdin is not None:
        raise BadInput("not a command of ours")
    rest = argv[2 + len(words) :]
    if verb in READS:
        show(verb, *rest)
    elif verb in _NO_ARGUMENT and not rest:
        return
    elif verb in _ONE and len(rest) == 1:
        _ONE[verb](rest[0])
    elif verb is Verb.SHOW_SETTINGS and len(rest) == 1:
        show_settings(rest[0])
    elif verb is Verb.SET_QUEUE and len(rest) == 2 and rest[0] in ("--mode=backoff", "--mode=normal"):
        queue(rest[1])
    elif verb is Verb.ENABLE_SOURCE and len(rest) == 2:
        ip(rest[0]), queue(rest[1])
    elif verb is Verb.DISABLE_SOURCE and len(rest) == 3 and rest[0].startswith("--reenable-after="):
        interval(rest[0].partition("=")[2]), ip(rest[1]), queue(rest[2])
    else:
        raise BadInput("not a command of ours")


def failure(command: PmtaCommand, exit_status: int, output: str) -> str | None:
    """Return why an answer is not a success, or None if it is one.

    A success has exit status 0 and says so: the JSON envelope's `"status": "success"`, or the documented
    text. For the include file it is the checksum of what we sent. Any other answer is a failure: an
    unknown text may mean anything.
    """
    text = output.strip()
    if exit_status != 0:
        return f"exit status {exit_status}: {_short(text)}"
    if command.verb is Verb.PUT_INCLUDE:
        expected = command.stdin_sha256
        return None if expected and expected in text.split() else f"another checksum: {_short(text)}"
    try:
        envelope = json.loads(text)
    except ValueError:
        said = SAYS.get(command.verb)
        if said is not None and said in text.lower():
            return None
        return f"an answer we do not know: {_short(text)}"
    if isinstance(envelope, dict) and envelope.get("status") == "success":
        return None
    message = envelope.get("message") if isinstance(envelope, dict) else None
    return f"refused: {_short(str(message or text))}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 200 else line[:197] + "..."
