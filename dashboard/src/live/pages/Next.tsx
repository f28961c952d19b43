import { useState } from "react";
import { ISP_NAME, targetName, type Ahead, type IspPage, type Prospect } from "../api";
import { Bullet } from "../charts/Bullet";
import { MARK } from "../charts/Lane";
import { share } from "../charts/scale";
import { lasting, when, words } from "../format";
import { Link } from "../router";

const NEAR = 6;
const INSIDE = ["warn", "hold_warmup", "step_down_warmup"];

/** What is in force and how it will end, and how far every rule is from acting, the nearest first. */
export function Next({ data }: { data: IspPage }) {
  const [all, setAll] = useState(false);
  const owner = data.agents.find((one) => one.state === "steered")?.reason.replace("steered by ", "");
  // where another provider's agents steer, its own agents turn nothing at the MTA: only what takes effect inside is theirs
  const sorted = data.prospects.filter((one) => !owner || INSIDE.includes(one.action)).sort((a, b) => b.way - a.way);
  const shown = all ? sorted : sorted.slice(0, NEAR);
  return (
    <>
      <section aria-labelledby="h-open">
        <h3 id="h-open">Open decisions</h3>
        {data.ahead.length === 0 ? <p className="empty">Nothing in force here and nothing proposed.</p> : (
          <ul className="plain-list">{data.ahead.map((one) => <li key={one.decision}><Open one={one} now={data.at} /></li>)}</ul>
        )}
      </section>
      <section aria-labelledby="h-next">
        <h3 id="h-next">What would happen next</h3>
        {owner && <p>{ISP_NAME[data.isp]}'s mail runs in {ISP_NAME[owner] ?? owner}'s queues: what is turned at the MTA is up to <Link to={`/isp/${owner}`}>{ISP_NAME[owner] ?? owner}'s agents</Link>. What the agents here find becomes a proposal to them.</p>}
        <p className="dim-line">How far each rule is from acting, at the place nearest to it.</p>
        <ul className="plain-list">{shown.map((one) => <li key={one.rule} data-prospect={one.rule}><Far one={one} /></li>)}</ul>
        {sorted.length > NEAR && <button type="button" className="plain" aria-expanded={all} onClick={() => setAll(!all)}>{all ? "the nearest only" : `all ${sorted.length} rules`}</button>}
      </section>
    </>
  );
}

function Open({ one, now }: { one: Ahead; now: string }) {
  const probe = one.probe;
  const left = Math.round((Date.parse(one.until) - Date.parse(now)) / 60000);
  return (
    <>
      <Link to={`/decision/${one.decision}`} className={`action action-${one.action}`}><span aria-hidden="true">{MARK[one.action]}</span> {words(one.action)} {targetName(one)}</Link>{" "}
      <span className={`status status-${one.status}`}>{one.status}</span>
      {probe ? (
        <>
          <p className="dim-line">probe {probe.id}: {probe.x} of {probe.n} not accepted so far. {one.then}</p>
          <Balance weight={probe.weight} accept={probe.accept} verdict={probe.verdict} />
        </>
      ) : <p className="dim-line">{left > 0 ? <>until {when(one.until, now)}, in {lasting(left * 60)}; then {one.then}</> : <>its time was over at {when(one.until, now)}; {one.then}</>}</p>}
    </>
  );
}

/** Wald's test as a balance: it tips to the left (accepted) or to the right (refused). */
function Balance({ weight, accept, verdict }: { weight: number; accept: number; verdict: string | null }) {
  const at = Math.max(-1, Math.min(1, weight / accept));
  return (
    <svg className="balance" width="220" height="26" role="img" aria-label={`probe: ${verdict ?? "not decided"}; ${Math.round(100 * Math.abs(at))} % of the way to ${at < 0 ? "accepted" : "refused"}`}>
      <line className="axis" x1="50" x2="170" y1="9" y2="9" /><line className="tick" x1="110" x2="110" y1="4" y2="14" />
      <circle cx={110 + 60 * at} cy="9" r="5" className={at <= 0 ? "to-good" : "to-bad"} />
      <text x="46" y="12" textAnchor="end">release</text><text x="174" y="12">hold</text>
    </svg>
  );
}

const figure = (one: { what: string }, value: number): string => (/share|rate/.test(one.what) ? share(value) : String(value));

function Far({ one }: { one: Prospect }) {
  return (
    <>
      <div className="far-head">
        <span><span aria-hidden="true">{MARK[one.action]}</span> <b>{words(one.action)}</b>{one.parameters.factor !== undefined && ` × ${one.parameters.factor}`} <small>for {lasting(one.lifetime_s)} · {one.agent}</small></span>
        <small className="mono">{one.rule}</small>
      </div>
      <p className="dim-line">{one.says}{one.scope_type !== "isp" && one.scope && <> · {one.scope_type === "ip" || one.scope_type === "cold" ? <Link to={`/ip/${one.scope}`} className="mono">{one.scope}</Link> : <span className="mono">{one.scope}</span>}{one.places > 1 && `, the nearest of ${one.places}`}</>}</p>
      {one.measures.map((measure) => (
        <Bullet key={measure.what} way={measure.way} calm={one.way < 0.5} label={`${one.rule}: ${measure.what === "S" ? "alarm" : measure.what}`} text={measure.what === "S" ? `alarm at ${measure.have} of ${measure.need} points` : `${measure.what} ${figure(measure, measure.have)} of ${figure(measure, measure.need)}`} />
      ))}
      {one.note && <p className="dim-line"><small>{one.note}</small></p>}
    </>
  );
}
