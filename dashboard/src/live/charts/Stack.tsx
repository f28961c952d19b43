import { useWidth } from "../hooks";
import { number } from "../format";
import { roundUp } from "./scale";

export interface Part { name: string; token: string; hatch?: boolean }
export interface Column { key: string; label: string; values: number[] }

const LEFT = 46;

/** Stacked columns on one scale; each column says its figures when pointed at, the table below holds them all. */
export function Stack({ label, parts, columns, height = 130, mark }: { label: string; parts: Part[]; columns: Column[]; height?: number; mark?: number[] }) {
  const [box, width] = useWidth<HTMLDivElement>(600);
  const inner = Math.max(40, width - LEFT - 4);
  const max = roundUp(Math.max(1, ...(mark ?? []), ...columns.map((one) => one.values.reduce((a, b) => a + b, 0))));
  const slot = inner / Math.max(1, columns.length);
  const thick = Math.max(1, Math.min(34, slot - 2));
  const y = (v: number) => 6 + (1 - v / max) * (height - 26);
  const every = Math.ceil(52 / slot);
  return (
    <div ref={box} className="stack">
      <svg width={width} height={height} role="img" aria-label={label}>
        {[0, max / 2, max].map((tick) => (
          <g key={tick} className="grid"><line x1={LEFT} x2={LEFT + inner} y1={y(tick)} y2={y(tick)} /><text x={LEFT - 5} y={y(tick) + 3.5} textAnchor="end">{number(tick)}</text></g>
        ))}
        {columns.map((one, i) => {
          let below = 0;
          const x = LEFT + i * slot + (slot - thick) / 2;
          return (
            <g key={one.key}>
              <title>{`${one.label}: ${parts.map((part, k) => `${part.name} ${number(one.values[k] ?? 0)}`).join(", ")}`}</title>
              <rect x={LEFT + i * slot} width={slot} y="6" height={height - 26} fill="transparent" />
              {one.values.map((value, k) => {
                const from = below;
                below += value;
                return <rect key={parts[k]!.name} className={parts[k]!.hatch ? "hatched" : ""} x={x} width={thick} y={y(below)} height={Math.max(0, y(from) - y(below))} style={{ fill: `var(${parts[k]!.token})`, stroke: `var(${parts[k]!.token})` }} />;
              })}
              {mark?.[i] !== undefined && <line className="budget" x1={x - 2} x2={x + thick + 2} y1={y(mark[i]!)} y2={y(mark[i]!)} />}
              {i % every === 0 && <text className="dim" x={LEFT + i * slot + slot / 2} y={height - 4} textAnchor="middle">{one.label}</text>}
            </g>
          );
        })}
      </svg>
    </div>
  );
}

/** What the colours of a stack mean. */
export function StackLegend({ parts, mark }: { parts: Part[]; mark?: string }) {
  return (
    <p className="legend small-legend">
      {parts.map((part) => <span key={part.name}><svg width="12" height="12" aria-hidden="true"><rect width="11" height="11" style={{ fill: `var(${part.token})`, stroke: `var(${part.token})` }} className={part.hatch ? "hatched" : ""} /></svg>{part.name}</span>)}
      {mark && <span><svg width="16" height="12" aria-hidden="true"><line className="budget" x1="0" x2="16" y1="6" y2="6" /></svg>{mark}</span>}
    </p>
  );
}
