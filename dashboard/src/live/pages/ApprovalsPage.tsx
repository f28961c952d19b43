import { get, ISP_NAME, items, limitOf, targetName, type Decision, type Governance, type Policy } from "../api";
import { Evidence } from "../charts/Evidence";
import { MARK } from "../charts/Lane";
import { dated, when, words } from "../format";
import { usePoll } from "../hooks";
import { Link } from "../router";
import { ActForm } from "./ActForm";
import { Settle } from "./Settle";

/** What waits for a person, each with its evidence and its deadline; and a decision of one's own. */
export function ApprovalsPage({ now, governance }: { now: string | undefined; governance: Governance | null }) {
  const waiting = usePoll(() => items<Decision>("decisions?awaiting=true&limit=100"), 1.5);
  const recent = usePoll(() => items<Decision>("decisions?limit=200"), 5);
  const policy = usePoll(() => get<Policy>("policy"), 600);
  const settled = (recent.data ?? []).filter((one) => one.by).slice(0, 12);
  const approving = governance && (governance.default_mode === "approve" || governance.modes.some((one) => one.mode === "approve"));
  return (
    <>
      <div className="page-head"><h2 className="page-title" tabIndex={-1}>Approvals</h2></div>
      <div className="split">
        <section aria-labelledby="h-waiting">
          <h3 id="h-waiting">Waiting for a person</h3>
          {!waiting.data ? <p className={waiting.error ? "trouble" : "skeleton"} role="status">{waiting.error ?? "Loading what waits…"}</p>
            : waiting.data.length === 0 ? (
              <p className="empty">Nothing waits. {approving ? "What agents in mode approve want will appear here, with a deadline."
                : <>No agent is in mode approve: set it under <Link to="/agents">Agents</Link> to be asked before something is done.</>}</p>
            ) : waiting.data.map((row) => <Waiting key={row.id} row={row} limit={limitOf(policy.data, row)} now={now} />)}
        </section>
        <div className="side">
          <ActForm />
          <section aria-labelledby="h-settled">
            <h3 id="h-settled">Decided by people lately</h3>
            {settled.length === 0 ? <p className="empty">Nobody has decided anything among the last 200 decisions.</p> : (
              <ul className="plain-list">{settled.map((one) => (
                <li key={one.id}><span className="mono">{when(one.at, now)}</span> <Link to={`/decision/${one.id}`} className={`action action-${one.action}`}>{words(one.action)} {targetName(one)}</Link> <span className="status">{one.status}</span>
                  <p className="dim-line">by <b>{one.by}</b>{one.person_reason && `: ${one.person_reason}`}</p></li>
              ))}</ul>
            )}
          </section>
        </div>
      </div>
    </>
  );
}

function Waiting({ row, limit, now }: { row: Decision; limit: number | undefined; now: string | undefined }) {
  return (
    <article className="waiting" data-waiting={row.id} aria-labelledby={`w-${row.id}`}>
      <h4 id={`w-${row.id}`}><Link to={`/decision/${row.id}`} className={`action action-${row.action}`}><span aria-hidden="true">{MARK[row.action]}</span> {words(row.action)} {targetName(row)}</Link>{" "}
        <small>{row.isp ? ISP_NAME[row.isp] : "whole host"} · {row.agent} agent · asked {dated(row.at)}</small></h4>
      <div className="waiting-body">
        <div><p>{row.reason}</p><Evidence row={row} limit={limit} /></div>
        <Settle row={row} now={now} standing={false} compact />
      </div>
    </article>
  );
}
