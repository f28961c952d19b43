import { useEffect, useRef, useState } from "react";
import { call, get, items, type Policy, type PolicyCheck, type PolicyVersion } from "../api";
import { when } from "../format";
import { useAction, usePoll } from "../hooks";
import { BacktestPanel } from "./BacktestPanel";
import { CodeEditor } from "./CodeEditor";
import { RuleTable } from "./RuleTable";

const PAUSE_MS = 350; // after the last key before the server is asked

/** The rules in force, and a draft of changes: checked while it is written, tried on the last days, then saved. */
export function PolicyPage({ now, pushed }: { now: string | undefined; pushed: number }) {
  const policy = usePoll(() => get<Policy>("policy"), 10, String(pushed)); // a change is told at once
  const [stored, setStored] = useState<Policy | null>(null); // what the last save answered, until it is read again
  const current = stored && stored.version > (policy.data?.version ?? -1) ? stored : policy.data;
  const [draft, setDraft] = useState<string | null>(null);
  const [base, setBase] = useState<number | null>(null); // the version that the draft began from
  const [reason, setReason] = useState("");
  const [said, setSaid] = useState("");
  const save = useAction();
  const text = draft ?? current?.document ?? "";
  const check = useCheck(text, current !== null);
  const dirty = current !== null && draft !== null && draft !== current.document;
  const overtaken = dirty && base !== null && current!.version !== base;
  const write = (next: string) => { if (draft === null) setBase(current?.version ?? null); setDraft(next); setSaid(""); };
  const discard = () => { setDraft(null); setBase(null); setSaid(""); save.clear(); };
  const put = () => save.run(async () => {
    const made = await call<Policy>("PUT", "policy", { document: text, reason, version: base ?? current!.version });
    setStored(made);
    setSaid(`Saved as version ${made.version}. The agents take it up with their next step.`);
    setDraft(null); setBase(null); setReason("");
  });
  if (!current) {
    return (
      <>
        <div className="page-head"><h2 className="page-title" tabIndex={-1}>Policy</h2></div>
        <p className={policy.error ? "empty trouble" : "empty skeleton"} role="status">{policy.error ?? "Loading the policy…"}</p>
      </>
    );
  }
  const faults = check.result?.faults ?? [];
  return (
    <>
      <div className="page-head">
        <h2 className="page-title" tabIndex={-1}>Policy</h2>
        <span className="dim-line">{current.version === 0 ? "the rules as shipped" : <>version <b>{current.version}</b></>}{current.by && <> by {current.by}</>}{current.at && ` ${when(current.at, now)}`}{current.reason && `: ${current.reason}`}</span>
      </div>
      {current.faults.length > 0 && <p className="banner" role="alert">Version {current.version} is not in force: this release does not know what it says, so the rules are as shipped. {current.faults.map((one) => `${one.line === null ? "" : `line ${one.line}: `}${one.key}: ${one.message}`).join("; ")}</p>}
      <div className="split even">
        <section aria-labelledby="h-draft">
          <h3 id="h-draft">{dirty ? "Draft" : "Changes to the shipped rules"}</h3>
          <CodeEditor value={text} change={write} faults={faults} label="Policy document, YAML" />
          <div id="policy-check" role="status" className="check">
            {check.busy ? <span className="skeleton">checking…</span> : check.error ? <span className="trouble">{check.error}</span>
              : faults.length > 0 ? (
                <ul className="plain-list">{faults.map((one, i) => <li key={i} className="trouble"><span aria-hidden="true">▲</span> {one.line !== null && <b>line {one.line}: </b>}{one.key && <span className="mono">{one.key} </span>}{one.message}</li>)}</ul>
              ) : check.result && <span className="good"><span aria-hidden="true">✓</span> sound</span>}
          </div>
          {check.result?.ok && dirty && <Diff check={check.result} />}
          {current.from_file && <p className="trouble">The policy is kept in the file that <code>governance.policy</code> names: change it there. Here it can be checked and tried.</p>}
          {overtaken && <p className="trouble" role="alert">Version {current.version} was saved meanwhile, after this draft began from {base}. Saving will be refused; copy what you need and discard the draft.</p>}
          <form className="settle" onSubmit={(event) => { event.preventDefault(); void put(); }}>
            <label htmlFor="policy-why">reason</label>
            <input id="policy-why" value={reason} required maxLength={300} placeholder="kept with the version" onChange={(event) => setReason(event.target.value)} />
            <button type="submit" className="button primary" disabled={save.busy || !dirty || current.from_file || !check.result?.ok || check.busy}>Save as a new version</button>
            <button type="button" className="button" disabled={!dirty} onClick={discard}>Discard</button>
            <p role="status" className={save.error ? "trouble" : "good"}>{save.busy ? "Saving…" : save.error ?? said}</p>
          </form>
          <BacktestPanel document={text} able={check.result?.ok === true && !check.busy} dirty={dirty} version={current.version} />
        </section>
        <div className="side">
          <RuleTable rules={current.rules} change={(line) => write(appended(text, line))} />
          <Versions current={current} now={now} use={write} />
        </div>
      </div>
    </>
  );
}

/** The draft with an empty place for one more rule at its end. */
function appended(text: string, rule: string): string {
  const known = text.trim() && text.trim() !== "{}" ? `${text.trimEnd()}\n` : "";
  return `${known}${rule}`;
}

function useCheck(text: string, able: boolean): { busy: boolean; error: string | null; result: PolicyCheck | null } {
  const [state, setState] = useState<{ of: string | null; error: string | null; result: PolicyCheck | null }>({ of: null, error: null, result: null });
  const turn = useRef(0);
  useEffect(() => {
    if (!able) return;
    const mine = ++turn.current;
    const timer = setTimeout(async () => {
      try {
        const result = await call<PolicyCheck>("POST", "policy/check", { document: text });
        if (mine === turn.current) setState({ of: text, error: null, result });
      } catch (failure) {
        if (mine === turn.current) setState({ of: text, error: failure instanceof Error ? failure.message : String(failure), result: null });
      }
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text, able]);
  return { busy: state.of !== text, error: state.error, result: state.result };
}

function Diff({ check }: { check: PolicyCheck }) {
  if (!check.diff.length) return <p className="dim-line">No difference from what is in force: only the text changes.</p>;
  return (
    <table className="list diff"><caption>what would change</caption>
      <thead><tr>{["rule", "field", "from", "to"].map((one) => <th key={one} scope="col">{one}</th>)}</tr></thead>
      <tbody>{check.diff.map((one) => <tr key={`${one.rule} ${one.field}`}><td className="mono">{one.rule}</td><td>{one.field}</td><td className="mono from">{shown(one.from)}</td><td className="mono to">{shown(one.to)}</td></tr>)}</tbody></table>
  );
}
const shown = (value: unknown): string => (value === null || value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value));

function Versions({ current, now, use }: { current: Policy; now: string | undefined; use: (document: string) => void }) {
  const { data, error } = usePoll(() => items<PolicyVersion>("policy/versions"), 10, String(current.version));
  return (
    <section aria-labelledby="h-versions">
      <h3 id="h-versions">Versions</h3>
      {!data ? <p className={error ? "trouble" : "skeleton"} role="status">{error ?? "Loading the versions…"}</p>
        : data.length === 0 ? <p className="empty">Only the shipped rules so far. What you save becomes the first version.</p> : (
          <ul className="plain-list scroll short">{data.map((one) => (
            <li key={one.version}><b>{one.version}</b> {one.at && <span className="mono">{when(one.at, now)}</span>} {one.by} <span className="dim-line">{one.reason}</span>{" "}
              {one.version !== current.version && typeof one.document === "string" && <button type="button" className="plain" onClick={() => use(one.document!)}>take as draft</button>}</li>
          ))}</ul>
        )}
    </section>
  );
}
