import { useState, type ReactNode } from "react";
import { useWidth } from "../hooks";
import { tickLabel, timeTicks } from "./scale";

export interface Dot { at: number; y: number; said: string }
export interface Line { name: string; token: string; dash?: string; dots: Dot[]; step?: boolean; bars?: boolean }
export interface Band { from: number; to: number; low: string; high: string }
export interface Moment { at: number; label: string; token: string }

const LEFT = 46;
const RIGHT = 6;
const TOP = 8;

/**
 * Lines over one span of time, with the band in which nothing is decided yet, and moments as vertical lines.
 * Drawn in the page's own colours, so that it follows the theme. The pointer reads a value; the label tells the whole.
 */
export function TimeChart({ label, caption, begin, end, gap, max, height = 92, axis = false, lines, band, moments = [], format }: {
  label: string; caption?: ReactNode; begin: number; end: number; gap: number; max: number; height?: number; axis?: boolean;
  lines: Line[]; band?: Band; moments?: Moment[]; format: (y: number) => string;
}) {
  const [box, width] = useWidth<HTMLDivElement>(600);
  const [at, setAt] = useState<number | null>(null);
  const bottom = axis ? 18 : 6;
  const inner = Math.max(40, width - LEFT - RIGHT);
  const x = (t: number) => LEFT + ((t - begin) / (end - begin)) * inner;
  const y = (v: number) => TOP + (1 - Math.min(v, max) / max) * (height - TOP - bottom);
  const read = at === null ? null : lines.map((line) => nearest(line.dots, at)).filter((dot) => dot !== null);
  return (
    <figure className="timechart" aria-label={label}>
      <figcaption>{caption}<span className="readout" aria-hidden="true">{read?.map((dot) => dot.said).join(" · ")}</span></figcaption>
      <div ref={box} className="plot">
        <svg width={width} height={height} role="img" aria-label={label} onPointerLeave={() => setAt(null)}
          onPointerMove={(event) => setAt(begin + ((event.nativeEvent.offsetX - LEFT) / inner) * (end - begin))}>
          {band && <BandArea band={band} left={LEFT} width={inner} max={max} y={y} />}
          {[0, max / 2, max].map((tick) => (
            <g key={tick} className="grid">
              <line x1={LEFT} x2={LEFT + inner} y1={y(tick)} y2={y(tick)} />
              <text x={LEFT - 5} y={y(tick) + 3.5} textAnchor="end">{format(tick)}</text>
            </g>
          ))}
          {timeTicks(begin, end, inner / 70).map((tick) => (
            <g key={tick} className="grid">
              <line x1={x(tick)} x2={x(tick)} y1={TOP} y2={height - bottom} />
              {axis && <text x={x(tick)} y={height - 4} textAnchor="middle">{tickLabel(tick, begin, end)}</text>}
            </g>
          ))}
          {moments.filter((one) => one.at >= begin && one.at <= end).map((one) => (
            <line key={`${one.at} ${one.label}`} className="moment" x1={x(one.at)} x2={x(one.at)} y1={TOP} y2={height - bottom} style={{ stroke: `var(${one.token})` }}>
              <title>{one.label}</title>
            </line>
          ))}
          {lines.map((line) => (line.bars
            ? <g key={line.name} className="bars" style={{ fill: `var(${line.token})` }}>{line.dots.map((dot) => {
              const from = Math.max(LEFT, x(dot.at));
              return <rect key={dot.at} x={from} width={Math.max(1, Math.min(x(dot.at + gap), LEFT + inner) - from - 1)} y={y(dot.y)} height={Math.max(0, height - bottom - y(dot.y))} />;
            })}</g>
            : <Path key={line.name} line={line} gap={gap} x={x} y={y} end={end} />))}
          {band && <BandWords band={band} y={y} {...widest([LEFT, ...moments.map((one) => x(one.at)).filter((one) => one > LEFT && one < LEFT + inner), LEFT + inner])} />}
          {at !== null && at >= begin && at <= end && <line className="cursor" x1={x(at)} x2={x(at)} y1={TOP} y2={height - bottom} />}
        </svg>
      </div>
    </figure>
  );
}

function BandArea({ band, left, width, max, y }: { band: Band; left: number; width: number; max: number; y: (v: number) => number }) {
  return (
    <g>
      <rect className="band" x={left} width={width} y={y(band.to)} height={Math.max(0, y(band.from) - y(band.to))} />
      {band.to < max && <rect className="band-over" x={left} width={width} y={y(max)} height={Math.max(0, y(band.to) - y(max))} />}
      <line className="band-edge" x1={left} x2={left + width} y1={y(band.from)} y2={y(band.from)} />
      <line className="band-edge band-top" x1={left} x2={left + width} y1={y(band.to)} y2={y(band.to)} />
    </g>
  );
}

/** The widest free room between lines at these places: words at its end are crossed by none. */
function widest(places: number[]): { end: number } {
  const at = [...places].sort((a, b) => a - b);
  let end = at.at(-1)!;
  let most = 0;
  for (let i = 1; i < at.length; i++) if (at[i]! - at[i - 1]! > most) { most = at[i]! - at[i - 1]!; end = at[i]!; }
  return { end };
}

function BandWords({ band, y, end }: { band: Band; y: (v: number) => number; end: number }) {
  if (y(band.from) - y(band.to) < 12) { // no room for a line of words between the two
    return <text className="band-word" x={end - 5} y={y(band.to) - 3} textAnchor="end">{band.low}, {band.high}</text>;
  }
  return (
    <g>
      <text className="band-word" x={end - 5} y={y(band.from) - 3} textAnchor="end">{band.low}</text>
      <text className="band-word" x={end - 5} y={y(band.to) - 3} textAnchor="end">{band.high}</text>
    </g>
  );
}

function Path({ line, gap, x, y, end }: { line: Line; gap: number; x: (t: number) => number; y: (v: number) => number; end: number }) {
  const parts: Dot[][] = [];
  for (const dot of line.dots) {
    const last = parts.at(-1);
    if (last && (line.step || dot.at - last.at(-1)!.at <= 3.1 * gap)) last.push(dot); else parts.push([dot]);
  }
  const way = (part: Dot[]) => part.map((dot, i) => {
    if (!i) return `M${x(dot.at).toFixed(1)} ${y(dot.y).toFixed(1)}`;
    return line.step ? `H${x(dot.at).toFixed(1)}V${y(dot.y).toFixed(1)}` : `L${x(dot.at).toFixed(1)} ${y(dot.y).toFixed(1)}`;
  }).join("") + (line.step ? `H${x(end).toFixed(1)}` : "");
  return (
    <g style={{ stroke: `var(${line.token})`, fill: `var(${line.token})` }}>
      {parts.map((part) => (part.length === 1 && !line.step
        ? <circle key={part[0]!.at} cx={x(part[0]!.at)} cy={y(part[0]!.y)} r="2" />
        : <path key={part[0]!.at} className="series" d={way(part)} strokeDasharray={line.dash} />))}
    </g>
  );
}

function nearest(dots: Dot[], at: number): Dot | null {
  let found: Dot | null = null;
  for (const dot of dots) if (found === null || Math.abs(dot.at - at) < Math.abs(found.at - at)) found = dot;
  return found;
}
