import { KINDS, whyOf, type AgentRow } from "../api";
import { GLYPH } from "../Agents";
import { clock, words } from "../format";
import { Link } from "../router";

/** The six agents of one provider: state, mode and why. */
export function ProviderAgents({ rows, isp }: { rows: AgentRow[]; isp: string }) {
  return (
    <section aria-labelledby="h-six">
      <h3 id="h-six">Agents</h3>
      <ul className="plain-list sixes">
        {KINDS.map((kind) => {
          const row = rows.find((one) => one.agent === kind);
          const state = row?.state ?? "idle";
          return (
            <li key={kind} data-six={kind} className={`six state-${state}`}>
              <b>{kind}</b> <span className="six-state"><span aria-hidden="true">{GLYPH.get(state) ?? "?"}</span> {words(state)}</span> <span className="tag">{row?.mode ?? "observe"}</span>
              <p className="dim-line">{row ? whyOf(row) : "It starts with the first accounting record."} {row?.evaluated_at && <small>at {clock(row.evaluated_at)}</small>}</p>
            </li>
          );
        })}
      </ul>
      <p className="dim-line"><Link to={`/agents?isp=${isp}`}>change modes, stop or resume</Link></p>
    </section>
  );
}
