import { useEffect, useMemo, useRef } from "react";
import uPlot from "uplot";
import { ISPS, ISP_NAME, type SignalPoint } from "./api";
import { clock, number, percent } from "./format";
import { Link } from "./router";

const SERIES = [
  { signal: "deferral", label: "deferred", means: "4xx, try later", token: "--series-deferral", dash: [] as number[] },
  { signal: "refusal", label: "refused", means: "5xx about us: reputation, policy", token: "--series-refusal", dash: [9, 3] },
  { signal: "bounce", label: "dead", means: "5xx about the address", token: "--series-bounce", dash: [5, 3] },
  { signal: "complaint", label: "complained", means: "share of delivered", token: "--series-complaint", dash: [2, 3] },
];
const HOUR = 3600;
const BUCKET = 300; // seconds of one point
const BREAK = 1800; // without mail for longer than this the line is interrupted
const HEIGHT = 96;

/** A token as the colour it has now: a canvas knows neither variables nor light-dark(). */
function colour(host: HTMLElement, token: string): string {
  host.style.color = `var(${token})`;
  const found = getComputedStyle(host).color;
  host.style.color = "";
  return found;
}

/** One small chart per provider on one common axis of business time, which ends now. */
export function Signals({ points, now, theme }: { points: SignalPoint[] | null; now: string | undefined; theme: string }) {
  const end = now ? Date.parse(now) / 1000 : 0;
  const byIsp = useMemo(() => {
    const found = new Map<string, SignalPoint[]>();
    for (const point of points ?? []) found.set(point.isp, [...(found.get(point.isp) ?? []), point]);
    return found;
  }, [points]);
  if (!points || !now) return <p className="empty skeleton">Loading the signals…</p>;
  if (!points.length) {
    return <p className="empty">No mail in the last 6 hours of business time. Schedule a campaign; if mail does go out, see GET /api/v1/feeds for whether the accounting files are read.</p>;
  }
  const first = points.reduce((least, point) => Math.min(least, Date.parse(point.at) / 1000), end);
  const begin = Math.min(first, end - HOUR);
  return (
    <>
      <p className="legend">
        {SERIES.map((s) => (
          <span key={s.signal}>
            <svg width="26" height="8" aria-hidden="true">
              <line x1="1" x2="25" y1="4" y2="4" stroke={`var(${s.token})`} strokeWidth="2" strokeDasharray={s.dash.join(" ")} />
            </svg>
            <b>{s.label}</b> {s.means}
          </span>
        ))}
        <span>Shares of first attempts, a point for every 5 minutes of business time; figures are of the last hour.</span>
      </p>
      <div className="charts">
        {[...ISPS, "elsewhere"].map((isp) => (
          <Chart key={`${isp} ${theme}`} isp={isp} points={byIsp.get(isp) ?? NONE} begin={begin} end={end} />
        ))}
      </div>
    </>
  );
}
const NONE: SignalPoint[] = [];

function Chart({ isp, points, begin, end }: { isp: string; points: SignalPoint[]; begin: number; end: number }) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const data = useMemo(() => align(points), [points]);
  const said = figures(points, end);
  useEffect(() => {
    const box = host.current!;
    const dim = colour(box, "--dim");
    const chart = new uPlot({
      width: box.clientWidth || 260, height: HEIGHT, legend: { show: false }, cursor: { y: false, points: { size: 5 } },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      scales: { x: { range: (_u, min, max) => [min, max] }, y: { range: (_u, _min, max) => [0, Math.max(0.1, Math.min(1, (max ?? 0) * 1.15))] } },
      axes: [
        { stroke: dim, grid: { show: false }, ticks: { show: false }, size: 18, font: "10px system-ui", space: 44,
          values: (_u, ticks) => ticks.map((t) => new Date(t * 1000).toISOString().slice(11, 16)) },
        { stroke: dim, grid: { stroke: colour(box, "--line"), width: 1 }, ticks: { show: false },
          size: 34, font: "10px system-ui", values: (_u, ticks) => ticks.map((t) => `${Math.round(t * 100)}%`) },
      ],
      series: [{}, ...SERIES.map((s) => ({
        stroke: colour(box, s.token), width: 2, dash: s.dash,
        points: { show: (u: uPlot) => u.data[0].length < 3 || Array.from(u.data[1]!).some((y) => y === null), // what a line cannot show
          size: 4, fill: colour(box, s.token) },
      }))],
    }, [[], ...SERIES.map(() => [])] as unknown as uPlot.AlignedData, box);
    plot.current = chart;
    const watch = new ResizeObserver(() => chart.setSize({ width: box.clientWidth, height: HEIGHT }));
    watch.observe(box);
    return () => { watch.disconnect(); chart.destroy(); };
  }, []);
  useEffect(() => {
    plot.current?.batch(() => {
      plot.current!.setData(data, false);
      plot.current!.setScale("x", { min: begin, max: end });
    });
  }, [data, begin, end]);
  return (
    <figure className={`chart ${said.quiet ? "quiet" : ""}`} aria-label={`${ISP_NAME[isp]}: ${said.head}. ${said.shares}`} data-chart={isp}
      data-begin={clock(new Date(begin * 1000).toISOString())}>
      <figcaption><b>{isp === "elsewhere" ? ISP_NAME[isp] : <Link to={`/isp/${isp}`}>{ISP_NAME[isp]}</Link>}</b> <span>{said.head}</span><br /><span className="shares">{said.shares}</span></figcaption>
      <div ref={host} />
    </figure>
  );
}

const seconds = (point: SignalPoint): number => Date.parse(point.at) / 1000;

/** The last hour in words, or since when there has been no mail. */
export function figures(points: SignalPoint[], end: number): { head: string; shares: string; quiet: boolean } {
  const mail = points.filter((point) => point.signal === "deferral" && point.n > 0);
  const recent = points.filter((point) => seconds(point) > end - HOUR);
  const total = (signal: string) => recent.reduce(
    (sum, point) => (point.signal === signal ? { n: sum.n + point.n, x: sum.x + point.x } : sum), { n: 0, x: 0 },
  );
  const tries = total("deferral").n;
  if (!tries) {
    const last = mail.at(-1);
    const since = last ? `no mail since ${clock(new Date((seconds(last) + BUCKET) * 1000).toISOString()).slice(0, 5)}` : "no mail";
    return { head: since, shares: last ? "nothing in the last hour" : "none in the last 6 hours", quiet: true };
  }
  const shares = SERIES.map((one) => ({ ...one, ...total(one.signal) }))
    .filter((one) => one.x > 0 || one.signal === "deferral")
    .map((one) => `${one.label} ${percent(one.x, one.n)}`);
  return { head: `${number(tries)} tried in the last hour`, shares: shares.join(" · "), quiet: false };
}

/** Points by time for uPlot: undefined is spanned by the line, null breaks it. */
function align(points: SignalPoint[]): uPlot.AlignedData {
  const rows = new Map<number, (number | undefined | null)[]>();
  for (const point of points) {
    const series = SERIES.findIndex((one) => one.signal === point.signal);
    if (series < 0 || !point.n) continue;
    const row = rows.get(seconds(point)) ?? SERIES.map(() => undefined);
    row[series] = point.x / point.n;
    rows.set(seconds(point), row);
  }
  let before: number | undefined;
  for (const at of [...rows.keys()].sort((a, b) => a - b)) {
    if (before !== undefined && at - before > BREAK) rows.set(before + BUCKET, SERIES.map(() => null));
    before = at;
  }
  const times = [...rows.keys()].sort((a, b) => a - b);
  return [times, ...SERIES.map((_, index) => times.map((at) => rows.get(at)![index]))] as uPlot.AlignedData;
}
