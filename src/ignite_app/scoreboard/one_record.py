"""One bad record, and what it leads to: it must halt and throttle nothing.

Decides where a single record could do harm: at a provider that has had no mail yet, or hardly any, where one refusal is
all of it or a large share. The deciding is the product's own, as in `incidents`.
"""

import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import attrs

from ignite_app.scoreboard.incidents import IPS, JOBS, RESTRICTING, START, Looking, bad
from ignite_domain.governance.observed import Outcome, OutcomeKind
from ignite_domain.isps import Isp

MINUTES: Final = 20
AT: Final = 5
_BOUNCED, _DEFERRED = OutcomeKind.BOUNCED, OutcomeKind.DEFERRED
RECORDS: Final[Mapping[str, tuple[OutcomeKind, str, str, bool, bool]]] = {
    "a dead address": (_BOUNCED, "invalid", "unknown-user", True, False),
    "a refused address of ours": (_BOUNCED, "reputation", "ip-reputation", False, True),
    "a policy": (_BOUNCED, "policy", "policy", False, True),
    "our authentication": (_BOUNCED, "auth", "unauthenticated", False, True),
    "a busy provider": (_DEFERRED, "load", "busy", False, False),
    "a rate limit": (_DEFERRED, "rate_limit", "stated-rate-limit", False, False),
    "no answer from DNS": (_DEFERRED, "routing", "no-answer-from-dns", False, False),
    "a complaint": (OutcomeKind.COMPLAINED, "", "", False, False),
    "a refused connection": (OutcomeKind.CONNECTION, "network", "connection-refused", False, False),
}
"""Kind, reply class, reply rule, about the address, about us."""


def restrictions(name: str, seed: int) -> int:
    """How many restrictions follow on the record `name` at a provider with none to five messages before it, and as many
    after it."""
    dice = random.Random(f"one record {name} {seed}")
    isp, ip, job = dice.choice(list(Isp)), dice.choice(IPS), dice.choice(JOBS)
    kind, said, rule, fault, us = RECORDS[name]

    def delivered(number: int, minute: int) -> Outcome:
        at, queue = START + timedelta(minutes=minute, seconds=30), f"{isp.value}.com/mta"
        return Outcome(at, isp, OutcomeKind.DELIVERED, ip, job, queue, f"r{number}", first=True)

    mail = [delivered(number, dice.randrange(AT)) for number in range(dice.randrange(6))]
    mail += [delivered(10 + number, dice.randrange(AT + 1, MINUTES)) for number in range(dice.randrange(6))]
    one = bad(delivered(99, AT), kind, said, rule, address_fault=fault, about_us=us)
    if kind is OutcomeKind.COMPLAINED:
        one = attrs.evolve(one, first=False)
    looking = Looking()
    found = 0
    for minute in range(MINUTES):
        now = START + timedelta(minutes=minute)
        due = sorted((each for each in [*mail, one] if now <= each.at < now + timedelta(minutes=1)), key=lambda o: o.at)
        found += sum(each.action in RESTRICTING for each in looking.minute(due, now + timedelta(minutes=1)))
    return found


def measure(seeds: Sequence[int]) -> dict[str, Any]:
    """`records`: how many were tried; `restrictions`: how many followed on them; `by`: on which."""
    by = {name: sum(restrictions(name, seed) for seed in seeds) for name in RECORDS}
    return {"records": len(RECORDS) * len(seeds), "restrictions": sum(by.values()), "by": by}
