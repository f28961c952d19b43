import { useEffect, useMemo, useRef } from "react";
import uPlot from "uplot";
import { ISPS, ISP_NAME, type SignalPoint } from "./api";
import { percent } from "./format";

const SERIES = [
  { signal: "deferral", label: "deferred", token: "--series-deferral", dash: [] as number[] },
  { signal: "bounce", label: "bounced", token: "--series-bounce", dash: [6, 3] },
  { signal: "complaint", label: "complained", token: "--series-complaint", dash: [2, 3] },
];

/** A token as the colour it has now: a canvas knows neither variables nor light-dark(). */
function colour(host: HTMLElement, token: string): string {
  host.style.color = `var(${token})`;
  const found = getComputedStyle(host).color;
  host.style.color = "";
  return found;
}

/** One small chart per provider: share of attempts over business time, last 6 hours. */
export function Signals({ points, theme }: { points: SignalPoint[]; theme: string }) {
  return (
    <>
      <p className="legend">
        {SERIES.map((s) => (
          <span key={s.signal}>
            <svg width="26" height="8" aria-hidden="true">
              <line x1="1" x2="25" y1="4" y2="4" stroke={`var(${s.token})`} strokeWidth="2" strokeDasharray={s.dash.join(" ")} />
            </svg>
            {s.label}, share of attempts
          </span>
        ))}
      </p>
      <div className="charts">
        {[...ISPS, "elsewhere"].map((isp) => <Chart key={`${isp} ${theme}`} isp={isp} points={points.filter((p) => p.isp === isp)} />)}
      </div>
    </>
  );
}

function Chart({ isp, points }: { isp: string; points: SignalPoint[] }) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const { data, last } = useMemo(() => align(points), [points]);
  useEffect(() => {
    const box = host.current!;
    const chart = new uPlot({
      width: box.clientWidth || 260, height: 96, legend: { show: false }, cursor: { y: false, points: { size: 5 } },
      scales: { y: { range: (_u, _min, max) => [0, Math.max(0.1, Math.min(1, (max ?? 0) * 1.15))] } },
      axes: [
        { stroke: colour(box, "--dim"), grid: { show: false }, ticks: { show: false }, size: 18, font: "10px system-ui",
          values: (_u, ticks) => ticks.map((t) => new Date(t * 1000).toISOString().slice(11, 16)) },
        { stroke: colour(box, "--dim"), grid: { stroke: colour(box, "--line"), width: 1 }, ticks: { show: false },
          size: 34, font: "10px system-ui", values: (_u, ticks) => ticks.map((t) => `${Math.round(t * 100)}%`) },
      ],
      series: [{}, ...SERIES.map((s) => ({
        stroke: colour(box, s.token), width: 2, dash: s.dash, points: { show: false }, spanGaps: true,
      }))],
    }, [[], [], [], []], box);
    plot.current = chart;
    const watch = new ResizeObserver(() => chart.setSize({ width: box.clientWidth, height: 96 }));
    watch.observe(box);
    return () => { watch.disconnect(); chart.destroy(); };
  }, []);
  useEffect(() => plot.current?.setData(data), [data]);
  return (
    <figure className="chart" aria-label={`${ISP_NAME[isp]}: ${last}`}>
      <figcaption><b>{ISP_NAME[isp]}</b> <span>{last}</span></figcaption>
      <div ref={host} />
      {points.length === 0 && <p className="chart-empty">no mail yet</p>}
    </figure>
  );
}

function align(points: SignalPoint[]): { data: uPlot.AlignedData; last: string } {
  const times = [...new Set(points.map((p) => Date.parse(p.at) / 1000))].sort((a, b) => a - b);
  const at = new Map(times.map((time, index) => [time, index]));
  const rows = SERIES.map(() => times.map(() => null as number | null));
  let last = "no attempts";
  for (const point of points) {
    const row = SERIES.findIndex((s) => s.signal === point.signal);
    if (row < 0 || !point.n) continue;
    rows[row]![at.get(Date.parse(point.at) / 1000)!] = point.x / point.n;
    if (point.signal === "deferral") last = `${percent(point.x, point.n)} of ${point.n.toLocaleString("en")} deferred`;
  }
  return { data: [times, ...rows] as uPlot.AlignedData, last };
}
