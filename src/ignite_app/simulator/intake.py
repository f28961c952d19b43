"""Takes accepted messages into the MTA: binds them to a VMTA, keeps them in the journal, adds other mail.

Decides the VMTA of a message (named, round-robin in a pool, else the default one) and how much mail of
another system passes through the same host. The journal is append-only: an accepted message stands in it
until a line says that it left; a restart reads what has not left.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

import attrs

from ignite_app.simulator.dice import Dice, address_md5
from ignite_app.simulator.messages import Letter, QueuedMessage, read_letter
from ignite_app.simulator.people import People
from ignite_app.simulator.queues import DEFAULT_VMTA, Mta
from ignite_app.simulator.smtp import Envelope
from ignite_app.simulator.world import World

FOREIGN_JOB: Final = "crm-digest"
FOREIGN_SENDER: Final = "bounce@crm.neighbour-shop.com"
_FOREIGN_DOMAINS: Final = ("gmail.com", "gmail.com", "yahoo.com", "outlook.com", "icloud.com", "comcast.net", "aol.com")


@attrs.define(eq=False)
class Journal:
    """Appends at `flush`. `path` None: nothing is kept."""

    path: Path | None
    _pending: list[str] = attrs.field(factory=list)

    def accepted(self, message: QueuedMessage) -> None:
        if self.path is not None:
            kept = {
                name: getattr(message, name)
                for name in ("id", "envid", "job", "vmta", "pool", "orig", "rcpt", "size", "queued_at", "source")
            }
            kept["letter"] = attrs.astuple(message.letter) if message.letter else None
            self._pending.append(json.dumps(kept))

    def left(self, message_id: int) -> None:
        if self.path is not None:
            self._pending.append(f'{{"left":{message_id}}}')

    def flush(self) -> None:
        if self._pending and self.path is not None:
            with self.path.open("a", encoding="utf-8") as out:
                out.write("\n".join(self._pending) + "\n")
            self._pending.clear()

    def read(self) -> tuple[list[dict[str, Any]], int]:
        """What was accepted and has not left, and the highest id ever given. A torn last line is not there."""
        waiting: dict[int, dict[str, Any]] = {}
        highest = 0
        if self.path is not None and self.path.exists():
            with self.path.open(encoding="utf-8") as lines:
                for line in lines:
                    if not line.endswith("\n"):
                        break
                    entry = json.loads(line)
                    if "highest" in entry:
                        highest = entry["highest"]
                    elif "left" in entry:
                        waiting.pop(entry["left"], None)
                    else:
                        waiting[entry["id"]] = entry
                        highest = max(highest, entry["id"])
        return list(waiting.values()), highest

    def compact(self, waiting: list[dict[str, Any]], highest: int) -> None:
        """Keep only what has not left; ids never come again."""
        if self.path is not None and self.path.exists():
            draft = self.path.with_name(self.path.name + ".new")
            lines = [json.dumps({"highest": highest}), *map(json.dumps, waiting)]
            draft.write_text("\n".join(lines) + "\n", encoding="utf-8")
            draft.replace(self.path)


@attrs.define(eq=False)
class Intake:
    """`accept` is what the SMTP door calls."""

    mta: Mta
    world: World
    people: People
    journal: Journal
    dice: Dice
    foreign_share: float
    accepted: int = 0
    foreign: int = 0
    _next: int = 0
    _turns: Counter[str] = attrs.field(factory=Counter)

    def accept(self, envelope: Envelope) -> str:
        """Take one message in. Returns the SMTP reply."""
        pool = envelope.vmta if envelope.vmta in self.mta.config.pools else ""
        vmta = self._bind(envelope.vmta)
        if vmta is None:
            return "550 5.7.1 virtual MTA not found"
        now = self.mta.scheduler.now()
        letter: Letter | None = None
        for rcpt in envelope.rcpts:
            destination = self.world.destination(rcpt.rpartition("@")[2])
            if letter is None and self.people.may_look(envelope.envid, rcpt, destination):
                letter = read_letter(envelope.fields, envelope.body)
            self._next += 1
            message = QueuedMessage(
                id=self._next,
                envid=envelope.envid,
                job=envelope.job,
                vmta=vmta,
                pool=pool,
                orig=envelope.orig,
                rcpt=rcpt,
                rcpt_md5=address_md5(rcpt),
                destination=destination,
                size=envelope.size,
                queued_at=now,
                source=envelope.source,
                letter=letter,
            )
            self.accepted += 1
            self._enter(message, now)
            if self.dice.chance(self.foreign_share, "foreign", envelope.envid, rcpt):
                self._another(vmta, now)
        self.journal.flush()
        self.mta.records.ledger.flush()
        return "250 2.6.0 message received"

    def _enter(self, message: QueuedMessage, now: float) -> None:
        self.journal.accepted(message)
        self.mta.traffic.incoming.add(now, message.size)
        self.mta.records.received(message, "127.0.0.1", now)
        self.mta.submit(message)

    def _bind(self, wanted: str) -> str | None:
        if not wanted:
            return DEFAULT_VMTA
        if wanted in self.mta.config.sources:
            return wanted
        members = self.mta.config.pools.get(wanted)
        if not members:
            return None
        self._turns[wanted] += 1
        return members[self._turns[wanted] % len(members)]

    def _another(self, vmta: str, now: float) -> None:
        """A message of the host's other user: nobody's envelope id, no letter anybody reads."""
        self.foreign += 1
        self._next += 1
        number = self._next
        rcpt = f"member{number}@{self.dice.pick(_FOREIGN_DOMAINS, 'foreign domain', number)}"
        message = QueuedMessage(
            id=number,
            envid=f"crm{number}",
            job=FOREIGN_JOB,
            vmta=vmta,
            pool="",
            orig=FOREIGN_SENDER,
            rcpt=rcpt,
            rcpt_md5=address_md5(rcpt),
            destination=self.world.destination(rcpt.rpartition("@")[2]),
            size=3_000,
            queued_at=now,
            source="crm1 (127.0.0.1)",
        )
        self._enter(message, now)

    def restore(self) -> int:
        """Queue again what an earlier process accepted. Returns how many."""
        entries, self._next = self.journal.read()
        self.journal.compact(entries, self._next)
        for entry in entries:
            kept = entry.pop("letter")
            letter = None
            if kept:
                subject, pixel, links, one_click = kept
                letter = Letter(subject, pixel, tuple((url, bool(visible)) for url, visible in links), one_click)
            rcpt = entry["rcpt"]
            self.mta.submit(
                QueuedMessage(
                    **entry,
                    letter=letter,
                    rcpt_md5=address_md5(rcpt),
                    destination=self.world.destination(rcpt.rpartition("@")[2]),
                )
            )
        return len(entries)
