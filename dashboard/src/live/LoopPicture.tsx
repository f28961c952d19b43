import { number } from "./format";

// The loop as the seed tells it: two flows that meet at the MTA. Positions are on a 1200 x 228 canvas.
interface Stop { key: string; label: string; unit: string; x: number; y: number; steps: string[] }
const TOP = 48;
const LOW = 174;
const STOPS: Stop[] = [
  { key: "bucket", label: "bucket", unit: "files", x: 62, y: TOP, steps: ["import.1"] },
  { key: "import", label: "import", unit: "rows", x: 182, y: TOP, steps: ["import.4"] },
  { key: "verify", label: "verify", unit: "addresses", x: 302, y: TOP, steps: ["import.5"] },
  { key: "score", label: "score", unit: "changes", x: 422, y: TOP, steps: ["import.6"] },
  { key: "warmup", label: "warm up", unit: "people", x: 542, y: TOP, steps: ["import.7"] },
  { key: "send", label: "send", unit: "messages", x: 662, y: TOP, steps: ["import.8"] },
  { key: "track", label: "track", unit: "hits", x: 898, y: TOP, steps: ["import.9"] },
  { key: "site", label: "site", unit: "beacons", x: 1018, y: TOP, steps: ["import.10"] },
  { key: "live", label: "live", unit: "pushed", x: 1138, y: TOP, steps: ["import.12"] },
  { key: "accounting", label: "accounting", unit: "lines", x: 898, y: LOW, steps: ["accounting.1"] },
  { key: "signals", label: "signals", unit: "changes", x: 662, y: LOW, steps: ["accounting.3"] },
  { key: "agents", label: "48 agents", unit: "evaluations", x: 502, y: LOW, steps: ["accounting.4"] },
  { key: "decisions", label: "decisions", unit: "", x: 342, y: LOW, steps: ["accounting.5"] },
  { key: "executor", label: "executor", unit: "commands", x: 182, y: LOW, steps: ["accounting.7"] },
];
const byKey = new Map(STOPS.map((stop) => [stop.key, stop]));
const LINES: [string, string][] = [
  ["bucket", "import"], ["import", "verify"], ["verify", "score"], ["score", "warmup"], ["warmup", "send"],
  ["track", "site"], ["site", "live"], ["signals", "agents"], ["agents", "decisions"], ["decisions", "executor"],
];
const MTA = { x: 780, y: (TOP + LOW) / 2 };

export function LoopPicture({ steps }: { steps: Record<string, number> | undefined }) {
  const total = (stop: Stop) => stop.steps.reduce((sum, step) => sum + (steps?.[step] ?? 0), 0);
  return (
    <>
    <div className="loop-frame" tabIndex={0} role="region" aria-label="The loop, scrolls sideways on narrow screens"><svg className="loop" viewBox="0 0 1200 228" role="img" aria-label="The loop with its current counts">
      <defs>
        <marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
          <path d="M0 0 8 4 0 8z" className="tip" />
        </marker>
      </defs>
      {LINES.map(([from, to]) => {
        const a = byKey.get(from)!;
        const b = byKey.get(to)!;
        const sign = Math.sign(b.x - a.x);
        return <path key={from + to} className="line" markerEnd="url(#tip)" d={`M${a.x + sign * 50} ${a.y}H${b.x - sign * 52}`} />;
      })}
      <path className="line" markerEnd="url(#tip)" d={`M712 ${TOP}H${MTA.x - 30}V${MTA.y - 26}`} />
      <path className="line" markerEnd="url(#tip)" d={`M${MTA.x + 30} ${MTA.y - 24}V${TOP}H846`} />
      <path className="line" markerEnd="url(#tip)" d={`M${MTA.x + 30} ${MTA.y + 24}V${LOW}H846`} />
      <path className="line" markerEnd="url(#tip)" d={`M848 ${LOW + 14}H714`} />
      <path className="line acts" markerEnd="url(#tip)" d={`M182 ${LOW - 24}V${MTA.y}H${MTA.x - 54}`} />
      <text className="acts-word" x={420} y={MTA.y - 6}>pmta commands over SSH</text>
      <g className="mta">
        <rect x={MTA.x - 50} y={MTA.y - 22} width="100" height="44" rx="8" />
        <text x={MTA.x} y={MTA.y + 5}>PowerMTA</text>
      </g>
      {STOPS.map((stop) => (
        <g key={stop.key} className="stop" data-stop={stop.key}>
          <rect key={total(stop)} className="fresh" x={stop.x - 50} y={stop.y - 24} width="100" height="48" rx="8" />
          <text className="stop-count" x={stop.x} y={stop.y - 1}>{steps ? number(total(stop)) : "…"}</text>
          <text className="stop-unit" x={stop.x} y={stop.y + 15}>{stop.unit || "taken"}</text>
          <text className="stop-name" x={stop.x} y={stop.y + (stop.y === TOP ? -32 : 40)}>{stop.label}</text>
        </g>
      ))}
    </svg></div>
    {steps && !steps["import.1"] && !steps["import.8"] && <p className="empty">Nothing has come in yet. Put a CSV file of subscribers into the bucket, or run <code>ignite import FILE</code>.</p>}
    </>
  );
}
