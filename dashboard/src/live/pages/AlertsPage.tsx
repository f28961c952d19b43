import { get, ISP_NAME, type Alert, type Page } from "../api";
import { dated, lasting, when, words } from "../format";
import { usePoll } from "../hooks";
import { Link } from "../router";

const SHOWN = 200;

/** What operators are told: what lasts on top, then what is over. */
export function AlertsPage({ now }: { now: string | undefined }) {
  const { data, error } = usePoll(() => get<Page<Alert>>(`alerts?limit=${SHOWN}`), 5);
  const open = data?.items.filter((one) => !one.ended_at) ?? [];
  const over = data?.items.filter((one) => one.ended_at) ?? [];
  return (
    <>
      <div className="page-head"><h2 className="page-title" tabIndex={-1}>Alerts</h2></div>
      <section aria-labelledby="h-lasting">
        <h3 id="h-lasting">Lasting now</h3>
        {!data ? <p className={error ? "trouble" : "skeleton"} role="status">{error ?? "Loading the alerts…"}</p>
          : open.length === 0 ? <p className="empty">Nothing is wrong that IGNITE can see. It watches the logs' age and completeness, PMTA's totals, the clocks and the warm-up ladder; <code>alerts.webhook_url</code> or <code>alerts.email_to</code> tell you away from this page too.</p>
          : <Table rows={open} now={now} />}
      </section>
      {over.length > 0 && <section aria-labelledby="h-over-alerts"><h3 id="h-over-alerts">Over</h3><Table rows={over} now={now} />{data?.next != null && <p className="dim-line">the newest {SHOWN}; GET /api/v1/alerts has the rest of 90 days</p>}</section>}
    </>
  );
}

/** A subject as people write it: providers by their names, actions without underscores. */
const about = (subject: string): string => subject.split(" ").map((word) => ISP_NAME[word] ?? words(word)).join(" ") || "main host";

function Table({ rows, now }: { rows: Alert[]; now: string | undefined }) {
  return (
    <table className="list wide alerts">
      <thead><tr>{["", "kind", "about", "what", "since", "lasted"].map((one) => <th key={one} scope="col">{one || <span className="visually-hidden">state</span>}</th>)}</tr></thead>
      <tbody>{rows.map((one) => (
        <tr key={one.id} data-alert={one.id}>
          <td>{one.ended_at ? <span className="good"><span aria-hidden="true">✓</span> over</span> : <span className="trouble"><span aria-hidden="true">▲</span> open</span>}</td>
          <td>{words(one.kind)}</td><td className="mono about">{about(one.subject)}</td><td className="wrap">{one.text}</td>
          <td className="mono">{when(one.first_seen, now)}</td>
          <td className="num">{lasting(Math.max(60, (Date.parse(one.ended_at ?? now ?? one.last_seen) - Date.parse(one.first_seen)) / 1000))}</td>
        </tr>
      ))}</tbody>
    </table>
  );
}

/** The open alerts on the live page, the newest first; nothing where there are none. */
export function AlertStrip({ rows }: { rows: Alert[] }) {
  if (!rows.length) return null;
  return (
    <section className="strip" aria-label="Open alerts">
      <ul className="plain-list">{rows.slice(0, 3).map((one) => <li key={one.id}><span className="trouble"><span aria-hidden="true">▲</span> {words(one.kind)}</span> {one.text} <small className="mono">since {dated(one.first_seen)}</small></li>)}</ul>
      <Link to="/alerts">{rows.length > 3 ? `all ${rows.length} alerts` : "alerts"}</Link>
    </section>
  );
}
