import type { Campaign } from "./api";
import { number, percent } from "./format";

const isFlow = (row: Campaign): boolean => row.kind === "flow";

/** A flow's campaign never ends by itself: it is not "sending" but running. */
const standing = (row: Campaign): string => (isFlow(row) && row.status === "sending" ? "running" : row.status);

/** The test in words; clicks come in for a while after the last message has gone out. */
function outcome(row: Campaign): string | null {
  if (row.variants.length < 2 || !row.test_status) return null;
  if (row.test_status === "decided") return row.winner ? `test decided: ${row.winner}` : "test decided";
  if (row.test_status === "running" && row.status !== "finished" && row.status !== "cancelled") return "test running";
  return row.test_status === "running" && row.status === "finished" ? "test undecided, clicks still count" : "test undecided";
}

export function Campaigns({ rows }: { rows: Campaign[] | null }) {
  if (!rows) return <p className="empty skeleton">Loading the campaigns…</p>;
  if (!rows.length) return <p className="empty">No campaign yet. Create one with POST /api/v1/campaigns, then schedule it.</p>;
  return (
    <div className="campaigns">
      {rows.map((row) => {
        const total = Object.values(row.counts).reduce((sum, n) => sum + n, 0);
        const done = total - (row.counts.waiting ?? 0) - (row.counts.claimed ?? 0) - (row.counts.in_doubt ?? 0);
        return (
          <article key={row.id} className="campaign">
            <header><b>{row.name}</b> <span className="tag">{standing(row)}</span>{isFlow(row) && <> <span className="tag">flow</span></>}{outcome(row) && <> <span className="tag">{outcome(row)}</span></>}</header>
            {!isFlow(row) && <progress max={Math.max(total, 1)} value={done} aria-label={`${row.name}: ${done} of ${total} people settled`} />}
            <p className="counts">
              {["injected", "waiting", "suppressed", "held"].map((key) => <span key={key}><b>{number(row.counts[key])}</b> {key === "injected" ? "sent" : key}</span>)}
            </p>
            {row.learning && <p className="counts">{row.learning.winner} is better with probability {percent(row.learning.probability, 1)}, after {number(row.learning.n)} messages</p>}
            {row.variants.map((variant) => (
              <p key={variant.name} className="variant">
                <b>{variant.name}{variant.winner ? " ★ winner" : ""}</b>
                <span className="clip" title={variant.subject}>{variant.subject}</span>
                <span><b>{percent(variant.clicks, variant.sent)}</b> clicked <small>{number(variant.clicks)} of {number(variant.sent)}</small></span>
              </p>
            ))}
          </article>
        );
      })}
    </div>
  );
}
