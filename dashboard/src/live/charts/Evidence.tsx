import type { Decision } from "../api";
import { lasting, number, words } from "../format";
import { Bullet } from "./Bullet";
import { Share } from "./Share";

const DRAWN = new Set(["n", "x", "p0", "p1", "S", "H", "limit", "lower", "window_s", "arl0", "reply_rule", "recipients", "of", "since", "probe", "by", "reason", "stops"]);

const num = (of: Record<string, unknown>, key: string): number | undefined => (typeof of[key] === "number" ? (of[key] as number) : undefined);
const plain = (value: unknown): string =>
  typeof value === "number" ? String(+value.toPrecision(4)) : typeof value === "string" ? value : JSON.stringify(value);

/** What a decision was taken on: the share with its uncertainty, and the way to the alarm, as pictures with their figures.
 * `limit`: the rule's, where the evidence does not hold it. */
export function Evidence({ row, limit }: { row: Decision; limit?: number }) {
  const of = row.evidence;
  const n = num(of, "n");
  const x = num(of, "x");
  const s = num(of, "S");
  const h = num(of, "H");
  const told = num(of, "recipients");
  const window = num(of, "window_s");
  const arl = num(of, "arl0");
  const rest = Object.entries(of).filter(([key]) => !DRAWN.has(key));
  if (typeof of.by === "string") return <p className="empty">A person decided this: {of.by}. There are no figures behind it.</p>;
  if (n === undefined && s === undefined && told === undefined && rest.length === 0) {
    return <p className="empty">{row.rule.startsWith("lifetime@") ? "None needed: a lifetime that ends is followed by a probe." : "This decision carries no figures."}</p>;
  }
  return (
    <div className="evidence">
      {n !== undefined && x !== undefined && (
        <>
          <p><b>{number(x)} of {number(n)}</b>{window ? ` in ${lasting(window)}` : ""} <small>dot: what was counted; line: what chance alone could make of it (95 %)</small></p>
          <Share n={n} x={x} p0={num(of, "p0")} p1={num(of, "p1")} limit={num(of, "limit") ?? limit} lower={num(of, "lower")} />
        </>
      )}
      {s !== undefined && h !== undefined && (
        <>
          <p><b>alarm level</b> <small>each event adds points, what goes well takes some away; when it is full it acts{arl ? `. At the tolerated rate that happens once in ${number(arl)} messages` : ""}</small></p>
          <Bullet way={s / h} label="alarm level" text={`${s} of ${h} points`} />
        </>
      )}
      {told !== undefined && <p><b>{number(told)} recipient{told === 1 ? "" : "s"}</b> {row.action === "suppress" ? "answered so" : "were told so by the provider"}{typeof of.reply_rule === "string" && <> <small className="mono">reply rule {of.reply_rule}</small></>}</p>}
      {num(of, "stops") !== undefined && <p>stops <b>{+(100 * num(of, "stops")!).toFixed(1)} %</b> of the host's mail</p>}
      {rest.length > 0 && <p>{rest.map(([key, value]) => `${words(key)} ${plain(value)}`).join(" · ")}</p>}
    </div>
  );
}
