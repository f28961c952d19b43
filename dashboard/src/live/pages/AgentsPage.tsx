import { useState } from "react";
import { call, ISPS, ISP_NAME, items, KINDS, MODES, type AgentRow, type Governance } from "../api";
import { Agents } from "../Agents";
import { when } from "../format";
import { useAction, usePoll } from "../hooks";

const MEANS: Record<string, string> = {
  observe: "decides and records, does nothing", shadow: "as observe, and writes down what it would send",
  approve: "asks a person, with a deadline", act: "does it",
};
const isp_of = (isp: string | null): string => (isp ? ISP_NAME[isp] ?? isp : "every provider");

/** The grid of the 48, how far each may go, and the stops. */
export function AgentsPage({ now, governance, error, isp }: { now: string | undefined; governance: Governance | null; error: string | null; isp: string | null }) {
  const rows = usePoll(() => items<AgentRow>("agents"), 2);
  return (
    <>
      <div className="page-head"><h2 className="page-title" tabIndex={-1}>Agents</h2></div>
      {governance?.host_unread && <p className="trouble" role="status" data-host-unread><span aria-hidden="true">▲</span> The host's answers cannot be read ({governance.host_unread}): its agents only <b>observe</b>, whatever mode stands below, and nothing is sent. <code>ignite check</code> says what is missing.</p>}
      <section aria-label="The 48 agents"><Agents rows={rows.data} now={now} modes /></section>
      {!governance ? <p className={error ? "empty trouble" : "empty skeleton"} role="status">{error ?? "Loading modes and stops…"}</p> : (
        <div className="columns">
          <Modes governance={governance} now={now} first={isp ?? ""} />
          <Stops governance={governance} now={now} first={isp ?? ""} />
        </div>
      )}
    </>
  );
}

function Modes({ governance, now, first }: { governance: Governance; now: string | undefined; first: string }) {
  const [agent, setAgent] = useState("");
  const [isp, setIsp] = useState(first);
  const [mode, setMode] = useState("approve");
  const [reason, setReason] = useState("");
  const [said, setSaid] = useState("");
  const action = useAction();
  const put = async (body: { agent: string | null; isp: string | null; mode: string | null; reason: string }, word: string) => {
    setSaid("");
    if (await action.run(() => call("PUT", "governance/modes", body))) { setSaid(word); setReason(""); }
  };
  return (
    <section aria-labelledby="h-modes" className="sideways">
      <h3 id="h-modes">How far agents may go</h3>
      <p className="dim-line">Where nothing else is set: <b>{governance.default_mode}</b> ({MEANS[governance.default_mode] ?? ""}). The most specific line wins.</p>
      {governance.modes.length > 0 && (
        <table className="list"><thead><tr>{["agent", "provider", "mode", "by", "reason", ""].map((one) => <th key={one} scope="col">{one || <span className="visually-hidden">take back</span>}</th>)}</tr></thead>
          <tbody>{governance.modes.map((one) => (
            <tr key={`${one.agent} ${one.isp}`}><td>{one.agent ?? "all six"}</td><td>{isp_of(one.isp)}</td><td><b>{one.mode}</b></td><td>{one.by} <small className="mono">{when(one.at, now)}</small></td><td className="wrap">{one.reason}</td>
              <td><button type="button" className="plain" disabled={action.busy} onClick={() => void put({ agent: one.agent, isp: one.isp, mode: null, reason: "taken back on the console" }, "Taken back.")}>take back</button></td></tr>
          ))}</tbody></table>
      )}
      <form className="form" onSubmit={(event) => { event.preventDefault(); void put({ agent: agent || null, isp: isp || null, mode, reason }, "Set."); }}>
        <label>agent<select value={agent} onChange={(event) => setAgent(event.target.value)}><option value="">all six</option>{KINDS.map((one) => <option key={one} value={one}>{one}</option>)}</select></label>
        <label>provider<select value={isp} onChange={(event) => setIsp(event.target.value)}><option value="">every provider</option>{ISPS.map((one) => <option key={one} value={one}>{ISP_NAME[one]}</option>)}</select></label>
        <label className="wide">mode<select value={mode} onChange={(event) => setMode(event.target.value)}>{MODES.map((one) => <option key={one} value={one}>{one}: {MEANS[one]}</option>)}</select></label>
        <label className="wide">reason<input value={reason} required maxLength={300} placeholder="kept with your name" onChange={(event) => setReason(event.target.value)} /></label>
        <button type="submit" className="button primary" disabled={action.busy}>Set mode</button>
        <p role="status" className={action.error ? "trouble" : "good"}>{action.busy ? "Asking the server…" : action.error ?? said}</p>
      </form>
    </section>
  );
}

function Stops({ governance, now, first }: { governance: Governance; now: string | undefined; first: string }) {
  const [isp, setIsp] = useState(first);
  const [reason, setReason] = useState("");
  const [said, setSaid] = useState("");
  const action = useAction();
  const ask = async (what: "stop" | "resume", where: string | null, why: string) => {
    setSaid("");
    if (await action.run(() => call("POST", `governance/${what}`, { isp: where, reason: why }))) { setSaid(what === "stop" ? "Stopped." : "Resumed."); setReason(""); }
  };
  return (
    <section aria-labelledby="h-stops">
      <h3 id="h-stops">Stop the agents</h3>
      <p className="dim-line">A stop: no new action at the MTA. What is in force stays as it is; agents go on recording what they would do.</p>
      {governance.stops.length === 0 ? <p className="empty">Nothing is stopped.</p> : (
        <ul className="plain-list">{governance.stops.map((one) => (
          <li key={one.isp ?? "all"}><b className="trouble"><span aria-hidden="true">■</span> stopped {one.isp ? `at ${isp_of(one.isp)}` : "everywhere"}</b> by {one.by} <span className="mono">{when(one.at, now)}</span>: {one.reason}{" "}
            <button type="button" className="button" disabled={action.busy} onClick={() => void ask("resume", one.isp, "resumed on the console")}>Resume {one.isp ? isp_of(one.isp) : "everywhere"}</button></li>
        ))}</ul>
      )}
      <form className="form" onSubmit={(event) => { event.preventDefault(); void ask("stop", isp || null, reason); }}>
        <label>where<select value={isp} onChange={(event) => setIsp(event.target.value)}><option value="">everywhere</option>{ISPS.map((one) => <option key={one} value={one}>{ISP_NAME[one]}</option>)}</select></label>
        <label className="wide">reason<input value={reason} required maxLength={300} placeholder="kept with your name" onChange={(event) => setReason(event.target.value)} /></label>
        <button type="submit" className="button danger" disabled={action.busy}>Stop</button>
        <p role="status" className={action.error ? "trouble" : "good"}>{action.busy ? "Asking the server…" : action.error ?? said}</p>
      </form>
    </section>
  );
}
