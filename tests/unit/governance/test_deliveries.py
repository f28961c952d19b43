"""Deliveries in columns: the short way of reading says what the careful way says, and so does the short way of
gathering."""

from datetime import UTC, datetime, timedelta

import attrs
from hypothesis import given
from hypothesis import strategies as st

from ignite_adapters.memory.governance import MemoryGovernanceStore, Person
from ignite_domain.governance.accounting import Entry, LineReader
from ignite_domain.governance.deliveries import FEW, BulkReader
from ignite_domain.governance.gatherer import Gatherer
from ignite_domain.governance.ingestor import Ingestor
from ignite_domain.governance.observed import Accepted
from ignite_domain.governance.orchestrator import Orchestrator
from ignite_domain.governance.ports import FeedBatch, Position, SendFacts
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.words import Mode
from ignite_domain.isps import Isp

HEADER = "type,timeLogged,timeQueued,orig,rcpt,dsnStatus,dsnDiag,dlvSourceIp,vmta,jobId,envId,queue\n"
NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
START = NOW - timedelta(minutes=10)

TIMES = st.integers(0, 500).map(lambda second: f"{START + timedelta(seconds=second):%Y-%m-%d %H:%M:%S}+0000")
ODD_LINES = st.sampled_from(
    [
        "\n",
        "type,timeLogged,envId\n",
        "d,yesterday,,b@x.example,p@gmail.com,2.0.0,smtp;250 OK,192.0.2.1,mta1,c1,ig1,gmail.com/mta1\n",
        "d,2026-11-02 11:55:00+0000,too,few\n",
        'b,2026-11-02 11:55:00+0000,,b@x.example,p@gmail.com,5.1.1,"smtp;550\nno such user",192.0.2.1,mta1,c1,ig1,q\n',
        'd,2026-11-02 11:55:00+0000,,,p@gmail.com,2.0.0,"cut off\n',
        "D,1793620500,,,p@gmail.com,2.0.0,,192.0.2.1,mta1,c1,ig7,gmail.com/mta1\r\n",
        "x,2026-11-02 11:55:00+0000,,,p@gmail.com,2.0.0,\0,192.0.2.1,mta1,c1,ig7,gmail.com/mta1\n",
    ]
)


@st.composite
def plain_line(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(["d"] * 12 + ["t", "b", "r", "f"]))
    status, said = {"t": ("4.7.0", "smtp;421 4.7.0 try later"), "b": ("5.1.1", "smtp;550 5.1.1 user unknown")}.get(
        kind, ("2.0.0", 'smtp;250 "OK"' if draw(st.booleans()) else "smtp;250 OK")
    )
    number, domain, ip = draw(st.integers(0, 40)), draw(st.sampled_from(["gmail.com", "firm.example"])), 1
    said = '"' + said.replace('"', '""') + '"' if '"' in said else said
    envid = draw(st.sampled_from([f"ig{number}", "", "other-7"])) if number % 9 == 0 else f"ig{number}"
    end = draw(st.sampled_from(["\n", "\n", "\n", "\r\n"]))
    queued = draw(st.one_of(st.just(""), TIMES))
    return (
        f"{kind},{draw(TIMES)},{queued},b@x.example,p{number}@{domain},{status},{said},192.0.2.{ip},mta{ip},"
        f"{draw(st.sampled_from(['c1', 'c2', '']))},{envid},{domain}/mta{ip}{end}"
    )


FILES = st.lists(
    st.one_of(st.lists(plain_line(), min_size=FEW, max_size=40), st.lists(ODD_LINES, max_size=2)), max_size=4
)


def taken(reader: LineReader, data: bytes, limit: int) -> list[Entry]:
    found: list[Entry] = []
    while data:
        entries, used = reader.take(data, final=True, limit=limit)
        found += entries
        data = data[used:]
        if not used:
            break
    return found


@given(FILES, st.sampled_from([7, 40, 1000]))
def test_a_file_read_in_columns_says_what_it_says_line_by_line(parts: list[list[str]], limit: int) -> None:
    data = (HEADER + "".join(line for part in parts for line in part)).encode()
    slow, fast = LineReader(), BulkReader()
    expected = taken(slow, data, limit)
    entries = taken(fast, data, limit)
    # what a delivery does not say in columns: see `Deliveries.records`
    bare = {"orig": "", "status": "", "diagnostic": ""}
    of_lines = {one.line for one in fast.deliveries.records()}
    wanted = [attrs.evolve(one, **bare) if one.line in of_lines else one for one in expected]  # type: ignore[misc]
    assert sorted([*entries, *fast.deliveries.records()], key=lambda one: one.line) == wanted
    assert [one.line for one in sorted([*entries, *fast.deliveries.records()], key=lambda one: one.line)] == [
        one.line for one in expected
    ]
    assert (fast.line, fast.header) == (slow.line, slow.header)


def test_plain_deliveries_do_go_into_columns_but_for_those_beside_an_unusual_line() -> None:
    line = "d,2026-11-02 11:55:00+0000,,,p@gmail.com,2.0.0,smtp;250 OK,192.0.2.1,mta1,c1,ig7,gmail.com/mta1\n"
    reader = BulkReader()
    entries, _ = reader.take((HEADER + 800 * line + line.replace("d", "r", 1) + "odd\n" + 700 * line).encode())
    assert len(reader.deliveries) + len(entries) == 1502
    assert len(reader.deliveries) > 1400


def store_with_mail() -> MemoryGovernanceStore:
    """Forty people at two providers, each with a row of the ledger; some are not known to be the MTA's yet."""
    ledger = {
        number: SendFacts(
            number,
            number % 2 + 1,
            number,
            None,
            Isp.GMAIL if number % 3 else None,
            "mta1",
            0,
            number % 7 > 0,
            f"m{number}",
        )
        for number in range(1, 36)
    }
    return MemoryGovernanceStore(ledger=ledger, people={number: Person(0.5) for number in ledger})


async def followed(batches: list[FeedBatch]) -> tuple[MemoryGovernanceStore, SignalProcessor]:
    store, signals = store_with_mail(), SignalProcessor()
    ingestor = Ingestor(Gatherer(store, frozenset()), Orchestrator(lambda kind, isp: Mode.OBSERVE), signals, {})
    for batch in batches:
        await ingestor([batch], NOW, caught_up=True)
        while await store.settle():
            pass
    return store, signals


@given(st.lists(st.lists(plain_line(), min_size=FEW, max_size=60), min_size=1, max_size=2))
async def test_what_is_gathered_in_columns_is_what_is_gathered_one_by_one(files: list[list[str]]) -> None:
    columns, alone = [], []
    for number, lines in enumerate(files):
        reader, slow = BulkReader(), LineReader()
        data = (HEADER + "".join(lines)).encode()
        entries, _ = reader.take(data)
        columns.append(FeedBatch(Position(f"f{number}", "f"), entries, reader.deliveries))
        alone.append(FeedBatch(Position(f"f{number}", "f"), slow.take(data)[0]))
    (fast, fast_signals), (slow_store, slow_signals) = await followed(columns), await followed(alone)

    def events(store: MemoryGovernanceStore) -> list[str]:
        return sorted(map(repr, store.events))

    assert events(fast) == events(slow_store)
    assert (fast.ledger, fast.people, fast.suppressed) == (slow_store.ledger, slow_store.people, slow_store.suppressed)
    assert fast.outcomes == slow_store.outcomes
    assert states(fast_signals) == states(slow_signals)


@given(st.lists(plain_line(), min_size=FEW, max_size=60), st.lists(plain_line(), min_size=FEW, max_size=60))
async def test_what_is_gathered_ahead_of_a_step_being_saved_is_what_is_gathered_after_it(
    first: list[str], second: list[str]
) -> None:
    """But for a message that the log calls delivered twice: see `Known.after`."""
    batches = []
    for number, lines in enumerate((first, second)):
        reader = BulkReader()
        entries, _ = reader.take((HEADER + "".join(lines)).encode())
        batches.append([FeedBatch(Position(f"f{number}", "f"), entries, reader.deliveries)])
    store = store_with_mail()
    gatherer = Gatherer(store, frozenset())
    before = await gatherer.gather(batches[0], NOW)
    ahead = await gatherer.gather(batches[1], NOW, before.told)
    ingestor = Ingestor(gatherer, Orchestrator(lambda kind, isp: Mode.OBSERVE), SignalProcessor(), {})
    await store.save(await ingestor.decide(before, NOW, caught_up=False))
    after = await gatherer.gather(batches[1], NOW)
    assert ahead.told.outcomes == after.told.outcomes
    assert sorted(ahead.told.marks) == sorted(after.told.marks)
    assert ahead.told.suppressions == after.told.suppressions
    assert ahead.told.strikes == after.told.strikes
    assert places(ahead.told.accepted) == places(after.told.accepted)
    assert sorted(ahead.told.taken.sends) == sorted(after.told.taken.sends)


def places(accepted: Accepted) -> list[object]:
    again = accepted.again or [False] * len(accepted.seconds)
    return list(zip(accepted.seconds, accepted.wheres, again, strict=True))


def states(signals: SignalProcessor) -> list[object]:
    rows, history = signals.take_changes(NOW)
    return [sorted(map(repr, rows)), sorted(map(repr, history))]
