"""PMTA's delivery: queues `domain/vmta`, rates, retries, backoff mode, pauses, disabled sources.

Decides when which message is tried and what its outcome does to its queue. Settings come from `config`,
answers from `world`, wording of records from `records`. Everything runs on the scheduler; a queue works
in bursts of one business second or 50 real milliseconds, whichever is longer.
"""

import fnmatch
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import attrs

from ignite_app.simulator.config import Configuration, QueueSettings, duration
from ignite_app.simulator.messages import QueuedMessage
from ignite_app.simulator.records import Outcome, Records
from ignite_app.simulator.scheduler import Scheduler
from ignite_app.simulator.traffic import Traffic
from ignite_app.simulator.world import Answer, Reach, World

SERVICE_SECONDS: Final = 1.0
"""How long one connection is busy with one message."""
BURST_REAL_SECONDS: Final = 0.05
BATCH: Final = 200
SWEEP_SECONDS: Final = 300.0
EVENTS_KEPT: Final = 50  # the guide: the last 50 recipient events
DEFAULT_VMTA: Final = "{default}"

_UNREACHABLE: Final = {
    Reach.NO_DOMAIN: Outcome("b", "5.1.2", "554 5.1.2 no such domain: {domain}", "", "bad-domain", True, 554),
    Reach.NULL_MX: Outcome(
        "b", "5.1.10", "556 5.1.10 {domain} does not accept mail (null MX)", "", "bad-domain", True, 556
    ),
}
_TROUBLE: Final = {
    Reach.DNS_FAILS: ("4.4.3", "451 4.4.3 [internal] DNS failure for {domain}: SERVFAIL"),
    Reach.NO_ANSWER: ("4.4.1", "451 4.4.1 [internal] no MXs for this domain could be reached at this time"),
}


@attrs.define(eq=False)
class Queue:
    """One queue. `waiting`: messages between two attempts."""

    domain: str
    vmta: str
    ready: deque[QueuedMessage] = attrs.field(factory=deque)
    waiting: int = 0
    paused: bool = False
    mode: str = "normal"
    mode_since: float = 0.0
    tokens: float = 1.0
    tokens_at: float = 0.0
    scheduled: bool = False
    kbytes: float = 0.0
    in_use: int = 0
    retry_at: float = 0.0
    last_error: str = ""
    events: deque[tuple[float, str]] = attrs.field(factory=lambda: deque(maxlen=EVENTS_KEPT))

    @property
    def name(self) -> str:
        return f"{self.domain}/{self.vmta}"

    @property
    def recipients(self) -> int:
        return len(self.ready) + self.waiting


@attrs.define(eq=False)
class Mta:
    """The MTA. `delivered` is told of every message that a receiver took, `finished` of every one that left."""

    scheduler: Scheduler
    world: World
    records: Records
    config: Configuration
    burst_seconds: float
    delivered: Callable[[QueuedMessage, float], None]
    finished: Callable[[QueuedMessage], None]
    queues: dict[str, Queue] = attrs.field(factory=dict)
    paused_jobs: set[str] = attrs.field(factory=set)
    held: dict[str, list[tuple[Queue, QueuedMessage]]] = attrs.field(factory=dict)
    disabled: dict[tuple[str, str], float | None] = attrs.field(factory=dict)  # (ip, queue pattern) -> until
    traffic: Traffic = attrs.field(factory=Traffic)
    _waiting: dict[str, dict[int, QueuedMessage]] = attrs.field(factory=dict)  # queue -> between two attempts

    def start(self) -> None:
        self.scheduler.after(SWEEP_SECONDS, self._sweep)

    # -- what comes in

    def submit(self, message: QueuedMessage) -> None:
        """Take an accepted message into its queue."""
        name = self.config.queue_domain(message.destination.domain, message.destination.mx)
        queue = self.queue(name, message.vmta)
        if other := self._settings(queue).reroute_to_virtual_mta:
            queue, message.vmta = self.queue(name, other), other
        queue.kbytes += message.size / 1024
        queue.ready.append(message)
        self._wake(queue)

    def queue(self, domain: str, vmta: str) -> Queue:
        """The queue of that name, made if there is none."""
        name = f"{domain}/{vmta}"
        if name not in self.queues:
            now = self.scheduler.now()
            self.queues[name] = Queue(domain, vmta, mode_since=now, tokens_at=now)
        return self.queues[name]

    def source_of(self, vmta: str) -> str:
        """The address that a VMTA sends from; the default VMTA uses the first one's."""
        if vmta in self.config.sources:
            return self.config.sources[vmta]
        return next(iter(self.config.sources.values()), "127.0.0.1")

    def matching(self, pattern: str) -> list[Queue]:
        """Queues by `domain[/vmta]`; a missing half means all, `*` and `?` are wildcards."""
        domain, slash, vmta = pattern.lower().partition("/")
        wanted = f"{domain}/{vmta if slash else '*'}".replace("[", "[[]")
        return [queue for name, queue in self.queues.items() if fnmatch.fnmatchcase(name.lower(), wanted)]

    @property
    def depth(self) -> int:
        """Messages that have not left."""
        return sum(queue.recipients for queue in self.queues.values()) + sum(map(len, self.held.values()))

    def jobs(self) -> dict[str, int]:
        """Recipients in the queues, by job."""
        counts: dict[str, int] = {}
        for _, message, _ in self._everything():
            counts[message.job] = counts.get(message.job, 0) + 1
        return counts

    # -- what operators do

    def pause(self, queue: Queue, paused: bool) -> None:
        queue.paused = paused
        if not paused:
            self._wake(queue)

    def pause_job(self, job: str, paused: bool) -> None:
        if paused:
            self.paused_jobs.add(job)
            return
        self.paused_jobs.discard(job)
        for queue, message in self.held.pop(job, []):
            queue.ready.append(message)
            self._wake(queue)

    def set_mode(self, queue: Queue, mode: str) -> None:
        """Enter or leave backoff; a configured time brings it back to normal."""
        now = self.scheduler.now()
        if mode == "backoff":
            back = self._settings(queue).backoff_to_normal_after
            if back is not None:
                since = now
                self.scheduler.at(now + back, lambda: self._back_to_normal(queue, since))
        queue.mode, queue.mode_since = mode, now
        self._wake(queue)

    def _back_to_normal(self, queue: Queue, since: float) -> None:
        if queue.mode == "backoff" and queue.mode_since == since:
            self.set_mode(queue, "normal")

    def disable_source(self, ip: str, pattern: str, seconds: float | None) -> None:
        """Stop deliveries from `ip` to matching queues, for `seconds` or until enabled."""
        until = None if seconds is None else self.scheduler.now() + seconds
        self.disabled[(ip, pattern)] = until
        if until is not None:
            self.scheduler.at(until, lambda: self._reenable(ip, pattern, until))
        for queue in self.matching(pattern):
            if self._settings(queue).backoff_upon_all_sources_disabled and self.source_of(queue.vmta) == ip:
                self.set_mode(queue, "backoff")

    def _reenable(self, ip: str, pattern: str, until: float) -> None:
        if self.disabled.get((ip, pattern)) == until:
            self.enable_source(ip, pattern)

    def enable_source(self, ip: str, pattern: str) -> bool:
        """True if that source was disabled under that pattern, or under ones that it matches."""
        domain, slash, vmta = pattern.partition("/")
        wanted = f"{domain}/{vmta if slash else '*'}"
        keys = [key for key in self.disabled if key[0] == ip and fnmatch.fnmatchcase(_whole(key[1]), wanted)]
        for key in keys:
            del self.disabled[key]
        for queue in list(self.queues.values()):
            self._wake(queue)
        return bool(keys)

    def source_disabled(self, queue: Queue) -> bool:
        ip = self.source_of(queue.vmta)
        return any(ip == source and fnmatch.fnmatchcase(queue.name, _whole(name)) for source, name in self.disabled)

    def reconfigure(self, config: Configuration) -> None:
        """Use other settings from now on; state of queues stays."""
        self.config = config
        for queue in list(self.queues.values()):
            if other := self._settings(queue).reroute_to_virtual_mta:
                self._reroute(queue, self.queue(queue.domain, other))
            self._wake(queue)

    def _reroute(self, queue: Queue, other: Queue) -> None:
        """All that is in a queue goes on in another VMTA's queue of the same domain. Whether PMTA moves what waits
        between two attempts, or behind a disabled source, is not documented; here it does."""
        if other is queue:
            return
        moved = [*queue.ready, *self._waiting.pop(queue.name, {}).values()]
        queue.ready.clear()
        queue.waiting = 0
        for message in moved:
            message.vmta = other.vmta
            queue.kbytes -= message.size / 1024
            other.kbytes += message.size / 1024
        other.ready.extend(moved)
        self._wake(other)

    def retry_now(self, queue: Queue) -> None:
        """`schedule`: what waits is tried at once."""
        queue.retry_at = 0.0
        for message in self._waiting.pop(queue.name, {}).values():
            queue.waiting -= 1
            queue.ready.append(message)
        self._wake(queue)

    def delete(self, wanted: Callable[[QueuedMessage, Queue], bool], accounting: bool) -> int:
        """Drop matching messages as bounces. Returns how many."""
        found = 0
        now = self.scheduler.now()
        for queue, message, remove in list(self._everything()):
            if wanted(message, queue):
                remove()
                found += 1
                if accounting:
                    self._leave(queue, message, Outcome("b", "5.0.0", "", "", "other", False, 0), now)
                else:
                    self.finished(message)
        return found

    # -- delivery

    def _settings(self, queue: Queue) -> QueueSettings:
        return self.config.settings(queue.domain, queue.vmta)

    def _wake(self, queue: Queue, at: float = 0.0) -> None:
        if not queue.scheduled and queue.ready:
            queue.scheduled = True
            self.scheduler.at(at, lambda: self._pump(queue))

    def _per_second(self, queue: Queue) -> float:
        settings = self._settings(queue)
        backoff = queue.mode == "backoff"
        slots = settings.backoff_max_smtp_out if backoff else settings.max_smtp_out
        limit = settings.backoff_max_msg_rate if backoff else settings.max_msg_rate
        by_slots = slots / SERVICE_SECONDS
        return min(by_slots, limit.per_second) if limit else by_slots

    def _pump(self, queue: Queue) -> None:
        queue.scheduled = False
        now = self.scheduler.now()
        queue.in_use = 0
        if not queue.ready or queue.paused or self.source_disabled(queue):
            queue.tokens_at = now
            return
        per_second = self._per_second(queue)
        if per_second <= 0:
            return
        burst = max(1.0, per_second * self.burst_seconds)
        queue.tokens = min(burst, queue.tokens + (now - queue.tokens_at) * per_second)
        queue.tokens_at = now
        tried = 0
        while queue.ready and queue.tokens >= 1 and tried < BATCH and not queue.paused:
            message = queue.ready.popleft()
            if message.job in self.paused_jobs:
                self.held.setdefault(message.job, []).append((queue, message))
                continue
            tried += 1
            queue.tokens -= 1
            self._attempt(queue, message, now)
        queue.in_use = min(tried, self._settings(queue).max_smtp_out)
        if queue.ready:
            missing = max(0.0, 1 - queue.tokens) / per_second
            self._wake(queue, now if tried == BATCH else now + max(self.burst_seconds, missing))

    def _attempt(self, queue: Queue, message: QueuedMessage, now: float) -> None:
        reach = message.destination.reach
        domain = message.destination.domain
        message.attempts += 1
        if message.first_attempt is None:
            message.first_attempt = now
        if reach in _UNREACHABLE:
            gone = _UNREACHABLE[reach]
            self._leave(queue, message, attrs.evolve(gone, text=gone.text.format(domain=domain)), now)
            return
        if reach in _TROUBLE:
            status, text = _TROUBLE[reach]
            host = message.destination.mx[0] if message.destination.mx else ""
            queue.last_error = text.format(domain=domain)
            if now >= queue.retry_at:
                self.records.queue_trouble(queue.name, queue.vmta, status, queue.last_error, host, now)
                queue.retry_at = now + self._delay(queue, message)
            self._later(queue, message, now, queue.last_error)
            return
        ip = self.source_of(queue.vmta)
        answer = self.world.answer(
            ip=ip,
            destination=message.destination,
            rcpt=message.rcpt,
            message=message.envid,
            attempt=message.attempts,
            now=now,
        )
        actions = self._actions(queue, answer.text) if answer.reply.code != 250 else {}
        outcome = _outcome(answer, bounce="bounce-rcpt" in actions or "bounce-queue" in actions)
        queue.events.append((now, f"{outcome.kind} {answer.text}"))
        if outcome.kind == "t":
            queue.last_error = answer.text
            self.records.outcome(message, queue.name, ip, outcome, now)
            self._later(queue, message, now, answer.text)
        else:
            self._leave(queue, message, outcome, now)
        self._act(queue, ip, actions)

    def _leave(self, queue: Queue, message: QueuedMessage, outcome: Outcome, now: float) -> None:
        """The end of a message: delivered or bounced."""
        queue.kbytes -= message.size / 1024
        self.records.outcome(message, queue.name, self.source_of(queue.vmta), outcome, now)
        self.finished(message)
        if outcome.kind == "d":
            self.traffic.outgoing.add(now, message.size)
            if queue.mode == "backoff" and self._settings(queue).backoff_to_normal_after_delivery:
                self.set_mode(queue, "normal")
            self.delivered(message, now)
        else:
            queue.last_error = outcome.text or queue.last_error

    def _delay(self, queue: Queue, message: QueuedMessage) -> float:
        settings = self._settings(queue)
        steps = settings.backoff_retry_after if queue.mode == "backoff" else settings.retry_after
        return steps[min(message.attempts, len(steps)) - 1]

    def _later(self, queue: Queue, message: QueuedMessage, now: float, why: str) -> None:
        if now - message.queued_at >= self._settings(queue).bounce_after:
            self._expire(queue, message, now, why)
            return
        queue.waiting += 1
        self._waiting.setdefault(queue.name, {})[message.id] = message
        self.scheduler.at(now + self._delay(queue, message), lambda: self._retry(queue, message))

    def _retry(self, queue: Queue, message: QueuedMessage) -> None:
        if self._waiting.get(queue.name, {}).pop(message.id, None) is None:
            return  # scheduled by hand, or deleted
        queue.waiting -= 1
        queue.ready.append(message)
        self._wake(queue)

    def _expire(self, queue: Queue, message: QueuedMessage, now: float, why: str) -> None:
        text = f"554 5.4.7 [internal] message expired: delivery time expired; last reply: {why}"
        self._leave(queue, message, Outcome("b", "5.4.7", text, "", "message-expired", False, 554), now)

    def _sweep(self) -> None:
        """Messages that a pause keeps do not live for ever either."""
        now = self.scheduler.now()
        for queue, message, remove in list(self._everything()):
            if now - message.queued_at >= self._settings(queue).bounce_after:
                remove()
                self._expire(queue, message, now, queue.last_error or "not tried")
        self.scheduler.after(SWEEP_SECONDS, self._sweep)

    def _everything(self) -> Iterator[tuple[Queue, QueuedMessage, Callable[[], None]]]:
        for queue in self.queues.values():
            for message in list(queue.ready):
                yield queue, message, lambda q=queue, m=message: q.ready.remove(m)  # type: ignore[misc]
            for message in list(self._waiting.get(queue.name, {}).values()):
                yield queue, message, lambda q=queue, m=message: self._forget(q, m)  # type: ignore[misc]
        for entries in self.held.values():
            for entry in list(entries):
                yield entry[0], entry[1], lambda e=entries, x=entry: e.remove(x)  # type: ignore[misc]

    def _forget(self, queue: Queue, message: QueuedMessage) -> None:
        self._waiting[queue.name].pop(message.id)
        queue.waiting -= 1

    def _actions(self, queue: Queue, text: str) -> dict[str, str]:
        """What the queue's pattern list says about a reply: the first match wins."""
        for pattern in self.config.patterns.get(self._settings(queue).smtp_pattern_list, ()):
            if pattern.regex.search(text):
                return dict(pattern.actions)
        return {}

    def _act(self, queue: Queue, ip: str, actions: dict[str, str]) -> None:
        if "mode" in actions and actions["mode"] != queue.mode:
            self.set_mode(queue, actions["mode"])
        if "disable-source-ip" in actions:
            text = actions.get("reenable-after", "")
            seconds = duration(text) if text else self._settings(queue).reenable_source_ip_after
            self.disable_source(ip, queue.name, seconds)


def _whole(pattern: str) -> str:
    return pattern if "/" in pattern else f"{pattern}/*"


def _outcome(answer: Answer, bounce: bool) -> Outcome:
    reply = answer.reply
    kind = "d" if reply.code == 250 else "t" if reply.transient and not bounce else "b"
    return Outcome(kind, reply.status, answer.text, answer.mx, reply.category, reply.hard, reply.code)
