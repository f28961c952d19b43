"""The report: one HTML file that loads nothing and needs no script. Decides what is shown where, not what it says."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

from ignite_app.backtest.charts import DRAWN, Charts
from ignite_app.backtest.run import Result, reason_of, stamp_of
from ignite_app.backtest.svg import Drawing, Mark, draw
from ignite_app.backtest.timeline import action_of, outcomes_in_words, remarks
from ignite_domain.governance.agents import NO_FEEDBACK
from ignite_domain.governance.book import Entry
from ignite_domain.governance.rules import RULES
from ignite_domain.governance.signals import Signal
from ignite_domain.governance.words import Decision, TargetType
from ignite_domain.isps import Isp

REJECTS_SHOWN: Final = 200
MARKS_SHOWN: Final = 120
"""Decisions marked in one chart; the table has all."""
_SIGNAL_OF: Final = {rule.name: rule.signal for rule in RULES}
_CALLED: Final = {isp.value: escape(isp.shown) for isp in Isp} | {"host": "whole host"}
_WORDS: Final = {
    Signal.BOUNCE: "dead addresses",
    Signal.DEFERRAL: "deferrals",
    Signal.REFUSAL: "refusals of us",
    Signal.COMPLAINT: "complaints",
}
_EVIDENCE: Final = {
    "arl0": "by chance once in {:,.0f} messages",
    "recipients": "said to {:,} recipients",
    "reply_rule": "the reply is known as {}",
    "limit": "limit {:g}",
    "lower": "at least {:.3g} by chance",
}
"""How evidence that stands alone is told, in this order."""
_UNTOLD: Final = frozenset({"of", "since", "window_s"})
"""Which decision a probe is about is said by its reason; a window without counts says nothing."""
_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#5b6570;--line:#d5dae0;--paper:#fff;--tint:#f5f7f9;--data:#0072b2;
--band:#e69f0033;--edge:#a86f00;--level:#56b4e9;--mark:#c04a00}
@media(prefers-color-scheme:dark){:root{--ink:#e4e8ec;--soft:#98a3ae;--line:#333b44;--paper:#14181c;--tint:#1b2026;
--data:#56b4e9;--band:#e69f002e;--edge:#e0a030;--level:#3d7fa6;--mark:#ff9a5c}}
*{box-sizing:border-box}
body{margin:0 auto;padding:20px;max-width:1680px;background:var(--paper);color:var(--ink);font:13px/1.45 system-ui,
sans-serif}
h1{font-size:18px;margin:0 0 8px}h2{font-size:15px;margin:28px 0 8px;border-bottom:1px solid var(--line)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 14px;margin:0}dt{color:var(--soft)}dd{margin:0}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th{text-align:left;color:var(--soft);font-weight:600}th,td{padding:4px 10px 4px 0;border-bottom:1px solid var(--line);
vertical-align:top}td.n,th.n{text-align:right}.t{min-width:17ch}
.w{white-space:nowrap}code{font:12px ui-monospace,monospace;overflow-wrap:anywhere}
tr:target,tr:focus-within{background:var(--tint);outline:2px solid var(--mark)}
a{color:inherit}a:focus-visible,summary:focus-visible{outline:2px solid var(--mark);outline-offset:2px}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(520px,100%),1fr));gap:14px 24px}
figure{margin:0}figcaption{color:var(--soft);margin-bottom:2px}svg{display:block;width:100%;height:auto}
.band{fill:var(--band)}.edge{stroke:var(--edge);stroke-dasharray:3 3;stroke-width:.8}
.axis{stroke:var(--line)}.share{fill:none;stroke:var(--data);stroke-width:1.4}.level{fill:var(--level)}
.when{stroke:var(--mark);stroke-width:1}.mark{fill:var(--mark)}.number{fill:var(--mark);font-size:10px}
.tick{fill:var(--soft);font-size:10px}.quiet{color:var(--soft)}
@media print{body{max-width:none}}
"""


def page(result: Result) -> str:
    """The whole report. `result` must have been made with charts."""
    return "".join(_page(result)) + "\n"


def _page(result: Result) -> Iterator[str]:
    counted = result.counted
    period = f"{stamp_of(counted.first)} to {stamp_of(counted.last)}"
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    yield '<meta name="viewport" content="width=device-width,initial-scale=1">'
    yield f"<title>Backtest {escape(period)}</title><style>{_STYLE}</style></head><body><main><header>"
    yield "<h1>What would have been decided</h1><dl>"
    for term, text in (
        ("period", period),
        ("policy", result.policy),
        ("records", f"{counted.records:,}"),
        ("lines refused", f"{counted.rejected:,}"),
        ("decisions", f"{len(result.decisions):,}"),
        ("files", ", ".join(result.names)),
    ):
        yield f"<dt>{term}</dt><dd>{escape(text)}</dd>"
    yield "</dl></header>"
    yield "<p class=quiet>Nothing here changed what happened: outcomes are those of the log, decisions are what they "
    yield "would have been. All times are UTC.</p>"
    yield from (f"<p>{escape(one)}</p>" for one in remarks(result))
    yield from _decisions(result.decisions)
    yield from _providers(result)
    yield from _rejects(result)
    yield "</main></body></html>"


def _decisions(entries: Sequence[Entry]) -> Iterator[str]:
    yield "<h2 id=decisions>Decisions</h2>"
    if not entries:
        yield "<p>None: everything stayed within what is tolerated.</p>"
        return
    yield "<div class=scroll tabindex=0 role=region aria-labelledby=decisions><table><thead><tr><th class=n>no."
    yield "<th>at (UTC)<th>provider<th>agent<th>action<th>target<th>reason<th>evidence"
    yield "<th>what its mail met</tr></thead><tbody>"
    for number, entry in enumerate(entries, 1):
        one = entry.decision
        label = one.isp.value if one.isp else "host"
        yield f"<tr id=d{number}><td class=n>{number}<td class=w>{one.at:%Y-%m-%d %H:%M:%S}"
        yield f"<td class=w><a href=#{label}>{called(label)}</a><td>{one.agent.value}"
        yield f"<td class=w>{_plain(action_of(one))}"
        yield f"<td class=t>{_target(one)}<td>{escape(reason_of(entry))} <code>{escape(one.rule)}</code>"
        yield f"<td>{escape(evidence_in_words(one.evidence))}"
        yield f"<td>{escape(outcomes_in_words(entry))}</tr>"
    yield "</tbody></table></div>"


def _plain(word: str) -> str:
    return word.replace("_", " ")


def _target(one: Decision) -> str:
    """What it is about; a provider that stands in its own column is not named twice."""
    if one.target_type is TargetType.ISP:
        return f"all mail to {called(one.target)}"
    if one.target_type is TargetType.HOST:
        return "the whole host"
    kind = "address" if one.target_type is TargetType.IP else one.target_type.value
    return f"{kind} <code>{escape(one.target)}</code>"


def evidence_in_words(evidence: Mapping[str, Any]) -> str:
    """A decision's evidence for people: "30 of 400 in 60 min; tolerated 3 %, found from 8 %; alarm 210 of 206"."""
    left = dict(evidence)
    told = []
    if "n" in left and "x" in left:
        span = f" in {_span(int(left.pop('window_s')))}" if left.get("window_s") else ""
        told.append(f"{left.pop('x'):,} of {left.pop('n'):,}{span}")
    if "p0" in left and "p1" in left:
        told.append(f"tolerated {100 * left.pop('p0'):g} %, found from {100 * left.pop('p1'):g} %")
    if "S" in left and "H" in left:
        told.append(f"alarm at {left.pop('S'):g} of {left.pop('H'):g} points")
    told += [say.format(left.pop(key)) for key, say in _EVIDENCE.items() if key in left]
    told += [f"{_plain(name)} {_figure(value)}" for name, value in left.items() if name not in _UNTOLD]
    return "; ".join(told)


def _figure(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _providers(result: Result) -> Iterator[str]:
    charts = result.charts
    yield "<h2 id=host>Providers</h2><div class=scroll tabindex=0 role=region aria-labelledby=host><table><thead><tr>"
    yield "<th>provider<th class=n>delivered<th class=n>deferred<th class=n>bounced<th class=n>complained"
    yield "<th class=n>decisions</tr></thead><tbody>"
    labels = [label for label in [*(isp.value for isp in Isp), ""] if label in result.totals.outcomes]
    for label in labels:
        tally = result.totals.outcomes[label]
        mine = sum(1 for entry in result.decisions if entry.decision.isp and entry.decision.isp.value == label)
        yield f"<tr><th scope=row><a href=#{_name(label)}>{called(label)}</a><td class=n>{tally.delivered:,}"
        yield f"<td class=n>{tally.deferred:,}<td class=n>{tally.bounced:,}<td class=n>{tally.complained:,}"
        yield f"<td class=n>{mine:,}</tr>"
    yield "</tbody></table></div>"
    if charts is None:
        return
    yield f"<p class=quiet>A step covers {_span(charts.width)} or more, so that it holds 20 messages. "
    yield "The band runs from the share an alarm tolerates to the "
    yield "share it fears; the strip below shows how near the alarm came, its top being the alarm. &#9660; restricts, "
    yield "&#9670; warns, &#9632; probes, &#9650; releases; numbers lead to the table.</p>"
    for label in labels:
        if label in charts.counts:
            yield f"<section aria-labelledby={_name(label)}><h2 id={_name(label)}>{called(label)}</h2>"
            yield from _signals(result, charts, label)
            yield "</section>"


def _signals(result: Result, charts: Charts, label: str) -> Iterator[str]:
    points = charts.counts[label]
    drawn, silent = [], []
    for signal, (events, exposure) in DRAWN.items():
        marks = _marks(result, label, signal)
        if not marks and not any(counts[events] for counts in points.values()):
            silent.append(
                "no complaint records, so no signal" if signal is Signal.COMPLAINT else f"no {_WORDS[signal]}"
            )
            continue
        levels = charts.levels.get((label, signal), {})
        drawn.append(
            draw(
                Drawing(
                    f"{_name(label)}, {_WORDS[signal]}",
                    [(at * charts.width, counts[exposure], counts[events]) for at, counts in sorted(points.items())],
                    [(at * charts.width, level) for at, level in sorted(levels.items())],
                    charts.width,
                    charts.band(label, signal) if label else None,
                    marks,
                    result.counted.first // charts.width * charts.width,
                    result.counted.last,
                )
            )
        )
    if drawn:
        yield f"<div class=charts>{''.join(drawn)}</div>"
    if label in set(NO_FEEDBACK):
        silent = [one for one in silent if "complaint" not in one] + ["it reports no complaints: no signal, never 0 %"]
    if silent:
        yield f"<p class=quiet>{escape('; '.join(silent))}</p>"


def _marks(result: Result, label: str, signal: Signal) -> list[Mark]:
    marks = []
    for number, entry in enumerate(result.decisions, 1):
        one = entry.decision
        if (one.isp.value if one.isp else label) == label and _signal_of(result.decisions, entry) is signal:
            says = f"{number}: {one.at:%H:%M:%S} {_plain(one.action.value)} {one.target}: {reason_of(entry)}"
            marks.append(Mark(int(one.at.timestamp()), number, one.action, says))
    return marks[:MARKS_SHOWN]


def _signal_of(entries: Sequence[Entry], entry: Entry) -> Signal:
    """The chart a decision belongs to; probes and releases stand where what they undo stands."""
    undone = entry.decision.parameters.get("of")
    if isinstance(undone, int) and 0 < undone <= len(entries):
        return _signal_of(entries, entries[undone - 1])
    name = entry.decision.rule.partition("@")[0]
    first = next((signal for signal in DRAWN if name.startswith(f"{signal.value}-")), Signal.DEFERRAL)
    signal = _SIGNAL_OF.get(name, first)
    return signal if signal in DRAWN else Signal.DEFERRAL


def _rejects(result: Result) -> Iterator[str]:
    counted = result.counted
    if not counted.rejected:
        return
    listed = counted.listed()[:REJECTS_SHOWN]
    yield f"<h2>Lines refused</h2><details><summary>{counted.rejected:,} in all, {len(listed):,} listed</summary><ul>"
    for name, one in listed:
        yield f"<li><code>{escape(name)}:{one.line}</code> {escape(one.reason)}"
    yield "</ul></details>"


def _name(label: str) -> str:
    return label or "elsewhere"


def called(label: str) -> str:
    """A provider as people call it."""
    return _CALLED.get(label, "elsewhere")


def _span(seconds: int) -> str:
    return f"{seconds // 3600} h" if seconds % 3600 == 0 else f"{seconds // 60} min"
