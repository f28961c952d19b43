"""The reconciliations of the demo report: the outside world on the left, the database on the right.

Decides what agrees. Names and meanings are the contracts page's; two sides that are both 0 prove
nothing and are not ok.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from ignite_adapters.postgres.report import ReportReader
from ignite_app.demo import outside
from ignite_domain.governance.words import PMTA_LEVER


@attrs.frozen
class Reconciliation:
    """Two totals that must agree, and the parts (`by`: name -> [left, right]) that must agree too."""

    name: str
    left: int
    right: int
    left_source: str
    right_source: str
    by: dict[str, list[int]]
    extra_ok: bool = True

    @property
    def ok(self) -> bool:
        parts = all(left == right for left, right in self.by.values())
        return self.left == self.right and self.left > 0 and parts and self.extra_ok

    def as_dict(self) -> dict[str, Any]:
        fields = ("name", "left", "right", "left_source", "right_source", "by")
        return {name: getattr(self, name) for name in fields} | {"ok": self.ok}


def _compare(
    name: str, left: Mapping[str, int], right: Mapping[str, int], left_source: str, right_source: str
) -> Reconciliation:
    by = {key: [left.get(key, 0), right.get(key, 0)] for key in sorted({*left, *right})}
    return Reconciliation(name, sum(left.values()), sum(right.values()), left_source, right_source, by)


@attrs.frozen
class Places:
    """Where the outside world keeps its books."""

    bucket: Path
    accounting: Path
    simulator: Path
    ssh: Path
    websocket: Path


def expected_tier(person: str, books: outside.SimulatorBooks) -> str | None:
    """The rung the seed's rules give a person, from what really happened to them; None if nothing did."""
    if person in books.hard or person in books.complained:
        return "0.00 suppressed"
    if person in books.engaged:
        return "1.00 engaged"
    return "0.75 delivered" if person in books.delivered else None


def _meets(tier: str, score: float, status: str, listed: bool) -> bool:
    if tier == "0.00 suppressed":
        return score == 0.0 and status == "suppressed" and listed
    if tier == "1.00 engaged":
        return score == 1.0
    return score >= 0.75


async def reconcile(places: Places, reader: ReportReader, campaign: int, connected_at: int) -> list[Reconciliation]:
    """Compare everything. `connected_at` is the last live id that existed when the client connected."""
    bucket = outside.read_bucket(places.bucket)
    books = outside.read_simulator(places.simulator)
    people, listed = await reader.people(), await reader.suppressed()
    audience = await reader.audience(campaign)
    accounting = await reader.accounting()
    pairs = len(books.pairs)

    return [
        _compare(
            "import_rows",
            bucket.rows,
            {key.lower(): count for key, count in (await reader.imported_rows()).items()},
            "rows in bucket/processed/*.csv",
            "data_import_log: inserted + updated + unchanged + rejected",
        ),
        Reconciliation(
            "audience_split",
            bucket.people,
            sum(audience.values()),
            "distinct accepted addresses in mailable and warmup files",
            "mailing_sends of the campaign: sent + suppressed + held",
            {"unfinished": [0, sum(n for key, n in audience.items() if key.startswith("open:"))]},
        ),
        _compare(
            "injected_once",
            books.messages,
            await reader.injected(),
            "simulator.jsonl: messages accepted",
            "mailing_sends marked injected",
        ),
        Reconciliation(
            "no_double_send",
            sum(books.pairs.values()),
            await reader.injected_pairs(),
            "simulator.jsonl: messages accepted",
            "distinct (campaign, person) in mailing_sends",
            {"distinct pairs": [pairs, sum(books.pairs.values())]},
        ),
        Reconciliation(
            "accounting_lines",
            outside.count_accounting_lines(places.accounting),
            sum(accounting.values()),
            "acct/*.csv: records",
            "mailing_engine_feeds: ingested + rejected",
            {},
        ),
        _compare(
            "events_by_isp",
            books.replies,
            await reader.delivery_events(),
            "simulator.jsonl: replies and complaints",
            "subscriber_events",
        ),
        _bounces(books, people, listed),
        _scores(books, people, listed),
        _compare(
            "engagement_events",
            books.engagement,
            await reader.engagement_events(),
            "simulator.jsonl: what people and scanners did",
            "subscriber_events by verdict",
        ),
        await _commands(places, reader),
        await _live(places, reader, connected_at),
    ]


def _bounces(
    books: outside.SimulatorBooks, people: Mapping[str, tuple[float, str]], listed: set[str]
) -> Reconciliation:
    def right(group: set[str]) -> int:
        return sum(1 for person in group if person in people and people[person][1] == "suppressed" and person in listed)

    by = {
        "hard_bounced": [len(books.hard), right(books.hard)],
        "complained": [len(books.complained), right(books.complained)],
    }
    both = books.hard | books.complained
    return Reconciliation(
        "suppressed_bounces",
        len(both),
        right(both),
        "simulator.jsonl: people who hard-bounced or complained",
        "mailing_global_suppressions and mailing_subscribers.status",
        by,
    )


def _scores(books: outside.SimulatorBooks, people: Mapping[str, tuple[float, str]], listed: set[str]) -> Reconciliation:
    by: dict[str, list[int]] = {}
    for person in books.hard | books.complained | books.engaged | books.delivered:
        tier = expected_tier(person, books)
        if tier is None:
            continue
        cell = by.setdefault(tier, [0, 0])
        cell[0] += 1
        score, status = people.get(person, (-1.0, "missing"))
        cell[1] += _meets(tier, score, status, person in listed)
    return Reconciliation(
        "quality_scores",
        sum(left for left, _ in by.values()),
        sum(right for _, right in by.values()),
        "simulator.jsonl: the rung each person has earned",
        "mailing_subscribers.data_quality_score",
        by,
    )


def rows_by_verb(
    lines: Mapping[outside.Command, int],
    answered: Mapping[outside.Command, int],
    unanswered: Mapping[outside.Command, int],
    refused: Mapping[outside.Command, int] | None = None,
) -> dict[str, list[int]]:
    """Per verb: lines the MTA's host logged, and command rows that account for them.

    Every answered row accounts for one line. A row whose answer was lost (a worker died, a connection broke)
    does so only as far as lines of exactly this command are left: its own may never have arrived. What was given on
    stdin may have been cut off where the worker died: the host refuses such a piece, whose checksum no row has. A row
    without an answer and with no line of its own accounts for one `refused` line of the same command.
    """
    by: dict[str, list[int]] = {}
    pieces: Counter[str] = Counter()
    for command in sorted({*lines, *answered}):
        pair = by.setdefault(outside.verb_of(command[0]), [0, 0])
        left, known = lines.get(command, 0), answered.get(command, 0)
        pair[0] += left
        lost = min(unanswered.get(command, 0), max(0, left - known))
        pair[1] += known + lost
        pieces[command[0]] += min((refused or {}).get(command, 0), max(0, left - known - lost))
    for command, count in unanswered.items():
        if not command[1]:
            continue  # nothing of it can be cut off
        spare = count - min(count, max(0, lines.get(command, 0) - answered.get(command, 0)))
        found = min(spare, pieces[command[0]])
        pieces[command[0]] -= found
        if found:
            by[outside.verb_of(command[0])][1] += found
    return by


async def _commands(places: Places, reader: ReportReader) -> Reconciliation:
    answered, unanswered = await reader.commands()
    typed, refused = outside.read_ssh(places.ssh)
    by = rows_by_verb(typed, answered, unanswered, refused)
    orphans = await reader.applied_without_command([action.value for action in PMTA_LEVER])
    return Reconciliation(
        "decisions_commands",
        sum(left for left, _ in by.values()),
        sum(right for _, right in by.values()),
        "ssh.jsonl: commands that change the MTA",
        "mailing_engine_commands",
        by | {"applied decisions without a command": [0, orphans]},
    )


async def _live(places: Places, reader: ReportReader, connected_at: int) -> Reconciliation:
    heard = [int(entry["id"]) for entry in outside.read_lines(places.websocket)]
    pushed = await reader.live_ids(connected_at)
    return Reconciliation(
        "live_push",
        len(heard),
        len(pushed),
        "ws.jsonl: messages a headless client received",
        "live_feed after the client connected",
        {"heard twice": [0, len(heard) - len(set(heard))], "missed": [0, len(set(pushed) - set(heard))]},
    )
