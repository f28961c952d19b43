import { useState } from "react";
import { call, ISP_NAME, type Decision } from "../api";
import { lasting, words } from "../format";
import { useAction } from "../hooks";

/** What a person may do about a decision: approve or reject what waits, release what stands. Each asks for a reason. */
export function Settle({ row, now, standing, compact = false, done }: { row: Decision; now: string | undefined; standing: boolean; compact?: boolean; done?: () => void }) {
  const [reason, setReason] = useState("");
  const action = useAction();
  const [said, setSaid] = useState("");
  const say = async (verb: "approve" | "reject" | "release", word: string) => {
    if (await action.run(() => call("POST", `decisions/${row.id}/${verb}`, { reason }))) {
      setSaid(word);
      setReason("");
      done?.();
    }
  };
  const [sure, setSure] = useState(false); // asked once more before many addresses are mailed again
  const entries = row.action === "suppress" && row.status !== "released" ? row.entries ?? 0 : 0;
  const lifts = entries > 0;
  const many = `${entries} address${entries === 1 ? "" : "es"}`;
  const undoable = standing && !["release", "probe", "suppress"].includes(row.action);
  const waits = row.awaits === true;
  const left = waits && row.deadline && now ? Math.round((Date.parse(row.deadline) - Date.parse(now)) / 1000) : null;
  const field = `why-${row.id}`;
  const body = (
    <>
      {waits && <p className="dim-line">{left !== null && (left > 0 ? <>Decide within <b>{left < 90 ? `${left} s` : lasting(left)}</b>. </> : <>Its deadline is now. </>)}
        {row.on_deadline && <>If nobody does, it is <b>{row.on_deadline === "apply" ? "applied" : "rejected"}</b>, which is the safe side.</>}</p>}
      {(waits || undoable || lifts) && (
        <form className="settle" onSubmit={(event) => event.preventDefault()}>
          <label htmlFor={field}>reason <small>(kept with your name)</small></label>
          <input id={field} value={reason} maxLength={300} onChange={(event) => setReason(event.target.value)} placeholder={waits ? "why, in a few words" : "why it may go"} />
          {waits && <><button type="button" className="button primary" disabled={action.busy || !reason.trim()} onClick={() => void say("approve", "Approved.")}>Approve</button>
            <button type="button" className="button" disabled={action.busy || !reason.trim()} onClick={() => void say("reject", "Rejected.")}>Reject</button></>}
          {undoable && <button type="button" className="button primary" disabled={action.busy || !reason.trim()} onClick={() => void say("release", "Released: the executor lifts it at the MTA.")}>Undo: release it</button>}
          {lifts && !sure && <button type="button" className="button primary" disabled={action.busy || !reason.trim()} onClick={() => setSure(true)}>Undo: lift it for {many}</button>}
          {lifts && sure && <div role="alertdialog" aria-label="Confirm" className="confirm"><p>This takes <b>{many}</b> off the list of {row.isp ? ISP_NAME[row.isp] : "other providers"}, and off the list of dead addresses where this put them there; they can be mailed again. What people or other decisions have listed since stays.</p>
            <button type="button" className="button danger" disabled={action.busy || !reason.trim()} onClick={() => { setSure(false); void say("release", `Lifted for ${many}.`); }}>Yes, lift it for {many}</button>
            <button type="button" className="button" onClick={() => setSure(false)}>No</button></div>}
          {!reason.trim() && <small className="dim-line">a reason makes the buttons work</small>}
        </form>
      )}
      {!waits && !undoable && !lifts && !said && <p className="empty">{row.action === "suppress" && row.status !== "released" ? "Nothing to undo: none of the entries that it made is its own any more."
        : row.ended_at || !standing ? `Nothing to undo: it is ${words(row.status)}${row.ended_at ? " and over" : ""}.` : `A ${row.action} is part of another decision; undo that one.`}</p>}
      <p role="status" className={action.error ? "trouble" : "good"}>{action.busy ? "Asking the server…" : action.error ?? said}</p>
    </>
  );
  return compact ? <div>{body}</div> : <section aria-labelledby="h-undo"><h3 id="h-undo">{waits ? "Waits for a person" : "Undo"}</h3>{body}</section>;
}
