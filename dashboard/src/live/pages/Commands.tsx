import type { Command, Decision } from "../api";
import { when } from "../format";

const INSIDE = ["suppress", "warn", "hold_warmup", "step_down_warmup", "stop", "resume", "set_mode"]; // no command on the MTA carries them

const HASH = /^[0-9a-f]{64}$/;

const text = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/** The commands that carried a decision to the MTA, with exit status and read-back; why there are none, if so. */
export function Commands({ row, commands, error, now }: { row: Decision; commands: Command[] | null; error: string | null; now: string | undefined }) {
  if (!commands) return <p className={error ? "trouble" : "skeleton"} role="status">{error ?? "Loading…"}</p>;
  if (!commands.length) {
    return <p className="empty">{INSIDE.includes(row.action) ? "None: this takes effect inside IGNITE, nothing is turned at the MTA."
      : row.status === "proposed" ? "None: it is a proposal. Nothing is sent before it is approved."
      : row.mode === "act" || row.by ? "None sent so far; the executor sends one when the host's state differs from what is wanted." : `None: mode ${row.mode} sends nothing.`}</p>;
  }
  return (
    <ol className="plain-list scroll tall" tabIndex={0} aria-label="Commands, oldest first">{commands.map((one) => (
      <li key={one.id}>
        <code className="command">$ {(one.argv ?? []).join(" ")}</code>
        <span className="dim-line"><span className="mono">{when(one.finished_at ?? one.created_at, now)}</span> on {one.host} · {one.exit_status === null ? <b>{one.state}</b> : <b className={one.exit_status ? "trouble" : "good"}>exit {one.exit_status}</b>}</span>
        {one.output?.trim() && one.output.trim() !== (one.read_back == null ? "" : text(one.read_back).trim()) && <pre className="said">{one.output.trim()}</pre>}
        {one.read_back != null && <p className="dim-line">read back{HASH.test(text(one.read_back)) && ", sha256 of the file"}: <span className="mono">{text(one.read_back)}</span></p>}
      </li>
    ))}</ol>
  );
}
