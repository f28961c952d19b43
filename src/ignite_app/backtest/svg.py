"""Draws one signal at one provider: its share over time with the band of its alarm, how near the alarm came, and the
decisions. Plain SVG inside the page: nothing is loaded, nothing moves. Shapes and numbers tell decisions apart, colour
only helps."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final

import attrs

from ignite_app.backtest.charts import Band
from ignite_domain.governance.words import Action

WIDTH, LEFT, RIGHT = 760, 46, 8
TOP, PLOT, GAP, STRIP, AXIS = 16, 84, 6, 22, 16
ENOUGH: Final = 20
_SHAPES: Final = {Action.WARN: "M0-5 5 0 0 5-5 0z", Action.RELEASE: "M-5 4 5 4 0-5z", Action.PROBE: "M-4-4h8v8h-8z"}
_RESTRICTS: Final = "M-5-4 5-4 0 5z"
_STEPS_S: Final = (300, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000)


Scale = Callable[[float], float]


@attrs.frozen
class Mark:
    """A decision at `second`; `number` is its row in the table."""

    second: int
    number: int
    action: Action
    says: str


@attrs.frozen
class Drawing:
    """What a chart shows. `points`: (second, n, x), a point each `width` seconds; `levels`: (second, S/H)."""

    title: str
    points: Sequence[tuple[int, int, int]]
    levels: Sequence[tuple[int, float]]
    width: int
    band: Band | None
    marks: Sequence[Mark]
    start: int
    end: int


def draw(chart: Drawing) -> str:
    """The figure, as HTML."""
    return "".join(_parts(chart))


def _parts(chart: Drawing) -> Iterator[str]:
    strip = chart.band is not None and any(level for _, level in chart.levels)
    height = TOP + PLOT + (GAP + STRIP if strip else 0) + AXIS
    span = max(chart.width, chart.end - chart.start)
    shares = [x / n for _, _, n, x in _gathered(chart)]
    top = max([*shares, chart.band.p1 * 1.25 if chart.band else 0.0, 0.001])
    floor = TOP + PLOT

    def across(second: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * min(1.0, max(0.0, (second - chart.start) / span)), 1)

    def up(share: float) -> float:
        return round(floor - PLOT * share / top, 1)

    n, x = sum(one[1] for one in chart.points), sum(one[2] for one in chart.points)
    summary = f"{chart.title}: {x:,} of {n:,} ({100 * x / n if n else 0:.2f} %); {len(chart.marks)} decisions"
    yield f'<figure><figcaption>{escape(summary)}</figcaption><svg viewBox="0 0 {WIDTH} {height}" role="group" '
    yield f'aria-label="{escape(summary, quote=True)}">'
    if chart.band:
        high, low = up(chart.band.p1), up(chart.band.p0)
        yield f'<rect class="band" x="{LEFT}" y="{high}" width="{WIDTH - LEFT - RIGHT}" height="{low - high:.1f}"/>'
        for share, y, drop in ((chart.band.p0, low, 7), (chart.band.p1, high, 1)):
            yield f'<line class="edge" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
            yield f'<text class="tick" x="{LEFT - 4}" y="{y + drop:.1f}" text-anchor="end">{100 * share:g} %</text>'
    else:
        yield f'<text class="tick" x="{LEFT - 4}" y="{TOP + 4}" text-anchor="end">{100 * top:.3g} %</text>'
    yield f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{floor}" y2="{floor}"/>'
    yield f'<path class="share" d="{_path(chart, across, up)}"/>'
    bottom = floor
    if strip:
        bottom = floor + GAP + STRIP
        yield f'<line class="edge" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{floor + GAP}" y2="{floor + GAP}"/>'
        yield f'<text class="tick" x="{LEFT - 4}" y="{floor + GAP + 16}" text-anchor="end">alarm</text>'
        for second, level in chart.levels:
            if level > 0.005:
                tall = round(STRIP * min(1.0, level), 1)
                wide = max(0.6, across(second + chart.width) - across(second))
                yield f'<rect class="level" x="{across(second)}" y="{bottom - tall:.1f}" width="{wide:.1f}" '
                yield f'height="{tall}"/>'
    yield from _marks(chart, across, bottom)
    yield from _times(chart, across, bottom)
    yield "</svg></figure>"


def _path(chart: Drawing, across: Scale, up: Scale) -> str:
    """Steps; a gap where there was no mail."""
    parts, last = [], None
    for second, end, n, x in _gathered(chart):
        y = up(x / n)
        parts.append(f"{'H' if second == last else 'M'}{across(second)}{'' if second == last else f' {y}'}V{y}")
        parts.append(f"H{across(end)}")
        last = end
    return "".join(parts)


def _gathered(chart: Drawing) -> list[tuple[int, int, int, int]]:
    """Steps (from, to, n, x) of at least `ENOUGH` messages where neighbours can give them: of one or two messages a
    share says nothing."""
    steps: list[tuple[int, int, int, int]] = []
    longest = max(chart.width, (chart.end - chart.start) // 12)
    for second, n, x in chart.points:
        if not n:
            continue
        end = second + chart.width
        if steps and steps[-1][2] < ENOUGH and end - steps[-1][0] <= longest:
            start, _, before, events = steps[-1]
            steps[-1] = (start, end, before + n, events + x)
        else:
            steps.append((second, end, n, x))
    return steps


def _marks(chart: Drawing, across: Scale, bottom: int) -> Iterator[str]:
    numbered = -99.0
    for mark in chart.marks:
        x = across(mark.second)
        shape = _SHAPES.get(mark.action, _RESTRICTS)
        says = escape(mark.says)
        yield f'<a href="#d{mark.number}"><title>{says}</title><line class="when" x1="{x}" x2="{x}" y1="{TOP}" '
        yield f'y2="{bottom}"/><path class="mark" transform="translate({x} {TOP - 6})" d="{shape}"/>'
        if x - numbered >= 20:  # numbers that would lie on one another say nothing; the link and its title stay
            numbered = x
            yield f'<text class="number" x="{x + 7}" y="{TOP - 2}">{mark.number}</text>'
        yield "</a>"


def _times(chart: Drawing, across: Scale, bottom: int) -> Iterator[str]:
    span = chart.end - chart.start
    step = next((one for one in _STEPS_S if span / one <= 9), max(_STEPS_S[-1], span // 8 or 1))
    for second in range(-(-chart.start // step) * step, chart.end + 1, step):
        at = datetime.fromtimestamp(second, UTC)
        text = f"{at:%m-%d}" if step >= 86_400 or (at.hour == at.minute == 0) else f"{at:%H:%M}"
        yield f'<text class="tick" x="{across(second)}" y="{bottom + 12}" text-anchor="middle">{text}</text>'
