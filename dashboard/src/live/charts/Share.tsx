import { useWidth } from "../hooks";
import { roundUp, share, wilson } from "./scale";

const LEFT = 10;
const RIGHT = 34;

/**
 * x of n as a share, with what chance may have added or taken (Wilson's 95 % interval), beside what the rule goes by:
 * the rates p0 (tolerated) and p1 (to be found), or a limit that the interval's lower end has to pass.
 */
export function Share({ n, x, p0, p1, limit, lower }: { n: number; x: number; p0?: number; p1?: number; limit?: number; lower?: number }) {
  const [box, width] = useWidth<HTMLDivElement>(420);
  const [low, high] = wilson(x, n);
  const from = lower ?? low;
  const p = n ? x / n : 0;
  const max = Math.min(1, roundUp(Math.max(high, p1 ?? 0, limit ?? 0) * 1.05));
  const at = (v: number) => LEFT + (Math.min(v, max) / max) * (width - LEFT - RIGHT);
  const said = `${x} of ${n}, ${share(p)}; by chance between ${share(from)} and ${share(high)}`
    + (p0 !== undefined && p1 !== undefined ? `; tolerated up to ${share(p0)}, to be found from ${share(p1)}` : "")
    + (limit !== undefined ? `; the rule's limit is ${share(limit)}` : "");
  return (
    <div ref={box} className="share">
      <svg width={width} height="74" role="img" aria-label={said}>
        <line className="axis" x1={LEFT} x2={at(max)} y1="42" y2="42" />
        {p0 !== undefined && p1 !== undefined && (
          <>
            <rect className="band" x={at(p0)} width={at(p1) - at(p0)} y="22" height="20" />
            <rect className="band-over" x={at(p1)} width={at(max) - at(p1)} y="22" height="20" />
            <Tick at={at(p0)} word={`tolerated ${share(p0)}`} /><Tick at={at(p1)} word={`found ${share(p1)}`} />
          </>
        )}
        {limit !== undefined && <><rect className="band-over" x={at(limit)} width={at(max) - at(limit)} y="22" height="20" /><Tick at={at(limit)} word={`limit ${share(limit)}`} /></>}
        <line className="interval" x1={at(from)} x2={at(high)} y1="32" y2="32" />
        <line className="interval" x1={at(from)} x2={at(from)} y1="27" y2="37" /><line className="interval" x1={at(high)} x2={at(high)} y1="27" y2="37" />
        <circle className="estimate" cx={at(p)} cy="32" r="4.5" />
        <text className="value" x={Math.min(at(p), at(max) - 30)} y="14" textAnchor="middle">{share(p)}</text>
        <text className="dim" x={LEFT} y="54">0</text><text className="dim" x={at(max)} y="54" textAnchor="middle">{share(max)}</text>
      </svg>
    </div>
  );
}

function Tick({ at, word }: { at: number; word: string }) {
  return <g><line className="tick" x1={at} x2={at} y1="20" y2="46" /><text className="dim" x={at} y="68" textAnchor="middle">{word}</text></g>;
}
