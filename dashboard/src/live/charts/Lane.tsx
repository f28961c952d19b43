import { targetName, type DecisionMark } from "../api";
import { clock, words } from "../format";
import { useWidth } from "../hooks";
import { go, isPlain } from "../router";
import { seconds, tickLabel, timeTicks } from "./scale";

const LEFT = 46;
const RIGHT = 6;
const ROW = 20;

export const MARK: Record<string, string> = {
  throttle: "▽", backoff: "▽", pause_job: "❚❚", pause_queue: "❚❚", disable_source: "⊘", quarantine_ip: "⊘",
  emergency_halt: "■", suppress: "✕", warn: "!", hold_warmup: "▭", step_down_warmup: "▿", probe: "◐", release: "▶",
  stop: "□", resume: "▷", set_mode: "◇",
};

/** Decisions as bars from their beginning to their end, in as few rows as will do; each is a link to its page. */
export function Lane({ decisions, begin, end, now, name, linked = true }: {
  decisions: DecisionMark[]; begin: number; end: number; now: number; name: string; linked?: boolean;
}) {
  const [box, width] = useWidth<HTMLDivElement>(600);
  const inner = Math.max(40, width - LEFT - RIGHT);
  const x = (t: number) => LEFT + (Math.min(Math.max(t, begin), end) - begin) / (end - begin) * inner;
  const rows: number[] = []; // where each row is free from, in pixels
  const bars = [...decisions].sort((a, b) => seconds(a.at) - seconds(b.at)).map((one) => {
    const from = x(seconds(one.at));
    const over = one.ended_at ? seconds(one.ended_at) : Math.min(now, end);
    const to = Math.max(x(over), from + 16);
    const word = words(one.action);
    const room = to - from > 24 + word.length * 6.2;
    let row = rows.findIndex((free) => free <= from);
    if (row < 0) row = rows.push(0) - 1;
    rows[row] = to + 3;
    const ahead = one.ended_at ? null : x(seconds(one.until));
    return { one, from, to, row, word, room, ahead };
  });
  const height = Math.max(1, rows.length) * ROW + 18;
  return (
    <div ref={box} className="lane">
      <svg width={width} height={height} role="group" aria-label={name}>
        {timeTicks(begin, end, inner / 70).map((tick) => (
          <g key={tick} className="grid"><line x1={x(tick)} x2={x(tick)} y1={0} y2={height - 16} /><text x={x(tick)} y={height - 4} textAnchor="middle">{tickLabel(tick, begin, end)}</text></g>
        ))}
        {bars.length === 0 && <text className="lane-empty" x={LEFT} y={14}>no decision in this span</text>}
        {bars.map(({ one, from, to, row, word, room, ahead }) => {
          const said = `${word} ${targetName(one)}, ${one.status}, ${clock(one.at)} to ${one.ended_at ? clock(one.ended_at) : "now"}: ${one.reason}`;
          const look = `bar-of action-${one.action} ${one.status === "proposed" || one.status === "rejected" ? "only-wish" : ""}`;
          const drawn = (
            <>
              <title>{said}</title>
              {ahead !== null && ahead > to && <line className="ahead" x1={to} x2={ahead} y1={row * ROW + 9} y2={row * ROW + 9} />}
              <rect x={from} y={row * ROW + 1} width={to - from} height={ROW - 4} rx="3" />
              <text x={from + 4} y={row * ROW + 13}>{MARK[one.action] ?? "•"}{room && ` ${word}`}</text>
            </>
          );
          return !linked ? <g key={one.id} className={look}>{drawn}</g> : (
            <a key={one.id} href={`/decision/${one.id}`} aria-label={said} className={look}
              onClick={(event) => { if (isPlain(event)) { event.preventDefault(); go(`/decision/${one.id}`); } }}>{drawn}</a>
          );
        })}
      </svg>
    </div>
  );
}
