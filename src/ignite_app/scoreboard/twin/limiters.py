"""Three providers' hidden states: what a limiter takes of what it is offered, and what it remembers of it.

Decides how many attempts of a minute are refused for our own doing, and which text they get. No policy can read any
of it but the oracle. All numbers are invented. The three differ in what is right to do: a reputation is earned back by
sending well and less, a quota is kept to, and a provider that is merely busy gains nothing from our restraint.
"""

import math
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import attrs

from ignite_app.scoreboard.twin.texts import Why


class Answer(NamedTuple):
    """Of a minute's attempts from one address: how many are refused (of `takes`: taken), and why."""

    refused: int
    why: Why


class Limiter(Protocol):
    """A provider's limiter, for each of our addresses. `factor` is what an incident leaves of its capacity."""

    blocks: int

    def room(self, minute: int, ip: int, factor: float) -> float:
        """What it would take now from an address, messages a minute. Reading changes nothing; for the oracle."""

    def takes(self, minute: int, ip: int, factor: float) -> Answer:
        """How many attempts it would take this minute, and why it refuses the rest. Reading changes nothing."""

    def answer(self, minute: int, ip: int, attempts: int, factor: float) -> Answer:
        """Take or refuse; called once a minute and address, also with no attempts."""

    def learn(self, minute: int, ip: int, attempts: int, refused: int, dead: int, complaints: float) -> None:
        """Hear what the minute's mail was like."""

    def spoilt(self, ip: int) -> bool:
        """Whether what was sent before still costs capacity now."""


@attrs.define
class _Window:
    """A sum over the newest `span` minutes."""

    span: int
    parts: deque[tuple[int, int]] = attrs.field(factory=deque)
    total: int = 0

    def add(self, minute: int, count: int) -> int:
        if count:
            self.parts.append((minute, count))
            self.total += count
        while self.parts and self.parts[0][0] <= minute - self.span:
            self.total -= self.parts.popleft()[1]
        return self.total


class Reputation:
    """Capacity by the reputation of each address, which dead addresses, complaints and pressure wear down.

    `path`: its capacity at full reputation, messages a minute and address. Reputation falls within three quarters of
    an hour and comes back within three hours. Half an hour with more than half refused earns an hour's block, longer
    while mail goes on.
    """

    TAU_DOWN: Final = 45.0
    TAU_UP: Final = 180.0

    def __init__(self, path: Sequence[float], reputation: Sequence[float]) -> None:
        self.path = path
        self.reputation = list(reputation)
        self.blocks = 0
        self._bad = [0.0] * len(self.reputation)
        self._volume = [0.0] * len(self.reputation)
        self._tokens = [path[0]] * len(self.reputation)
        self._offered = [_Window(30) for _ in self.reputation]
        self._refused = [_Window(30) for _ in self.reputation]
        self._blocked_until = [-1] * len(self.reputation)

    def room(self, minute: int, ip: int, factor: float) -> float:
        if minute < self._blocked_until[ip]:
            return 0.0
        return float(self.path[minute] * self.reputation[ip] ** 1.2 * factor)

    def _filled(self, minute: int, ip: int, factor: float) -> float:
        room = self.room(minute, ip, factor)
        return min(self._tokens[ip] + room, max(1.0, 2 * room) if factor else 0.0)

    def takes(self, minute: int, ip: int, factor: float) -> Answer:
        if minute < self._blocked_until[ip]:
            return Answer(0, Why.CLOSED)
        return Answer(math.floor(self._filled(minute, ip, factor)), Why.PRESSURE if factor else Why.CLOSED)

    def answer(self, minute: int, ip: int, attempts: int, factor: float) -> Answer:
        most, why = self.takes(minute, ip, factor)
        taken = min(attempts, most)
        if minute >= self._blocked_until[ip]:
            self._tokens[ip] = self._filled(minute, ip, factor) - taken
        return Answer(attempts - taken, why)

    def learn(self, minute: int, ip: int, attempts: int, refused: int, dead: int, complaints: float) -> None:
        fade = 0.5 ** (1 / 180)
        self._bad[ip] = self._bad[ip] * fade + dead + 20 * complaints + 0.15 * refused
        self._volume[ip] = self._volume[ip] * fade + attempts
        target = min(1.0, max(0.1, 1.1 - 6 * self._bad[ip] / (self._volume[ip] + 50)))
        now = self.reputation[ip]
        self.reputation[ip] = now + (target - now) / (self.TAU_DOWN if target < now else self.TAU_UP)
        offered, turned = self._offered[ip].add(minute, attempts), self._refused[ip].add(minute, refused)
        if minute < self._blocked_until[ip]:
            if minute == self._blocked_until[ip] - 1 and offered >= 150:
                self._blocked_until[ip] += 30
        elif offered >= 60 and turned > 0.5 * offered:
            self.blocks += 1
            self._blocked_until[ip] = minute + 60

    def spoilt(self, ip: int) -> bool:
        return self.reputation[ip] < 0.7


class Quota:
    """A token bucket for each address, and a memory of whoever runs into its wall again and again.

    `path`: messages a minute that flow in; the bucket holds a quarter of an hour of them. Six minutes in half an hour
    with a fifth refused close it: 20 minutes, twice as long for every time in the last six hours. More than 8 % dead
    addresses in an hour halve what flows in for two hours.
    """

    DEPTH: Final = 15

    def __init__(self, path: Sequence[float], addresses: int) -> None:
        self.path = path
        self.blocks = 0
        self._tokens = [path[0] * self.DEPTH / 2] * addresses
        self._strikes = [_Window(30) for _ in range(addresses)]
        self._closings: list[list[int]] = [[] for _ in range(addresses)]
        self._closed_until = [-1] * addresses
        self._dead = [_Window(60) for _ in range(addresses)]
        self._offered = [_Window(60) for _ in range(addresses)]
        self._halved_until = [-1] * addresses

    def _flow(self, minute: int, ip: int) -> float:
        return self.path[minute] * (0.5 if minute < self._halved_until[ip] else 1.0)

    def room(self, minute: int, ip: int, factor: float) -> float:
        if minute < self._closed_until[ip] or not factor:
            return 0.0
        return self._tokens[ip] + self._flow(minute, ip) * factor

    def _filled(self, minute: int, ip: int, factor: float) -> float:
        flow = self._flow(minute, ip) * factor
        return min(self._tokens[ip] + flow, max(1.0, flow * self.DEPTH))

    def takes(self, minute: int, ip: int, factor: float) -> Answer:
        if minute < self._closed_until[ip] or not factor:
            return Answer(0, Why.CLOSED)
        return Answer(math.floor(self._filled(minute, ip, factor)), Why.PRESSURE)

    def answer(self, minute: int, ip: int, attempts: int, factor: float) -> Answer:
        most, why = self.takes(minute, ip, factor)
        taken = min(attempts, most)
        self._tokens[ip] = self._filled(minute, ip, factor) - taken
        return Answer(attempts - taken, why)

    def learn(self, minute: int, ip: int, attempts: int, refused: int, dead: int, complaints: float) -> None:
        dead_lately, offered = self._dead[ip].add(minute, dead), self._offered[ip].add(minute, attempts)
        if offered >= 100 and dead_lately > 0.08 * offered:
            self._halved_until[ip] = minute + 120
        if minute < self._closed_until[ip]:
            return
        strikes = self._strikes[ip].add(minute, int(refused >= max(3, 0.2 * attempts)))
        if strikes >= 6:
            again = sum(1 for at in self._closings[ip] if at > minute - 360)
            self._closed_until[ip] = minute + 20 * 2 ** min(again, 3)
            self._closings[ip].append(minute)
            self._strikes[ip] = _Window(30)
            self.blocks += 1

    def spoilt(self, ip: int) -> bool:
        return False


class Busy:
    """Takes whatever comes, up to far more than we have, and is now and then too busy for anybody.

    `path`: capacity a minute and address. What an incident leaves as `factor` is the share it does not shed, whatever
    the rate.
    """

    def __init__(self, path: Sequence[float]) -> None:
        self.path = path
        self.blocks = 0

    def room(self, minute: int, ip: int, factor: float) -> float:
        return self.path[minute] if factor else 0.0

    def takes(self, minute: int, ip: int, factor: float) -> Answer:
        most = math.floor(self.path[minute]) if factor else 0
        return Answer(most, Why.PRESSURE if factor else Why.CLOSED)

    def answer(self, minute: int, ip: int, attempts: int, factor: float) -> Answer:
        most, why = self.takes(minute, ip, factor)
        return Answer(max(0, attempts - most), why)

    def learn(self, minute: int, ip: int, attempts: int, refused: int, dead: int, complaints: float) -> None:
        return

    def spoilt(self, ip: int) -> bool:
        return False
