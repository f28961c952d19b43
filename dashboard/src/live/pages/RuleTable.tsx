import { KINDS, type PolicyRule } from "../api";
import { MARK } from "../charts/Lane";
import { lasting, words } from "../format";

const plain = (value: unknown): string =>
  typeof value === "number" ? String(+value.toPrecision(4)) : Array.isArray(value) ? value.join(", ") : typeof value === "string" ? value : JSON.stringify(value);

const PLACE: Record<string, string> = { isp: "provider", ip: "address", cold: "address under the warm-up ladder", host: "whole host" };

const fields = (one: PolicyRule): [string, unknown][] => Object.entries(one.fields).filter(([key]) => one.uses.includes(key));
/** The rule with its present values, as a document writes it. */
const entry = (one: PolicyRule): string => `${one.name}:\n${fields(one).map(([key, value]) => `  ${key}: ${plain(value)}\n`).join("")}`;

/** The table that the agents walk, in their words, one kind after the other. */
export function RuleTable({ rules, change }: { rules: PolicyRule[]; change: (line: string) => void }) {
  return (
    <section aria-labelledby="h-rules">
      <h3 id="h-rules">Rules in force</h3>
      <div className="scroll rules" tabIndex={0} role="region" aria-label="Rules in force">
        {KINDS.map((kind) => {
          const own = rules.filter((one) => one.agent === kind);
          if (!own.length) return null;
          return (
            <div key={kind}>
              <h4>{kind}</h4>
              <ul className="plain-list">{own.map((one) => (
                <li key={one.name} data-rule={one.name} className={one.enabled ? "" : "off"}>
                  <div className="far-head">
                    <span><span aria-hidden="true">{MARK[one.action]}</span> <b>{words(one.action)}</b>{one.parameters.factor !== undefined && ` × ${one.parameters.factor}`} <small>for {lasting(one.lifetime_s)}, by {PLACE[one.scope] ?? one.scope}</small>
                      {one.changed && <> <span className="tag">changed</span></>}{!one.enabled && <> <span className="tag">off</span></>}</span>
                    <small className="mono">{one.id}</small>
                  </div>
                  <p className="dim-line">{one.says}</p>
                  <details><summary>what may be changed</summary>
                    <p className="mono fields">{fields(one).map(([key, value]) => `${key}: ${plain(value)}`).join("  ·  ")}</p>
                    <button type="button" className="plain" aria-label={`put ${one.name} into the draft`} onClick={() => change(entry(one))}>put into the draft</button>
                  </details>
                </li>
              ))}</ul>
            </div>
          );
        })}
      </div>
    </section>
  );
}
