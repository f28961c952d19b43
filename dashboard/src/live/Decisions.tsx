import { Fragment, useState } from "react";
import { ACTIONS, get, isPersons, ISPS, ISP_NAME, items, KINDS, targetName, type Decision, type Page, type Suppressing } from "./api";
import { MARK } from "./charts/Lane";
import { DecisionDetail } from "./DecisionDetail";
import { clock, number, when, words } from "./format";
import { rove, usePoll } from "./hooks";
import { Reason } from "./Reason";
import { Link, targetPath } from "./router";

const QUIET = ACTIONS.filter((action) => action !== "suppress");
const PAGE = 50;

const provider = (row: Decision): string =>
  row.isp ? ISP_NAME[row.isp] ?? row.isp : row.action === "suppress" ? "Elsewhere" : "whole host";

/** What is in force on top; below it all decisions page by page. Suppressions are summed up, unless asked for. */
export function Decisions({ now }: { now: string | undefined }) {
  const [isp, setIsp] = useState("");
  const [agent, setAgent] = useState("");
  const [action, setAction] = useState("");
  const [pages, setPages] = useState<number[]>([]); // where each page begins; none: the newest
  const [open, setOpen] = useState<number | null>(null);
  const [active, setActive] = useState<number | null>(null);
  const filter = (isp && `&isp=${isp}`) + (agent && `&agent=${agent}`);
  const actions = action === "all" ? "" : `&action=${action || QUIET.join(",")}`;
  const before = pages.at(-1);
  const listed = `decisions?limit=${PAGE}${filter}${actions}${before === undefined ? "" : `&before=${before}`}`;
  const inForce = `decisions?standing=true&limit=200${filter}${actions}`;
  const read = usePoll(async () => {
    const [page, standing] = await Promise.all([get<Page<Decision>>(listed), items<Decision>(inForce)]);
    return { page, standing };
  }, 1.5, listed);
  const page = read.data?.page;
  const taken = usePoll(() => items<Suppressing>("decisions/suppressing"), 5);
  const filtered = Boolean(isp || agent || action);
  const choose = (set: (value: string) => void) => (value: string) => { set(value); setPages([]); setOpen(null); };

  const pinned = pages.length ? [] : (read.data?.standing ?? []).filter((row) => row.action !== "release");
  const shown = new Set(pinned.map((row) => row.id));
  const others = (page?.items ?? []).filter((row) => !shown.has(row.id));
  const all = [...pinned, ...others];
  const reachable = all.some((row) => row.id === active) ? active : all[0]?.id;
  const group = (title: string, rows: Decision[]) => rows.length > 0 && (
    <>
      <tr className="group"><th colSpan={6} scope="col">{title}</th></tr>
      {rows.map((row) => (
        <Fragment key={row.id}>
          <tr data-decision={row.id}>
            <td className="mono">{when(row.at, now)}</td>
            <td>{provider(row)}</td>
            <td>{isPersons(row) ? <span className="person" title={`a person, in place of the ${row.agent} agent`}><b>{row.by}</b> <small>person</small></span> : row.by ? <>{row.agent} <small title={`answered by ${row.by}`}>({row.by})</small></> : row.agent}</td>
            <td>
              <Reason label={`${words(row.action)}: ${row.reason}`} className={`action action-${row.action}`}
                reachable={row.id === reachable} reached={() => setActive(row.id)}
                chosen={row.id === open} choose={() => setOpen(row.id === open ? null : row.id)}
                why={<><b>{row.reason}</b><br /><small>rule {row.rule} · until {clock(row.until)} · mode {row.mode} · click or Enter for evidence and commands</small></>}
              >
                <span aria-hidden="true">{MARK[row.action] ?? "•"}</span> {words(row.action)}{typeof row.parameters.factor === "number" && ` × ${+row.parameters.factor.toFixed(2)}`}{row.action === "set_mode" && `: ${row.parameters.mode ?? "taken back"}`}
              </Reason>
            </td>
            <td className="mono clip" title={targetName(row)}>{targetPath(row.target_type, row.target) ? <Link to={targetPath(row.target_type, row.target)!}>{targetName(row)}</Link> : targetName(row)}</td>
            <td className={`status status-${row.status}`}>{row.status}</td>
          </tr>
          {row.id === open && <tr className="detail"><td colSpan={6}><DecisionDetail row={row} now={now} /></td></tr>}
        </Fragment>
      ))}
    </>
  );
  return (
    <>
      <div className="filters" role="group" aria-label="Which decisions to show">
        <Choice label="provider" value={isp} choose={choose(setIsp)} options={[["", "all"], ...ISPS.map((one) => [one, ISP_NAME[one] ?? one] as [string, string]), ["elsewhere", "no provider"]]} />
        <Choice label="agent" value={agent} choose={choose(setAgent)} options={[["", "all"], ...KINDS.map((one) => [one, one] as [string, string])]} />
        <Choice label="action" value={action} choose={choose(setAction)} options={[["", "all but suppress"], ["all", "all"], ...ACTIONS.map((one) => [one, words(one)] as [string, string])]} />
      </div>
      {!page ? <p className={read.error ? "empty trouble" : "empty skeleton"}>{read.error ?? "Loading the decisions…"}</p> : all.length === 0 ? (
        <p className="empty">{filtered ? <>No decision like this. <button type="button" className="plain" onClick={() => { setIsp(""); setAgent(""); setAction(""); setPages([]); }}>show all</button></>
          : "No decision yet. In calm weather that is right: agents act only on evidence. Open an agent to see what it watches."}</p>
      ) : (
        <div className="scroll decisions" tabIndex={0} role="region" aria-label="Decisions, newest first">
          <table className="list" onKeyDown={(event) => rove(event)}>
            <thead><tr>{["at", "provider", "by", "action", "target", "status"].map((one) => <th key={one} scope="col">{one}</th>)}</tr></thead>
            <tbody>
            {group(`in force now: ${pinned.length}`, pinned)}
            {group(pages.length ? `older, page ${pages.length + 1}` : pinned.length ? "before" : "nothing in force now; newest first", others)}
            </tbody>
          </table>
        </div>
      )}
      <p className="paging">
        {pages.length > 0 && <><button type="button" className="plain" onClick={() => setPages([])}>newest</button> <button type="button" className="plain" onClick={() => setPages(pages.slice(0, -1))}>newer</button></>}
        {page?.next != null && <button type="button" className="plain" onClick={() => { setOpen(null); setPages([...pages, page.next!]); }}>older</button>}
        {taken.data && taken.data.length > 0 && action === "" && (
          <span className="taken">
            <span aria-hidden="true">✕</span> addresses suppressed: {taken.data.map((one) => `${ISP_NAME[one.isp] ?? one.isp} ${number(one.addresses)}`).join(" · ")}{" "}
            <button type="button" className="plain" onClick={() => choose(setAction)("suppress")}>list them</button>
          </span>
        )}
      </p>
    </>
  );
}

function Choice({ label, value, options, choose }: {
  label: string; value: string; options: [string, string][]; choose: (value: string) => void;
}) {
  return (
    <label>{label}{" "}
      <select value={value} onChange={(event) => choose(event.target.value)}>
        {options.map(([key, text]) => <option key={key} value={key}>{text}</option>)}
      </select>
    </label>
  );
}
