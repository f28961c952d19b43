import { useEffect, useRef } from "react";
import { ISP_NAME, items, targetName, whyOf, type AgentRow, type Decision, type Rule } from "./api";
import { clock, lasting, number, when, words } from "./format";
import { usePoll } from "./hooks";
import { Link } from "./router";

const LAST = 8;

/** One agent: how it stands and why, what it goes by, and what it decided last. Escape closes it. */
export function AgentPanel({ kind, isp, row, now, close }: {
  kind: string; isp: string; row: AgentRow | undefined; now: string | undefined; close: () => void;
}) {
  const path = `decisions?isp=${isp}&agent=${kind}&limit=${LAST}`;
  const rules = usePoll(() => items<Rule>("rules"), 600);
  const decisions = usePoll(() => items<Decision>(path), 3, path);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => { button.current?.focus(); }, []);
  const own = rules.data?.filter((rule) => rule.agent === kind);
  const name = `${kind} agent, ${ISP_NAME[isp]}`;
  return (
    <section className="panel" aria-label={name} onKeyDown={(event) => { if (event.key === "Escape") close(); }}>
      <header>
        <h3>{name}</h3>
        <button ref={button} type="button" className="plain" onClick={close}>close</button>
      </header>
      {row ? (
        <dl>
          <dt>state</dt><dd><b>{words(row.state)}</b>{row.state === "steered" && ": its mail runs in another provider's queues; what it would ask for goes to that provider's agent as a proposal"}</dd>
          <dt>why</dt><dd>{whyOf(row)}</dd>
          <dt>mode</dt><dd>{row.mode}{row.mode === "observe" && ": decides and records, sends nothing"}</dd>
          <dt>evaluated</dt><dd>{number(row.evaluations)} times, last {clock(row.evaluated_at)}</dd>
        </dl>
      ) : <p className="empty">It has not evaluated yet: it starts with the first accounting record.</p>}
      <h4>goes by</h4>
      {kind === "suppression" ? <p>Replies that say that an address is dead or must not be mailed: one decision for each reply rule.</p> : !own ? <p className={rules.error ? "trouble" : "skeleton"}>{rules.error ?? "Loading…"}</p> : (
        <ul>{own.map((rule) => (
          <li key={rule.id}>{rule.says}: <b>{words(rule.action)}</b>{rule.parameters.factor !== undefined && ` × ${rule.parameters.factor}`} for {lasting(rule.lifetime_s)} <small className="mono">{rule.id}</small></li>
        ))}</ul>
      )}
      <h4>last decisions</h4>
      {!decisions.data ? <p className={decisions.error ? "trouble" : "skeleton"}>{decisions.error ?? "Loading…"}</p> : decisions.data.length === 0 ? <p>None yet.</p> : (
        <ul>{decisions.data.map((one) => (
          <li key={one.id}><span className="mono">{when(one.at, now)}</span> <Link to={`/decision/${one.id}`}>{words(one.action)} {targetName(one)}</Link>: {one.reason} <small>{one.status}</small></li>
        ))}</ul>
      )}
    </section>
  );
}
