"""What comes back after a receiver said yes: remote bounces (rb) and status mail (rs). Decides who and when."""

from typing import Final

import attrs

from ignite_app.simulator.dice import Dice
from ignite_app.simulator.isps import Situation, words
from ignite_app.simulator.messages import QueuedMessage
from ignite_app.simulator.records import Outcome, Records
from ignite_app.simulator.scheduler import Scheduler
from ignite_app.simulator.world import World

STATUS_MAIL: Final = 0.002  # of mail to small providers
_DELAYED: Final = "451 4.4.1 delivery to the final destination is delayed, still trying"


@attrs.define(eq=False)
class Returns:
    scheduler: Scheduler
    world: World
    records: Records
    dice: Dice
    pending: int = 0

    def receive(self, message: QueuedMessage, now: float) -> None:
        """A receiver has taken `message`; its own network may think otherwise later."""
        if self.world.returns_later(message.rcpt, message.destination):
            reply = self.dice.pick(words("", Situation.UNKNOWN_USER), "return words", message.envid)
            text = reply.text.format(rcpt=message.rcpt)
            host = message.destination.mx[-1]
            outcome = Outcome("b", reply.status, text, host, reply.category, reply.hard, reply.code)
            self._later(message, "rb", outcome, now + self.dice.between(60, 900, "return", message.envid))
        elif message.destination.isp is None and self.dice.chance(STATUS_MAIL, "status mail", message.envid):
            outcome = Outcome("t", "4.4.1", _DELAYED, message.destination.mx[-1], "")
            self._later(message, "rs", outcome, now + self.dice.between(60, 900, "return", message.envid))

    def _later(self, message: QueuedMessage, kind: str, outcome: Outcome, at: float) -> None:
        self.pending += 1

        def arrive() -> None:
            self.pending -= 1
            self.records.remote(message, kind, outcome, self.scheduler.now())

        self.scheduler.at(at, arrive)
