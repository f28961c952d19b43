import { useState } from "react";
import { get, ISPS, ISP_NAME, type IspPage as Data, type Prospect, type Series } from "../api";
import { Bullet } from "../charts/Bullet";
import { Lane } from "../charts/Lane";
import { roundUp, seconds, share } from "../charts/scale";
import { TimeChart, type Dot } from "../charts/TimeChart";
import { clock, number, percent } from "../format";
import { usePoll } from "../hooks";
import { Link } from "../router";
import { Next } from "./Next";
import { ProviderAgents } from "./ProviderAgents";

const KINDS: Record<string, { name: string; means: string; token: string; dash?: string }> = {
  deferral: { name: "deferred", means: "4xx, try later", token: "--series-deferral" },
  refusal: { name: "refused", means: "5xx about us", token: "--series-refusal", dash: "9 3" },
  bounce: { name: "dead addresses", means: "5xx about the recipient", token: "--series-bounce", dash: "5 3" },
  complaint: { name: "complaints", means: "of delivered mail", token: "--series-complaint", dash: "2 3" },
};
const SPANS: [hours: number, name: string][] = [[6, "6 hours"], [24, "24 hours"], [168, "7 days"], [720, "30 days"], [2160, "90 days"]];
const HOUR = 3600;

function placeName(of: string): string {
  const [kind, ...name] = of.split("/");
  return `${kind === "ip" ? "address" : kind} ${name.join("/")}`;
}

/** One provider: what was counted over time and where its alarms stand, what was decided, and what would come next. */
export function IspPage({ isp }: { isp: string }) {
  const [hours, setHours] = useState(24);
  const [place, setPlace] = useState({ isp, of: "" });
  const of = place.isp === isp ? place.of : "";
  const path = `isps/${isp}?hours=${hours}${of ? `&of=${encodeURIComponent(of)}` : ""}`;
  const { data, error } = usePoll(() => get<Data>(path), hours > 24 ? 10 : 3, path);
  const shown = data?.isp === isp && data.of === of ? data : null;
  return (
    <>
      <div className="page-head">
        <h2 className="page-title" tabIndex={-1}>{ISP_NAME[isp] ?? isp}</h2>
        <nav className="tabs" aria-label="Providers">
          {ISPS.map((one) => <Link key={one} to={`/isp/${one}`} aria-current={one === isp ? "page" : undefined}>{ISP_NAME[one]}</Link>)}
        </nav>
        <label className="span">of{" "}
          <select aria-label="of which mail" value={of} onChange={(event) => setPlace({ isp, of: event.target.value })}>
            <option value="">all its mail</option>
            {[...new Set([...(of ? [of] : []), ...(data?.isp === isp ? data.places : [])])].map((one) => <option key={one} value={one}>{placeName(one)}</option>)}
          </select>
        </label>
        <label className="span">span{" "}
          <select value={hours} onChange={(event) => setHours(Number(event.target.value))}>
            {SPANS.map(([of, name]) => <option key={of} value={of}>{name}</option>)}
          </select>
        </label>
      </div>
      {!shown ? <p className={error ? "empty trouble" : "empty skeleton"} role="status">{error ?? `Loading ${ISP_NAME[isp] ?? isp}…`}</p> : (
        <div className="split">
          <div className="main-column">
            <Over data={shown} hours={hours} widen={() => setHours(168)} />
            <ProviderAgents rows={shown.agents} isp={isp} />
          </div>
          <div className="side"><Next data={shown} /></div>
        </div>
      )}
    </>
  );
}

function Over({ data, hours, widen }: { data: Data; hours: number; widen: () => void }) {
  const now = seconds(data.at);
  const times = data.series.flatMap((one) => one.points.map(([at]) => seconds(at)));
  const first = Math.min(...times, ...data.decisions.map((one) => seconds(one.at)), now - HOUR);
  const begin = Math.max(seconds(data.since), first);
  const untils = data.ahead.map((one) => seconds(one.until));
  const end = Math.max(now + (now - begin) * 0.02, Math.min(Math.max(now, ...untils), now + (now - begin) / 5));
  const moment = [{ at: now, label: `now, ${clock(data.at)}`, token: "--dim" }];
  const volume = data.series.find((one) => one.signal === "deferral")?.points ?? [];
  const most = roundUp(Math.max(1, ...volume.map(([, n]) => n)));
  const minutes = data.bucket_s / 60;
  return (
    <section aria-labelledby="h-over" className="over">
      <h3 id="h-over">Signals and decisions over time</h3>
      <Lane decisions={data.decisions} begin={begin} end={end} now={now} name="Decisions over time, each a link" />
      {times.length === 0 ? (
        <p className="empty">No mail {data.of ? `of ${placeName(data.of)} ` : ""}to {ISP_NAME[data.isp]} in the last {hours} hours of business time.{" "}
          {hours < 168 ? <button type="button" className="plain" onClick={widen}>look back 7 days</button> : "Points are kept for 90 days; schedule a campaign to see new ones."}</p>
      ) : (
        <>
          <p className="legend small-legend">
            <span><svg width="18" height="10" aria-hidden="true"><rect className="band" width="18" height="10" /></svg>above what is tolerated, not yet proof</span>
            <span><svg width="18" height="10" aria-hidden="true"><rect className="band-over" width="18" height="10" /></svg>what the alarm is tuned to find</span>
            <span>One point for {minutes} minutes, first attempts. The alarm adds up evidence in points: each event raises it, each message without one lowers it.</span>
          </p>
          {data.series.map((one) => <SignalChart key={one.signal} one={one} isp={data.isp} of={data.of} alarms={data.prospects.filter((rule) => rule.test === "cusum" && rule.signal === one.signal)} begin={begin} end={end} gap={data.bucket_s} moments={moment} />)}
          <TimeChart label="First attempts over time" begin={begin} end={end} gap={data.bucket_s} max={most} height={70} axis moments={moment} format={(y) => number(Math.round(y))}
            caption={<span><b>first attempts</b> <small>per {minutes} minutes</small></span>}
            lines={[{ name: "attempts", token: "--dim", bars: true, dots: volume.map(([at, n]) => ({ at: seconds(at), y: n, said: `${clock(at).slice(0, 5)} ${number(n)} attempts` })) }]} />
        </>
      )}
    </section>
  );
}

const SILENT = ["gmail", "apple"];

/** The alarm of a signal: the provider's own, else the nearest one of an address or a job. */
function alarmOf(one: Series, of: string, alarms: Prospect[]): { way: number; text: string } | null {
  if (of) return of.startsWith("queue/") ? null : { way: one.s / one.alarm, text: `alarm at ${one.s} of ${one.alarm} points` };
  if (alarms.some((rule) => rule.scope_type === "isp")) return { way: one.s / one.alarm, text: `alarm at ${one.s} of ${one.alarm} points` };
  const nearest = alarms.filter((rule) => rule.measures.length > 0).sort((a, b) => b.way - a.way)[0];
  const s = nearest?.measures[0];
  return nearest && s ? { way: s.way, text: `alarm of ${nearest.scope_type === "ip" ? "address" : nearest.scope_type} ${nearest.scope} at ${s.have} of ${s.need} points` } : null;
}

function SignalChart({ one, isp, of, alarms, begin, end, gap, moments }: {
  one: Series; isp: string; of: string; alarms: Prospect[]; begin: number; end: number; gap: number; moments: { at: number; label: string; token: string }[];
}) {
  const kind = KINDS[one.signal]!;
  const dots: Dot[] = one.points.filter(([, n]) => n > 0).map(([at, n, x]) => ({ at: seconds(at), y: x / n, said: `${clock(at).slice(0, 5)} ${share(x / n)} (${number(x)} of ${number(n)})` }));
  const total = one.points.reduce((sum, [, n, x]) => ({ n: sum.n + n, x: sum.x + x }), { n: 0, x: 0 });
  if (one.signal === "complaint" && SILENT.includes(isp) && total.x === 0) {
    return <p className="no-signal"><b>{kind.name}</b> no signal: {ISP_NAME[isp]} reports no single complaint. A rate it reports by other ways can be imported with <code>ignite signals import</code>.</p>;
  }
  const alarm = alarmOf(one, of, alarms);
  const max = Math.min(1, roundUp(Math.max(alarms.length ? one.p1 * 1.25 : 0.02, ...dots.map((dot) => dot.y))));
  return (
    <>
    <TimeChart label={`${kind.name}: ${number(total.x)} of ${number(total.n)} in this span${alarms.length ? `, tolerated up to ${share(one.p0)}` : ""}${alarm ? `; ${alarm.text}` : ""}`}
      begin={begin} end={end} gap={gap} max={max} format={share} moments={moments}
      band={alarms.length ? { from: one.p0, to: one.p1, low: `tolerated up to ${share(one.p0)}`, high: `found from ${share(one.p1)}` } : undefined}
      lines={[{ name: kind.name, token: kind.token, dash: kind.dash, dots }]}
      caption={<span className="chart-head"><b>{kind.name}</b> <small>{kind.means}</small> <span>{percent(total.x, total.n)} <small>of {number(total.n)}</small></span> {alarm ? <Bullet way={alarm.way} label={`alarm of ${kind.name}`} text={alarm.text} /> : <small className="dim-line">{of ? "no alarm runs for a queue" : alarms.length ? "nothing counted for its alarm yet" : "no rule adds these up: what the replies say decides"}</small>}</span>} />
    {alarms.length > 0 && <AlarmChart one={one} name={kind.name} token={kind.token} begin={begin} end={end} gap={gap} moments={moments} />}
    </>
  );
}

/** The alarm itself: the highest S of each bucket against the limit that was in force there. Nothing is drawn where it never rose. */
function AlarmChart({ one, name, token, begin, end, gap, moments }: {
  one: Series; name: string; token: string; begin: number; end: number; gap: number; moments: { at: number; label: string; token: string }[];
}) {
  const stood = one.points.flatMap(([at, , , s, h]) => (s === null || h === null ? [] : [{ at: seconds(at), text: clock(at).slice(0, 5), s, h }]));
  if (stood.every((point) => point.s === 0)) return null;
  const highest = stood.reduce((most, point) => (point.s / point.h > most.s / most.h ? point : most));
  const over = stood.filter((point) => point.s >= point.h).length;
  const max = roundUp(Math.max(...stood.map((point) => Math.max(point.s, point.h * 1.1))));
  return (
    <TimeChart label={`Alarm of ${name}: at most ${highest.s} of ${highest.h} points in this span${over ? `, at its limit in ${over} of ${stood.length}` : ", never at its limit"}`}
      begin={begin} end={end} gap={gap} max={max} height={64} moments={moments} format={(y) => number(Math.round(y))}
      lines={[
        { name: "points", token, dots: stood.map((point) => ({ at: point.at, y: point.s, said: `${point.text} ${point.s} of ${point.h} points` })) },
        { name: "limit", token: "--alarm", dash: "4 3", dots: stood.map((point) => ({ at: point.at, y: point.h, said: "" })) },
      ]}
      caption={<span className="chart-head"><small>alarm of {name}: points against the limit (dashed); highest {highest.s} of {highest.h}{over ? `, at it in ${over} of ${stood.length}` : ""}</small></span>} />
  );
}
