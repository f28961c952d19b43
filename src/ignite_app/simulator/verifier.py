"""A stand-in for a third-party verification service: mostly right, sometimes unsure, sometimes too busy.

Contract: POST, `Authorization: Bearer KEY`, body `{"addresses": [...]}` -> 200
`{"results": [{"address", "verdict": valid|invalid|catch_all|unknown}]}`; 401 for another key; 429 with
Retry-After (real seconds) when asked too much. What is true comes from the world; it misses a quarter of
the dead mailboxes, so that some are left to bounce.
"""

import hmac
import json
from typing import Final

import attrs

from ignite_app.simulator.dice import Dice
from ignite_app.simulator.http_door import Reply, Request
from ignite_app.simulator.world import Reach, Truth, World

MOST_ADDRESSES: Final = 1000
SEES_DEAD: Final = 0.75
UNSURE: Final = 0.01
RETRY_AFTER: Final = "1"


@attrs.define(eq=False)
class Verifier:
    """`refusal`: the share of requests that are answered 429. `key` empty: any key will do."""

    world: World
    dice: Dice
    key: str
    refusal: float
    asked: int = 0
    verified: int = 0

    async def __call__(self, request: Request) -> Reply:
        self.asked += 1
        if request.method != "POST":
            return Reply(404, {"error": "POST expected"})
        given = request.headers.get("authorization", "")
        if self.key and not hmac.compare_digest(given.encode(), f"Bearer {self.key}".encode()):
            return Reply(401, {"error": "wrong key"})
        if self.dice.chance(self.refusal, "verifier busy", self.asked):
            return Reply(429, {"error": "too many requests"}, {"Retry-After": RETRY_AFTER})
        try:
            addresses = json.loads(request.body)["addresses"]
        except (ValueError, KeyError, TypeError):
            return Reply(400, {"error": "addresses expected"})
        if not isinstance(addresses, list) or not all(isinstance(one, str) for one in addresses):
            return Reply(400, {"error": "a list of addresses expected"})
        if len(addresses) > MOST_ADDRESSES:
            return Reply(413, {"error": f"at most {MOST_ADDRESSES} addresses"})
        self.verified += len(addresses)
        return Reply(200, {"results": [{"address": one, "verdict": self.verdict(one)} for one in addresses]})

    def verdict(self, address: str) -> str:
        """What the service thinks of one address; the same each time."""
        _, at, domain = address.strip().lower().rpartition("@")
        if not at:
            return "invalid"
        destination = self.world.destination(domain)
        if destination.reach in (Reach.NO_DOMAIN, Reach.NULL_MX):
            return "invalid"
        if destination.reach is not Reach.GOOD or self.dice.chance(UNSURE, "unsure", address):
            return "unknown"
        if destination.catch_all:
            return "catch_all"
        dead = self.world.truth(address, destination) in (Truth.INVALID, Truth.DISABLED)
        return "invalid" if dead and self.dice.chance(SEES_DEAD, "sees dead", address) else "valid"
