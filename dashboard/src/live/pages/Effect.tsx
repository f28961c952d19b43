import type { Command, Decision, IspPage, Series } from "../api";
import { roundUp, seconds, share } from "../charts/scale";
import { TimeChart, type Moment } from "../charts/TimeChart";
import { clock, number, words } from "../format";

const HOUR = 3600;
const NAME: Record<string, string> = { deferral: "deferred", refusal: "refused", bounce: "dead addresses", complaint: "complaints" };
const TOKEN: Record<string, string> = { deferral: "--series-deferral", refusal: "--series-refusal", bounce: "--series-bounce", complaint: "--series-complaint" };
/** What each agent looks at; its decision is seen in these. */
const WATCHED: Record<string, string[]> = {
  throttle: ["deferral", "refusal"], pool: ["refusal", "deferral"], warmup: ["deferral", "bounce"],
  emergency: ["bounce", "refusal"], reputation: ["complaint", "refusal"], suppression: ["bounce"],
};

/** Shares before, under and after a decision, with the moments at which it was taken, reached the MTA and ended. */
export function Effect({ row, page, begin, end, commands }: { row: Decision; page: IspPage; begin: number; end: number; commands: Command[] }) {
  const at = seconds(row.at);
  const over = row.ended_at ? seconds(row.ended_at) : end;
  const applied = commands.filter((one) => one.exit_status === 0 && one.finished_at).map((one) => seconds(one.finished_at!)).sort((a, b) => a - b)[0];
  const moments: Moment[] = [
    { at, label: "decided", token: "--hold" },
    ...(applied ? [{ at: applied, label: "at the MTA", token: "--accent" }] : []),
    ...(row.ended_at ? [{ at: over, label: "ended", token: "--good" }] : []),
  ];
  const shown = page.series.filter((one) => (WATCHED[row.agent] ?? ["deferral"]).includes(one.signal));
  if (!shown.some((one) => one.points.length)) return <p className="empty">No mail was counted there around it, or its points are older than the 90 days for which they are kept.</p>;
  return (
    <>
      <p className="legend small-legend">
        {moments.map((one) => <span key={one.label}><svg width="12" height="12" aria-hidden="true"><line x1="6" x2="6" y1="0" y2="12" className="moment" style={{ stroke: `var(${one.token})` }} /></svg>{one.label} {clock(new Date(one.at * 1000).toISOString())}</span>)}
      </p>
      {shown.map((one, i) => <One key={one.signal} one={one} begin={begin} end={end} gap={page.bucket_s} at={at} over={over} moments={moments} axis={i === shown.length - 1} ended={row.ended_at !== null} />)}
      <p className="dim-line">Shares of the provider's first attempts in points of {page.bucket_s / 60} minutes{row.target_type === "isp" ? "" : `; the ${words(row.target_type)} itself is one part of them`}.</p>
    </>
  );
}

function One({ one, begin, end, gap, at, over, moments, axis, ended }: {
  one: Series; begin: number; end: number; gap: number; at: number; over: number; moments: Moment[]; axis: boolean; ended: boolean;
}) {
  const dots = one.points.filter(([, n]) => n > 0).map(([time, n, x]) => ({ at: seconds(time), y: x / n, said: `${clock(time).slice(0, 5)} ${share(x / n)} (${number(x)} of ${number(n)})` }));
  const total = (from: number, to: number) => one.points.reduce(
    (sum, [time, n, x]) => (seconds(time) >= from && seconds(time) < to ? { n: sum.n + n, x: sum.x + x } : sum), { n: 0, x: 0 },
  );
  const parts: [string, { n: number; x: number }][] = [
    ["hour before", total(at - HOUR, at)], [ended ? "under it" : "since", total(at, over)], ...(ended ? [["after", total(over, end)] as [string, { n: number; x: number }]] : []),
  ];
  const max = Math.min(1, roundUp(Math.max(one.signal === "refusal" ? 0.02 : one.p1 * 1.25, ...dots.map((dot) => dot.y))));
  const said = parts.map(([name, { n, x }]) => `${name} ${n ? share(x / n) : "no mail"}`).join(", ");
  return (
    <TimeChart label={`${NAME[one.signal]}: ${said}`} begin={begin} end={end} gap={gap} max={max} axis={axis} height={axis ? 104 : 92} format={share} moments={moments}
      band={one.signal === "refusal" ? undefined : { from: one.p0, to: one.p1, low: `tolerated up to ${share(one.p0)}`, high: `found from ${share(one.p1)}` }}
      lines={[{ name: one.signal, token: TOKEN[one.signal]!, dots }]}
      caption={<span className="chart-head"><b>{NAME[one.signal]}</b> {parts.map(([name, { n, x }]) => <span key={name}>{name} <b>{n ? share(x / n) : "no mail"}</b>{n > 0 && <small> of {number(n)}</small>}</span>)}</span>} />
  );
}
