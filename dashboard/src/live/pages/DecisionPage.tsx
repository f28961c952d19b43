import { useState } from "react";
import { get, isPersons, ISP_NAME, items, limitOf, targetName, type Command, type Decision, type DecisionMark, type IspPage, type Policy } from "../api";
import { Evidence } from "../charts/Evidence";
import { MARK } from "../charts/Lane";
import { seconds } from "../charts/scale";
import { lasting, when, words } from "../format";
import { usePoll } from "../hooks";
import { Link, targetPath } from "../router";
import { Commands } from "./Commands";
import { Effect } from "./Effect";
import { Rates } from "./Rates";
import { Settle } from "./Settle";

const STANDING = ["approved", "applied", "verified", "failed"];
const HOUR = 3600;

/** One decision as a story: why, on what evidence, what was sent for it, what came of it, and how to undo it. */
export function DecisionPage({ id, now, pushed }: { id: number; now: string | undefined; pushed: number }) {
  const path = `decisions/${id}`;
  const { data: row, error } = usePoll(() => get<Decision>(path), 2, path);
  const commands = usePoll(() => items<Command>(`${path}/commands`), 3, path);
  const [turn, setTurn] = useState(0); // how often a person has said something here
  const policy = usePoll(() => get<Policy>("policy"), 600, String(pushed));
  if (!row || row.id !== id) {
    return (
      <>
        <div className="page-head"><h2 className="page-title" tabIndex={-1}>Decision {id}</h2></div>
        <p className={error ? "empty trouble" : "empty skeleton"} role="status">{error ? <>{error}. <Link to="/">Look through all decisions</Link> on the live page.</> : "Loading the decision…"}</p>
      </>
    );
  }
  const limit = limitOf(policy.data, row);
  const place = targetPath(row.target_type, row.target);
  return (
    <>
      <div className="page-head">
        <h2 className={`page-title action-${row.action}`} tabIndex={-1}>
          <span aria-hidden="true">{MARK[row.action]}</span> {words(row.action)} {place ? <Link to={place}>{targetName(row)}</Link> : targetName(row)}
        </h2>
        <span className={`tag status-${row.status}`}>{row.status}</span>
        <span className="dim-line">decision {row.id} · {isPersons(row) ? <>by <b>{row.by}</b></> : `${row.agent} agent`} · {row.isp ? <Link to={`/isp/${row.isp}`}>{ISP_NAME[row.isp]}</Link> : "whole host"} · rule <span className="mono">{row.rule}</span> · mode {row.mode}</span>
      </div>
      <div className="split">
        <div className="main-column">
          <section aria-labelledby="h-why">
            <h3 id="h-why">Why</h3>
            <p className="why">{row.reason}</p>
            <Life row={row} now={now} />
          </section>
          <section aria-labelledby="h-evidence"><h3 id="h-evidence">Evidence</h3><Evidence row={row} limit={limit} /></section>
          {row.action === "throttle" && <Rates id={row.id} row={row} now={now} />}
          {row.isp && now && <Around row={row} now={now} commands={commands.data} />}
        </div>
        <div className="side">
          <Settle row={row} now={now} standing={STANDING.includes(row.status) && !row.ended_at} done={() => setTurn(turn + 1)} />
          <Related row={row} now={now} turn={turn} />
          <section aria-labelledby="h-sent"><h3 id="h-sent">Command sent, and what was read back</h3><Commands row={row} commands={commands.data} error={commands.error} now={now} /></section>
        </div>
      </div>
    </>
  );
}

function Life({ row, now }: { row: Decision; now: string | undefined }) {
  const from = Date.parse(row.at);
  const until = Date.parse(row.until);
  const over = row.ended_at ? Date.parse(row.ended_at) : now ? Date.parse(now) : until;
  const gone = Math.min(1, Math.max(0, (over - from) / Math.max(1, until - from)));
  const left = now ? Math.round((until - Date.parse(now)) / 60000) : 0;
  return (
    <>
      {until > from && <progress className="life" max={1} value={gone} aria-label="how much of its life is over" />}
      <p className="dim-line">
        {when(row.at, now)}{until > from && <> until {when(row.until, now)}</>}
        {until <= from ? "" : row.ended_at ? `, ended ${when(row.ended_at, now)}` : left > 0 ? `, ${lasting(left * 60)} left` : ", its time is over"}
        {row.status_note && <> · {row.status_note}</>}
        {row.by && <> · by <b>{row.by}</b>{row.person_reason && row.person_reason !== row.reason && `: ${row.person_reason}`}</>}
      </p>
      {Object.keys(row.parameters).length > 0 && <p className="dim-line">{asks(row)}</p>}
    </>
  );
}

const SHOWN: [key: string, say: (value: number) => string][] = [
  ["factor", (value) => `× ${+value.toFixed(2)} of the rate`], ["rate_per_min", (value) => `${+value.toFixed(1)} messages a minute`],
  ["rate_per_hour", (value) => `${+value.toFixed(0)} messages an hour`], ["messages", (value) => `${value} messages as a probe`],
  ["accepted_per_min", (value) => `${+value.toFixed(1)} a minute were accepted at the first cut`],
];
/** What a decision asks for, without the controller's memory. */
function asks(row: Decision): string {
  if (row.action === "set_mode") {
    const { agent, mode } = row.parameters;
    return `${agent ? `${agent} agent` : "all six agents"}, ${row.isp ? ISP_NAME[row.isp] : "every provider"}: ${mode ? `mode ${mode}` : "its own line is taken back"}`;
  }
  const said = SHOWN.flatMap(([key, say]) => (typeof row.parameters[key] === "number" ? [say(row.parameters[key] as number)] : []));
  return said.length ? `asks for ${said.join(", ")}` : "";
}

/** The provider's signals from an hour before the decision to an hour behind its end. */
function Around({ row, now, commands }: { row: Decision; now: string; commands: Command[] | null }) {
  const from = seconds(row.at) - HOUR;
  const to = Math.min(seconds(now), seconds(row.ended_at ?? now) + HOUR);
  const end = row.ended_at ? to : Math.ceil(to / 60) * 60; // while it stands a new minute reads anew
  const path = `isps/${row.isp}?hours=${((end - from) / HOUR).toFixed(3)}&to=${new Date(end * 1000).toISOString()}`;
  const page = usePoll(() => get<IspPage>(path), 30, path);
  return (
    <section aria-labelledby="h-effect">
      <h3 id="h-effect">Effect seen at {ISP_NAME[row.isp!]}</h3>
      {!page.data ? <p className={page.error ? "trouble" : "skeleton"} role="status">{page.error ?? "Loading the signals around it…"}</p>
        : <Effect row={row} page={page.data} begin={from} end={end} commands={commands ?? []} />}
    </section>
  );
}

/** What it undoes, and what undid it. */
function Related({ row, now, turn }: { row: Decision; now: string | undefined; turn: number }) {
  const path = `decisions?limit=200${row.isp ? `&isp=${row.isp}` : ""}&agent=${row.agent}`;
  const { data } = usePoll(() => items<DecisionMark>(path), 5, `${path} ${turn}`);
  const root = row.undoes ?? row.id;
  const family = (data ?? []).filter((one) => one.id !== row.id && (one.id === root || one.undoes === root)).sort((a, b) => a.id - b.id);
  if (!family.length && row.undoes === null) return null;
  return (
    <section aria-labelledby="h-related">
      <h3 id="h-related">Before and after</h3>
      <ul className="plain-list">
        {!family.some((one) => one.id === root) && row.undoes !== null && <li><Link to={`/decision/${row.undoes}`}>decision {row.undoes}</Link>, which this is about</li>}
        {family.map((one) => (
          <li key={one.id}><span className="mono">{when(one.at, now)}</span> <Link to={`/decision/${one.id}`} className={`action action-${one.action}`}>{words(one.action)} {targetName(one)}</Link> <span className="status">{one.status}</span>
            <p className="dim-line">{one.status_note ?? one.reason}</p></li>
        ))}
      </ul>
    </section>
  );
}
