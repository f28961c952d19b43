import { useEffect, useRef } from "react";
import { items, targetName, type Command, type Decision } from "./api";
import { clock, when, words } from "./format";
import { usePoll } from "./hooks";
import { Link } from "./router";

const INSIDE = ["suppress", "warn", "hold_warmup", "step_down_warmup"]; // no command on the MTA carries them

const plain = (value: unknown): string =>
  typeof value === "number" ? String(+value.toPrecision(4)) : typeof value === "string" ? value : JSON.stringify(value);
const pairs = (of: Record<string, unknown>): string => Object.entries(of).map(([key, value]) => `${words(key)} ${plain(value)}`).join(" · ");

/** Evidence and end of one decision, and the commands that carried it to the MTA with what was read back. */
export function DecisionDetail({ row, now }: { row: Decision; now: string | undefined }) {
  const path = `decisions/${row.id}/commands`;
  const commands = usePoll(() => items<Command>(path), 3, path);
  const box = useRef<HTMLDivElement>(null);
  const loaded = commands.data !== null;
  useEffect(() => { void box.current?.scrollIntoView({ block: "nearest" }); }, [loaded]);
  return (
    <div className="decision-detail" ref={box}>
      <p><Link to={`/decision/${row.id}`}>the whole story of decision {row.id}: pictures, effect, undo</Link></p>
      <dl>
        <dt>why</dt><dd>{row.reason}</dd>
        <dt>target</dt><dd><span className="mono">{targetName(row)}</span> ({row.target_type})</dd>
        <dt>evidence</dt><dd>{pairs(row.evidence) || "none"}</dd>
        {Object.keys(row.parameters).length > 0 && <><dt>asks for</dt><dd>{pairs(row.parameters)}</dd></>}
        <dt>life</dt><dd>{when(row.at, now)} until {when(row.until, now)}{row.ended_at && `, ended ${when(row.ended_at, now)}`}{row.undoes !== null && `, about decision ${row.undoes}`}</dd>
        <dt>status</dt><dd>{row.status}{row.status_note && `: ${row.status_note}`} <small>decision {row.id}, rule {row.rule}, mode {row.mode}</small></dd>
      </dl>
      <h4>commands</h4>
      {!commands.data ? <p className={commands.error ? "trouble" : "skeleton"}>{commands.error ?? "Loading…"}</p> : commands.data.length === 0 ? (
        <p>{INSIDE.includes(row.action) ? "None: this takes effect inside IGNITE, nothing is turned at the MTA."
          : row.mode === "act" ? "None sent so far; the executor sends one when the host's state differs from what is wanted." : `None: mode ${row.mode} sends nothing.`}</p>
      ) : (
        <ol>{commands.data.map((one) => (
          <li key={one.id}>
            <span className="mono">{clock(one.finished_at ?? one.created_at)} {one.host} $ {(one.argv ?? []).join(" ")}</span>
            <br />{one.exit_status === null ? <b>{one.state}</b> : <b className={one.exit_status ? "trouble" : "good"}>exit {one.exit_status}</b>}
            {one.output?.trim() && <> <span className="mono">{one.output.trim()}</span></>}
            {one.read_back != null && <><br />read back: <span className="mono">{typeof one.read_back === "string" ? one.read_back : JSON.stringify(one.read_back)}</span></>}
          </li>
        ))}</ol>
      )}
    </div>
  );
}
