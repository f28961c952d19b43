"""A replay against a naive twin: one record after the other, everything counted at once, every second looked at."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ignite_app.backtest.cells import cells_of, read_cells
from ignite_domain.governance.judging import Governance
from ignite_domain.governance.logged import BOUNCED, DEFERRED, DELIVERED, NOTHING_SAID, ORDER, Line, Said, Stretch
from ignite_domain.governance.observed import Outcome
from ignite_domain.governance.replay import Replay
from ignite_domain.governance.signals import SignalProcessor
from ignite_domain.governance.words import Signal
from ignite_domain.isps import Isp

START = 1_772_442_000 // 3600 * 3600  # an hour begins
BUSY = Said("busy", "load")
DEAD = Said("gone", "invalid", address_fault=True, hard=True)
POLICY = Said("policy", "policy", about_us=True)
LABELS = ("gmail", "yahoo", "")


def log_of(seed: int, count: int, span: int) -> list[Line]:
    """Deliveries, deferrals that come back, dead addresses and refusals, several a second; a part of them trouble."""
    dice = random.Random(seed)
    found: list[Line] = []
    for number in range(count):
        at = START + dice.randrange(span)
        label = dice.choice(LABELS)
        where = (label, f"192.0.2.{dice.randrange(3)}", dice.choice("ab"), f"{label}.com/mta" if label else "")
        trouble = (at - START) % 3000 < 700 and label == "gmail"
        roll = dice.random() * (1 if trouble else 8)
        order, said = (DEFERRED, BUSY) if roll < 0.3 else (BOUNCED, DEAD) if roll < 0.6 else (BOUNCED, POLICY)
        queued = at - dice.choice((0, 40, 2000, 90_000)) if dice.random() < 0.3 else -1
        if roll >= 0.65:
            order, said = DELIVERED, NOTHING_SAID
        who = "" if order == DELIVERED else f"r{number}"
        found.append((at, order, where, f"m{number}", queued, who, said, True))
        if order == DEFERRED and dice.random() < 0.6:
            again = at + dice.choice((0, 3, 200, 4000))
            found.append((again, DELIVERED, where, f"m{number}", queued, "", NOTHING_SAID, True))
    return sorted(found)


def replayed(lines: Sequence[Line]) -> Replay:
    replay = Replay(Governance())
    minutes: dict[int, Stretch] = {}
    for line in lines:
        one = minutes.setdefault(line[0] // 60, Stretch())
        if line[1] == DELIVERED:
            one.add(Stretch([line[0]], [line[2]], [line[3]], [line[4]]))
        else:
            one.lines.append(line)
    for minute in sorted(minutes):
        log = minutes[minute]
        log.sort()
        replay.minute(log.first, log)
    replay.close()
    return replay


def naive(lines: Sequence[Line]) -> SignalProcessor:
    """Each record by itself, in a second's order: what is no first attempt is known from those before."""
    signals = SignalProcessor()
    waiting: set[str] = set()
    for at, order, (label, ip, job, queue), message, queued, who, said, _ in lines:
        first = message not in waiting and not -1 < queued < lines[0][0] - 300
        waiting.discard(message)
        if order == DEFERRED:
            waiting.add(message)
        signals.observe(
            [
                Outcome(
                    datetime.fromtimestamp(at, UTC), Isp(label) if label else None, ORDER[order], ip, job, queue, who,
                    first, said.address_fault, said.about_us, said.kind, said.rule,
                )
            ]
        )  # fmt: skip
    return signals


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 100_000), count=st.integers(1, 400), span=st.sampled_from([600, 7200, 90_000]))
def test_what_is_counted_in_columns_is_what_is_counted_one_by_one(seed: int, count: int, span: int) -> None:
    """Windows and what was told, at every place. Alarms begin afresh where something was decided: see below."""
    lines = log_of(seed, count, span)
    judge = replayed(lines).judge
    assert isinstance(judge, Governance)
    twin = naive(lines)
    now = datetime.fromtimestamp(lines[-1][0], UTC)
    for isp, kind in twin._scopes:
        for name in twin.scopes(isp, kind):
            assert judge.signals.replies(isp, kind, name, now) == twin.replies(isp, kind, name, now)
            for signal in Signal:
                for seconds in (60, 600, 3600, 86_400):
                    got = judge.signals.seen(isp, kind, name, signal, seconds, now)
                    assert got == twin.seen(isp, kind, name, signal, seconds, now), (isp, kind, name, signal, seconds)
                back = now - timedelta(seconds=1700)
                assert judge.signals.since(isp, kind, name, signal, back) == twin.since(isp, kind, name, signal, back)


def walked(lines: Sequence[Line], label: str, up: int) -> int:
    """S of a provider's dead addresses by the definition: +up on one, −1 on any other first attempt, never below 0, a
    second's quiet attempts before its events. Below the alarm's level, so that no ceiling matters."""
    seconds: dict[int, list[bool]] = {}
    waiting: set[str] = set()
    for at, order, where, message, queued, _, said, _ in lines:
        first = message not in waiting and not -1 < queued < lines[0][0] - 300
        waiting.discard(message)
        if order == DEFERRED:
            waiting.add(message)
        if first and where[0] == label:
            seconds.setdefault(at, []).append(order == BOUNCED and said.address_fault)
    s = 0
    for at in sorted(seconds):
        for dead in sorted(seconds[at]):
            s = s + up if dead else max(0, s - 1)
    return s


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 100_000), count=st.integers(1, 250))
def test_the_alarms_of_a_replay_walk_by_their_definition(seed: int, count: int) -> None:
    lines = log_of(seed, count, 3600)
    replay = replayed(lines)
    judge = replay.judge
    assert isinstance(judge, Governance)
    for label in ("gmail", "yahoo"):
        level = judge.signals.level(label, "isp", label, Signal.BOUNCE)
        s = walked(lines, label, level.up)
        if not replay.book.entries and s < level.alarm:
            assert judge.signals.statistic(label, "isp", label, Signal.BOUNCE) == s


cells = st.lists(st.text(st.sampled_from('a,"1 .\n\r'), max_size=6), min_size=3, max_size=3)


@given(st.lists(cells, min_size=1, max_size=6), st.lists(st.booleans(), min_size=18, max_size=18), st.booleans())
def test_a_block_is_cut_as_the_c_reader_cuts_it_or_not_at_all(
    rows: list[list[str]], quoted: list[bool], torn: bool
) -> None:
    """Quoted or not, with quotes and line breaks where they may and may not stand."""
    quotes = iter(quoted)
    text = ""
    for row in rows:
        text += ",".join('"' + cell.replace('"', '""') + '"' if next(quotes) else cell for cell in row) + "\n"
    text = text[1:] if torn and text[:1] != "\n" else text
    short = cells_of(text, 3)
    if short is None:
        return
    lines = [line + "\n" for line in text.split("\n")[:-1]]
    whole = read_cells(lines, 3)
    assert whole is not None, "the C reader takes it too"
    for ours, theirs in zip(short, whole, strict=True):
        assert ours == theirs or '"' in ours, "what is not left out is the same"
