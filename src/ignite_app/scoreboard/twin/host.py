"""The twin's providers behind the simulator's own MTA: every message in a queue of its own, tried, deferred, retried.

Decides what a provider answers to one attempt, by the hidden states of `limiters`, and what mail comes. When a message
is tried, at which rate, and what is paused, is decided by `simulator.queues` from its configuration; what is written
down by `simulator.records` and its accounting; which commands do what by `simulator.commands`. No socket is opened:
messages are handed to the MTA, commands to its console. The day is not that of `world`, whose minutes are dealt with
whole; demand, capacity and incidents are.
"""

import math
import random
from datetime import timedelta
from pathlib import Path
from typing import Final

from ignite_app.clock import Clock
from ignite_app.scoreboard.twin.product import DOMAINS, NAMES, PER_HOUR, START, moment
from ignite_app.scoreboard.twin.scene import BRANDS, FEEDBACK, IPS, JOBS, VMTAS, Kind, Scene
from ignite_app.scoreboard.twin.texts import FOR_GOOD, TEXTS, Why
from ignite_app.scoreboard.twin.world import BASE, Levers, Queue, Row, World
from ignite_app.simulator.accounting import AccountingWriter
from ignite_app.simulator.commands import Console
from ignite_app.simulator.config import parse
from ignite_app.simulator.dice import Dice
from ignite_app.simulator.include import IncludeFile
from ignite_app.simulator.isps import ReplyText, Situation
from ignite_app.simulator.ledger import Ledger
from ignite_app.simulator.messages import QueuedMessage
from ignite_app.simulator.options import AccountingFile
from ignite_app.simulator.queues import Mta
from ignite_app.simulator.records import Records
from ignite_app.simulator.scheduler import Scheduler
from ignite_app.simulator.show import Show
from ignite_app.simulator.world import Answer, Destination, Reach
from ignite_app.simulator.world import World as Receivers
from ignite_domain.isps import Isp

FILE: Final = AccountingFile("all", ("d", "b", "t", "tq", "f"))
ADDRESS: Final = {
    Isp.GMAIL: "gmail.com",
    Isp.YAHOO: "yahoo.com",
    Isp.MICROSOFT: "outlook.com",
    Isp.COMCAST: "comcast.net",
    Isp.COX: "cox.net",
}
MX: Final = {limiter: next(iter(TEXTS[limiter].values())).mta for limiter in BRANDS}
STILL: Final = 1e-12
"""A clock of this rate stands: a day of computing moves it by a tenth of a microsecond."""
ACCEPTED: Final = ReplyText(250, "2.0.0", "250 2.0.0 OK")


def base_configuration() -> str:
    """The text of /etc/pmta/config: three addresses, a rollup queue for each provider, retries after ten minutes."""
    vmtas = [
        f"<virtual-mta {name}>\n    smtp-source-host {ip} {name}.mail.example\n</virtual-mta>"
        for name, ip in VMTAS.items()
    ]
    rollups = [f"    mx {MX[limiter]} {DOMAINS[limiter]}" for limiter in BRANDS]
    return "\n".join(
        [
            *vmtas,
            "<mx-rollup-list>",
            *rollups,
            "</mx-rollup-list>",
            "<domain *>",
            f"    max-msg-rate {PER_HOUR}/h",
            "    retry-after 10m",
            "    backoff-retry-after 10m",
            "    bounce-after 4d",
            "</domain>",
            "",
        ]
    )


class Host:
    """`play` lets a minute pass; `levers` is what the MTA has in force; `console` takes commands. `rows` of the minute
    are those that were written to the accounting, in its order; message numbers are the ledger's."""

    def __init__(self, scene: Scene, directory: Path) -> None:
        self.scene = scene
        self.hidden = World(scene)
        self.accounting = AccountingWriter(directory / "acct", (FILE,))
        self._ledger = Ledger(directory / "simulator.jsonl")
        self.records = Records(self.accounting, self._ledger)
        self.failures: list[BaseException] = []
        self._scheduler = Scheduler(Clock.starting(START, STILL), self.failures.append)
        include = IncludeFile(base_configuration(), str(directory / "ignite.conf"))
        self.mta = Mta(
            self._scheduler,
            _Receivers(self),
            self.records,
            parse(include.files()),
            1.0,
            lambda message, now: None,
            lambda message: self._bad.discard(message.id),
        )
        self.console = Console(self.mta, self.accounting, include, Show(self.mta, START.timestamp()))
        self.rows: list[Row] = []
        self.mail: dict[int, tuple[Isp, int]] = {}  # number -> brand, job
        self.limiter_of: dict[int, Isp] = {}
        self._bad: set[int] = set()
        self._turn = 0
        self._number = 0
        self._mended: set[int] = set()
        self.minute = -1
        self._left: dict[Queue, tuple[int, Why]] = {}
        self._counts: dict[Queue, _Counts] = {}

    # -- a minute

    def play(self, minute: int) -> list[Row]:
        """Let a minute pass under what is in force; returns its rows, and has them in the accounting file."""
        levers = self.levers()
        self.minute, self.rows = minute, []
        self.hidden.people(minute, levers)
        self._withdraw()
        self.hidden.arrive(minute)
        self._inject(minute, levers)
        for queue in self._queues():
            blocked = self.hidden.blocked(queue, minute)
            factor = self.hidden.factor(queue[0], minute)
            most, why = (0, Why.BLOCKED) if blocked else self.hidden.limiters[queue[0]].takes(minute, queue[1], factor)
            self._left[queue], self._counts[queue] = (most, why), _Counts()
        self._run_to(minute + 1)
        for queue in self._queues():
            self._learn(queue, minute)
        self.accounting.flush()
        self._ledger.flush()
        if self.failures:
            raise self.failures[0]
        return self.rows

    def _run_to(self, minute: int) -> None:
        end = moment(60 * minute).timestamp()
        while (at := self._scheduler.next_at) is not None and at < end:
            # business time has microseconds: never before what is due
            self._set(max(at, self._scheduler.now()) + 2e-6)
            self._scheduler.run_due()
        self._set(end)

    def _set(self, at: float) -> None:
        self._scheduler.clock = Clock.starting(START + timedelta(seconds=at - START.timestamp()), STILL)

    def _queues(self) -> list[Queue]:
        return [(limiter, ip) for limiter in BRANDS for ip in range(len(IPS))]

    def _inject(self, minute: int, levers: Levers) -> None:
        """Hand the minute's mail to the MTA, spread over it; a queue that stands still is not chosen."""
        due: list[tuple[Isp, int, bool]] = []
        for (brand, job), pair in self.hidden.fresh.items():
            due += [(brand, job, False)] * pair[0] + [(brand, job, True)] * pair[1]
            pair[0] = pair[1] = 0
        random.Random(f"{self.scene.seed} order {minute}").shuffle(due)
        for place, (brand, job, bad) in enumerate(due):
            limiter = self.scene.limiter_of(brand, minute)
            free = [ip for ip in range(len(IPS)) if (limiter, ip) not in levers.paused] or list(range(len(IPS)))
            self._turn += 1
            self._number += 1
            at = moment(60 * minute).timestamp() + 59 * place / len(due)
            message = self._message(self._number, brand, limiter, job, free[self._turn % len(free)], at)
            self.mail[message.id], self.limiter_of[message.id] = (brand, job), limiter
            if bad:
                self._bad.add(message.id)
            self._scheduler.at(at, lambda message=message: self.mta.submit(message))  # type: ignore[misc]

    def _message(self, number: int, brand: Isp, limiter: Isp, job: int, ip: int, at: float) -> QueuedMessage:
        domain = ADDRESS[brand]
        destination = Destination(domain, Reach.GOOD, brand, limiter.value, (MX[limiter],))
        return QueuedMessage(
            id=number,
            envid=f"ig{number}",
            job=JOBS[job],
            vmta=NAMES[ip],
            pool="",
            orig="news@example.org",
            rcpt=f"u{number}@{domain}",
            rcpt_md5=f"r{number}",
            destination=destination,
            size=4096,
            queued_at=at,
        )

    def _withdraw(self) -> None:
        """A person has taken a bad list out: its mail is deleted."""
        for one in self.hidden.over:
            if one.job is None or one.begin in self._mended:
                continue
            self._mended.add(one.begin)
            job = JOBS[one.job]
            self.mta.delete(lambda message, queue, job=job: message.job == job and message.id in self._bad, False)  # type: ignore[misc]

    # -- what is answered

    def answer(self, message: int, ip: int, attempt: int, now: float) -> Why | None:
        """Why one attempt is not accepted, or None."""
        brand, job = self.mail[message]
        limiter = self.limiter_of[message]
        queue, minute = (limiter, ip), self.minute
        counts, bad = self._counts[queue], message in self._bad
        counts.offered += 1
        dice = random.Random(f"{self.scene.seed} {message} {attempt}")
        left, why_not = self._left[queue]
        why: Why | None = None
        if left <= 0:
            why = why_not
        else:
            self._left[queue] = (left - 1, why_not)
            why = self._fault(limiter, minute, dice)
        counts.blamed += why is not None
        if why is None:
            why = self._fate(brand, job, bad, minute, dice)
        counts.dead += why is Why.DEAD
        kind = "d" if why is None else "b" if why in FOR_GOOD else "t"
        second = math.floor(now - START.timestamp())
        self.rows.append(Row(second, kind, brand, limiter, ip, job, why, min(3, attempt), message))
        sums = self.hidden.sums
        sums.accepted += why is None
        sums.good[brand] += why is None and not bad
        sums.bad_sent += bad
        sums.refused += why not in (None, Why.DEAD)
        sums.lost += why in FOR_GOOD and why is not Why.DEAD
        if why is None and dice.random() < self._complaint(job, bad, minute):
            counts.complaints += 1
            self._complain(message, brand, ip, job, now, dice)
        return why

    def _fault(self, limiter: Isp, minute: int, dice: random.Random) -> Why | None:
        for kind, why in ((Kind.AUTH, Why.AUTH), (Kind.BUSY, Why.BUSY)):
            for one in self.hidden.running(minute, kind):
                if one.limiter in (None, limiter) and dice.random() < one.severity:
                    return why
        return None

    def _fate(self, brand: Isp, job: int, bad: bool, minute: int, dice: random.Random) -> Why | None:
        dead = self.scene.dead[job]
        for one in self.hidden.running(minute, Kind.BAD_LIST):
            dead = one.severity if bad and one.job == job else dead
        noisy, since, until, share = self.scene.noisy
        odd = share if noisy is brand and since <= minute < until else 0.005
        roll = dice.random()
        for chance, why in ((dead, Why.DEAD), (0.002, Why.POLICY), (odd, Why.UNRELATED)):
            if roll < chance:
                return why
            roll -= chance
        return None

    def _complaint(self, job: int, bad: bool, minute: int) -> float:
        chance = self.scene.complaint
        for one in self.hidden.running(minute, Kind.BAD_LIST, Kind.ANNOYING):
            if bad and one.job == job:
                chance = chance * 3 if one.kind is Kind.BAD_LIST else chance + one.severity
        return chance

    def _complain(self, number: int, brand: Isp, ip: int, job: int, now: float, dice: random.Random) -> None:
        if brand not in FEEDBACK:
            return
        delay = FEEDBACK[brand] * dice.lognormvariate(0, 1.0)
        self._scheduler.at(now + 60 * (1 + int(delay)), lambda: self._report(number, brand, ip, job))

    def _report(self, number: int, brand: Isp, ip: int, job: int) -> None:
        now = self._scheduler.now()
        limiter = self.limiter_of[number]
        self.records.complaint(self._message(number, brand, limiter, job, ip, now), IPS[ip], True, now)
        second = math.floor(now - START.timestamp())
        self.rows.append(Row(second, "f", brand, limiter, ip, job, None, 0, number))

    def _learn(self, queue: Queue, minute: int) -> None:
        (limiter, ip), counts = queue, self._counts[queue]
        state = self.hidden.limiters[limiter]
        if not self.hidden.blocked(queue, minute):
            state.answer(minute, ip, counts.offered, self.hidden.factor(limiter, minute))
        if counts.blamed:
            self.hidden.blamed[queue] = counts.blamed
        state.learn(minute, ip, counts.offered, counts.blamed, counts.dead, counts.complaints)

    # -- what is in force

    def levers(self) -> Levers:
        """The twin's levers, read from the MTA's own configuration and queues."""
        levers = Levers(jobs={JOBS.index(job) for job in self.mta.paused_jobs})
        for limiter, ip in self._queues():
            queue = self.mta.queue(DOMAINS[limiter], NAMES[ip])
            settings = self.mta.config.settings(queue.domain, queue.vmta)
            rate = settings.max_msg_rate if queue.mode == "normal" else settings.backoff_max_msg_rate
            assert rate is not None
            per_minute = 60 * rate.count / rate.seconds
            if per_minute < BASE:
                levers.rates[limiter, ip] = per_minute
            if queue.paused or self.mta.source_disabled(queue):
                levers.paused.add((limiter, ip))
        return levers


class _Counts:
    """What a queue's minute was like."""

    def __init__(self) -> None:
        self.offered = self.blamed = self.dead = self.complaints = 0


class _Receivers(Receivers):
    """The simulator's receivers' side, answered by the twin's hidden states."""

    def __init__(self, host: Host) -> None:
        super().__init__(Dice(host.scene.seed), 1)
        self._host = host

    def answer(
        self, *, ip: str, destination: Destination, rcpt: str, message: object, attempt: int, now: float
    ) -> Answer:
        number = int(str(message).removeprefix("ig"))
        why = self._host.answer(number, IPS.index(ip), attempt, now)
        limiter = self._host.limiter_of[number]
        if why is None:
            return Answer(ACCEPTED, ACCEPTED.text, MX[limiter], Situation.ACCEPTED)
        text = TEXTS[limiter][why].told(ip)
        said = text.diagnostic.removeprefix("smtp;")
        reply = ReplyText(int(said[:3]), text.status, said, text.category, why is Why.DEAD)
        return Answer(reply, said, text.mta, Situation.ACCEPTED)
