import { useEffect, useState } from "react";
import { call, get, ISP_NAME, targetName, type Backtest, type DecisionMark, type ReplayedDecision } from "../api";
import { Lane } from "../charts/Lane";
import { seconds } from "../charts/scale";
import { number, words } from "../format";
import { useAction } from "../hooks";

const LOOK_MS = 700;

/** A draft on the accounting records of the last days, beside the rules in force: what each would have decided. */
export function BacktestPanel({ document, able, dirty, version }: { document: string; able: boolean; dirty: boolean; version: number }) {
  const [id, setId] = useState<string | null>(null);
  const [of, setOf] = useState("");
  const [against, setAgainst] = useState(version); // the rules that were in force when it was started
  const [run, setRun] = useState<Backtest | null>(null);
  const [error, setError] = useState<string | null>(null);
  const start = useAction();
  const begin = () => start.run(async () => {
    setRun(null);
    setError(null);
    setId(null);
    stop.clear();
    const { id } = await call<{ id: string | number }>("POST", "policy/backtest", { document });
    setOf(document);
    setAgainst(version);
    setId(String(id));
  });
  useEffect(() => {
    if (id === null) return;
    let alive = true;
    let timer: ReturnType<typeof setTimeout>;
    const look = async () => {
      try {
        const found = await get<Backtest>(`policy/backtest/${id}`);
        if (!alive) return;
        setRun(found);
        if (!over(found)) timer = setTimeout(look, LOOK_MS);
      } catch (failure) {
        if (alive) setError(failure instanceof Error ? failure.message : String(failure));
      }
    };
    void look();
    return () => { alive = false; clearTimeout(timer); };
  }, [id]);
  const stop = useAction();
  const cancel = () => stop.run(async () => setRun(await call<Backtest>("DELETE", `policy/backtest/${id}`)));
  const busy = start.busy || (id !== null && !error && (run === null || !over(run)));
  const failed = start.error ?? stop.error ?? error ?? run?.error ?? null;
  return (
    <div className="backtest" aria-live="polite">
      <h4>Backtest</h4>
      <p className="dim-line">Reads the accounting records of the last 7 days twice, under the rules in force and under {dirty ? "this draft" : "what stands above"}. Nothing is decided and nothing is sent.</p>
      <button type="button" className="button" disabled={!able || busy} onClick={() => void begin()}>{run && over(run) ? "Try it again" : "Try it on the last 7 days"}</button>
      {busy && id !== null && <>{" "}<button type="button" className="button" disabled={stop.busy} onClick={() => void cancel()}>Cancel</button></>}
      {run?.status === "cancelled" && <p role="status">Cancelled after {number(run.records)} records; its work has ended.</p>}
      {busy && <p className="running"><progress max={1} value={run?.progress || undefined} aria-label="backtest" /> {run ? `${Math.round(100 * run.progress)} %, ${number(run.records)} records read` : "starting…"}</p>}
      {failed && <p className="trouble" role="alert">{failed}</p>}
      {run?.status === "done" && !failed && <Result run={run} stale={of !== document} against={against === version ? null : against} />}
    </div>
  );
}

const over = (run: Backtest): boolean => run.status !== "running";

function Result({ run, stale, against }: { run: Backtest; stale: boolean; against: number | null }) {
  const actions = [...new Set([...Object.keys(run.current.by_action), ...Object.keys(run.proposed.by_action)])];
  const rows: [string, number, number][] = [["all decisions", run.current.total, run.proposed.total],
    ...actions.map((one): [string, number, number] => [words(one), run.current.by_action[one] ?? 0, run.proposed.by_action[one] ?? 0])];
  const most = Math.max(1, ...rows.flatMap(([, a, b]) => [a, b]));
  return (
    <div data-backtest="done">
      <p>{number(run.records)} records in {number(run.files)} {run.files === 1 ? "file" : "files"} of the last {run.days} days{run.rejected > 0 && `, ${number(run.rejected)} lines could not be read`}.{stale && <b> The draft has been changed since.</b>}{against !== null && <b> "In force" was version {against} then.</b>}</p>
      {run.left_out.length > 0 && <p className="dim-line">left out: {run.left_out.join("; ")}</p>}
      <table className="list compare"><thead><tr><th scope="col">decisions</th><th scope="col">in force</th><th scope="col">draft</th></tr></thead>
        <tbody>{rows.map(([name, n, then]) => (
          <tr key={name}><th scope="row">{name}</th>
            <td className="fill"><span className="hbar" style={{ width: `${(70 * n) / most}%` }} aria-hidden="true" /> {number(n)}</td>
            <td className="fill"><span className="hbar draft" style={{ width: `${(70 * then) / most}%` }} aria-hidden="true" /> {number(then)} {then !== n && <b>{then > n ? "+" : "−"}{number(Math.abs(then - n))}</b>}</td></tr>
        ))}</tbody></table>
      <Lanes run={run} />
      <Only title="only under the rules in force" rows={run.only_current} />
      <Only title="only under the draft" rows={run.only_proposed} />
      {run.moved.length > 0 && <p className="dim-line">{run.moved.length === 1 ? "1 decision of both comes" : `${run.moved.length} decisions of both come`} at another time.</p>}
      {!run.only_current.length && !run.only_proposed.length && <p className="dim-line">Both decide the same.</p>}
    </div>
  );
}

function Lanes({ run }: { run: Backtest }) {
  const all = [...(run.current.decisions), ...(run.proposed.decisions)];
  if (!all.length) return <p className="empty">Neither would have decided anything in these days.</p>;
  const times = all.flatMap((one) => [seconds(one.at), seconds(one.until)]);
  const begin = Math.min(...times);
  const end = Math.max(...times, begin + 3600);
  const lane = (name: string, rows: ReplayedDecision[]) => (
    <><p className="dim-line">{name}</p><Lane name={name} decisions={rows.map(marked)} begin={begin} end={end} now={end} linked={false} /></>
  );
  return <div>{lane("under the rules in force", run.current.decisions)}{lane("under the draft", run.proposed.decisions)}</div>;
}

const marked = (one: ReplayedDecision, i: number): DecisionMark => ({
  id: i, at: one.at, until: one.until, ended_at: one.until, isp: one.isp, agent: one.agent, action: one.action,
  target_type: "", target: one.target, reason: one.reason, rule: one.rule, mode: "backtest", status: "replayed", status_note: null, undoes: null,
});

function Only({ title, rows }: { title: string; rows: ReplayedDecision[] }) {
  if (!rows.length) return null;
  return (
    <><h4>{title}: {rows.length}</h4>
      <ul className="plain-list scroll short" tabIndex={0} aria-label={title}>{rows.map((one, i) => (
        <li key={i}><span className="mono">{one.at.slice(5, 16).replace("T", " ")}</span> {one.isp ? ISP_NAME[one.isp] ?? one.isp : "whole host"} <b>{words(one.action)}</b> <span className="mono">{targetName(one)}</span><p className="dim-line">{one.reason}</p></li>
      ))}</ul></>
  );
}
