"""What is measured. Each case builds its own data, seeded; nothing is read from disk or the network."""

import csv
import random
import re
from collections.abc import Callable, Sequence
from itertools import count

from bench.measure import Case
from ignite_app.simulator.isps import REPLIES, Situation
from ignite_domain import inference
from ignite_domain.governance import accounting, replies

FORMS = [
    reply
    for situations in REPLIES.values()
    for situation, texts in situations.items()
    if situation is not Situation.ACCEPTED
    for reply in texts
]


def reply_texts(people: Sequence[int]) -> list[tuple[str, str]]:
    """A refusal by one of the simulated providers to each of `people`, as (status, diagnostic)."""
    dice = random.Random(1)
    found = []
    for who in people:
        reply = dice.choice(FORMS)
        blanks = {
            "ip": f"192.0.2.{who % 250 + 1}",
            "rcpt": f"person{who}@b.example",
            "domain": "b.example",
            "mx": f"mx{who % 4}.b.example",
            "id": f"{who:08x}",
        }
        found.append((reply.status, f"smtp;{reply.text.format(**blanks)}"))
    return found


NAIVE = [
    (kind, re.compile(words, re.IGNORECASE))
    for kind, words in (
        ("greylist", r"gr[ea]y-?list"),
        ("tls", r"starttls|encryption"),
        ("auth", r"spf|dkim|dmarc|unauthenticated|reverse dns|ptr"),
        ("connection_limit", r"too many (?:connections|sessions)|messages? per connection"),
        ("rate_limit", r"rate limit|unusual rate|too many messages|volume"),
        ("full", r"quota|mailbox full|out of storage"),
        ("inactive", r"disabled|inactive|suspended"),
        ("invalid", r"unknown|does not exist|no such user|not found|doesn't have"),
        ("content", r"spam|virus|phishing|content"),
        ("reputation", r"block list|blocked|blacklist|reputation|spamhaus|listed"),
        ("routing", r"relay|no such domain|null mx"),
        ("network", r"timed? out|expired|connection refused"),
        ("load", r"busy|try again later|unavailable|resources"),
        ("policy", r"policy|denied"),
    )
]
"""How one would write it in an hour: no tags, no order that is thought about, no memory. Often wrong."""


def naive_class(text: str) -> str:
    """The first class whose words occur."""
    return next((kind for kind, words in NAIVE if words.search(text)), "unknown")


def _about_as_many(ours: object, theirs: object) -> bool:
    """The naive twin need not be right, only busy with the same texts."""
    return isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs)


def replies_repeated() -> Case:
    dice = random.Random(4)
    texts = reply_texts([dice.randrange(50) for _ in range(20_000)])
    return Case(
        "replies, repeated",
        f"20,000 refusals in {len(set(texts)):,} different texts",
        len(texts),
        lambda: [replies.classify(status, text) for status, text in texts],
        lambda: [naive_class(text) for _, text in texts],
        "a naive scan of 14 patterns",
        limit=50_000,
        same=_about_as_many,
    )


def replies_everybody() -> Case:
    texts: list[tuple[str, str]] = []
    fresh = count(1)

    def others() -> None:
        texts[:] = reply_texts([next(fresh) for _ in range(5_000)])

    return Case(
        "replies, all different",
        "5,000 refusals, each to a person never met before, in the providers' known wordings",
        5_000,
        lambda: [replies.classify(status, text) for status, text in texts],
        lambda: [naive_class(text) for _, text in texts],
        "a naive scan of 14 patterns",
        same=_about_as_many,
        prepare=others,
    )


HEADER = (
    "type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,dsnDiag,dsnMta,bounceCat,srcType,srcMta,dlvType,"
    "dlvSourceIp,dlvDestinationIp,dlvEsmtpAvailable,dlvSize,vmta,jobId,envId,queue,vmtaPool"
)


def accounting_lines(lines_wanted: int) -> list[str]:
    """A header and `lines_wanted` records in the classic column order; one in ten a bounce with commas in its reply."""
    lines = [HEADER]
    for number in range(lines_wanted):
        logged = f"2026-03-01 {number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}+0000"
        bounced = number % 10 == 0
        reply = '"smtp;550 5.1.1 no such user, sorry"' if bounced else "smtp;250 2.0.0 OK"
        cells = (
            "b" if bounced else "d",
            logged,
            logged,
            "bounce@m.example",
            f"person{number}@b.example",
            "",
            "failed" if bounced else "relayed",
            "5.1.1 (bad destination mailbox address)" if bounced else "2.0.0 (success)",
            reply,
            "mx.b.example (192.0.2.9)",
            "",
            "smtp",
            "app (192.0.2.1)",
            "smtp",
            "198.51.100.7",
            "192.0.2.9",
            '"SIZE,STARTTLS"',
            "20480",
            "mta1",
            "c1",
            f"ig{number}",
            "b.example/mta1",
            "",
        )
        lines.append(",".join(cells))
    return lines


def accounting_read() -> Case:
    lines = accounting_lines(20_000)

    def ours() -> object:
        return [
            (found.type, found.rcpt, found.diagnostic)
            for found in accounting.read(lines)
            if isinstance(found, accounting.AccountingRecord)
        ]

    def twin() -> object:
        rows = csv.DictReader(lines)
        return [(row["type"], row["rcpt"], row["dsnDiag"].removeprefix("smtp;")) for row in rows]

    return Case(
        "accounting, read",
        "20,000 lines into records; ours also reads times, checks widths and types, and rejects by line",
        len(lines) - 1,
        ours,
        twin,
        "csv.DictReader, which checks nothing",
    )


def cusum_walk() -> Case:
    dice = random.Random(2)
    length, up, limit = 200_000, 19, 206
    positions = [place for place in range(1, length + 1) if dice.random() < 0.02]

    def step_by_step() -> object:
        events = set(positions)
        s = highest = 0
        first = None
        for place in range(1, length + 1):
            s = max(0, s + (up if place in events else -1))
            highest = max(highest, s)
            if first is None and s >= limit:
                first = place
        return {"final": s, "max": highest, "first_alarm": first}

    return Case(
        "CUSUM, walk",
        "200,000 messages, 2 % events",
        length,
        lambda: inference.lattice_cusum(positions, length, up, limit),
        step_by_step,
        "message by message",
    )


def _whole_matrix(up: int, limit: int, p: float) -> float:
    rows = [[0.0] * limit + [1.0] for _ in range(limit)]
    for s, row in enumerate(rows):
        row[s] += 1
        row[max(0, s - 1)] -= 1 - p
        if s + up < limit:
            row[s + up] -= p
    for pivot in range(limit - 1, 0, -1):
        for s in range(pivot):
            factor = rows[s][pivot] / rows[pivot][pivot]
            if factor:
                rows[s] = [x - factor * y for x, y in zip(rows[s], rows[pivot], strict=True)]
    return rows[0][limit] / rows[0][0]


def cusum_arl() -> Case:
    up, limit, p = 22, 169, 0.02
    return Case(
        "CUSUM, mean run",
        "exact mean time to a false alarm, H = 169",
        1,
        lambda: inference.lattice_cusum_arl(up, limit, p),
        lambda: _whole_matrix(up, limit, p),
        "elimination over the whole matrix",
        same=lambda a, b: isinstance(a, float) and isinstance(b, float) and abs(a - b) < 1e-6 * b,
    )


def best_arm() -> Case:
    arms = [(121, 4881), (139, 4863), (118, 4884), (133, 4869)]

    def draws() -> object:
        dice = random.Random(3)
        wins = [0] * len(arms)
        for _ in range(4000):
            rates = [dice.betavariate(a, b) for a, b in arms]
            wins[rates.index(max(rates))] += 1
        return [won / 4000 for won in wins]

    def near(ours: object, theirs: object) -> bool:
        if not (isinstance(ours, list) and isinstance(theirs, list)):
            return False
        return all(abs(a - b) < 0.04 for a, b in zip(ours, theirs, strict=True))  # 5 standard errors of 4,000 draws

    return Case(
        "best of four arms",
        "P(best) by quadrature, error below 1e-9; 4,000 draws err by 0.008",
        1,
        lambda: inference.prob_best(arms),
        draws,
        "4,000 seeded draws",
        same=near,
    )


CASES: tuple[Callable[[], Case], ...] = (
    replies_repeated,
    replies_everybody,
    accounting_read,
    cusum_walk,
    cusum_arl,
    best_arm,
)
