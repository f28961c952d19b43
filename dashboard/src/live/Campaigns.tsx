import type { Campaign } from "./api";
import { number, percent } from "./format";

export function Campaigns({ rows }: { rows: Campaign[] }) {
  if (!rows.length) return <p className="empty">No campaign yet. Create one with POST /api/v1/campaigns, then schedule it.</p>;
  return (
    <div className="campaigns">
      {rows.map((row) => {
        const total = Object.values(row.counts).reduce((sum, n) => sum + n, 0);
        const done = total - (row.counts.waiting ?? 0) - (row.counts.claimed ?? 0) - (row.counts.in_doubt ?? 0);
        return (
          <article key={row.id} className="campaign">
            <header><b>{row.name}</b> <span className="tag">{row.status}</span>{row.variants.length > 1 && row.test_status && <> <span className="tag">test {row.test_status}</span></>}</header>
            <progress max={Math.max(total, 1)} value={done} aria-label={`${row.name}: ${done} of ${total} people settled`} />
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
