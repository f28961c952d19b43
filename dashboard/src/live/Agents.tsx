import { useRef, useState } from "react";
import { AgentPanel } from "./AgentPanel";
import { ISPS, ISP_NAME, KINDS, whyOf, type AgentRow } from "./api";
import { clock, words } from "./format";
import { rove } from "./hooks";
import { Reason } from "./Reason";
import { Link } from "./router";

// Colour never speaks alone: each state has a glyph and a word too, and the legend says what it means.
const STATES: [state: string, glyph: string, means: string][] = [
  ["watching", "·", "nothing unusual"],
  ["alarmed", "▲", "asks for something that is not in force"],
  ["holding", "■", "its restriction is in force"],
  ["probing", "◐", "a few messages test whether to release"],
  ["no_signal", "–", "the provider gives it nothing to go by"],
  ["steered", "↷", "the mail runs in another provider's queues, whose agents steer it"],
  ["idle", "○", "has not evaluated yet"],
];
export const GLYPH = new Map(STATES.map(([state, glyph]) => [state, glyph]));

/** `modes`: say each agent's mode in its cell too. */
export function Agents({ rows, now, modes = false }: { rows: AgentRow[] | null; now: string | undefined; modes?: boolean }) {
  const [active, setActive] = useState(`${KINDS[0]}:${ISPS[0]}`);
  const [chosen, setChosen] = useState<string | null>(null);
  const grid = useRef<HTMLTableElement>(null);
  if (!rows) return <p className="empty skeleton">Loading the agents…</p>;
  const find = (kind: string, isp: string) => rows.find((row) => row.agent === kind && row.isp === isp);
  const [kind, isp] = (chosen ?? "").split(":");
  const close = () => {
    grid.current?.querySelector<HTMLElement>(`[data-agent="${chosen}"] button`)?.focus();
    setChosen(null);
  };
  return (
    <>
      <table className="agents" ref={grid} onKeyDown={(event) => rove(event, ISPS.length)}>
        <caption className="visually-hidden">48 agents: six kinds for each of eight providers. Arrow keys move, also up to the providers' names; Enter opens what is reached.</caption>
        <thead>
          <tr><th scope="col">agent</th>{ISPS.map((one) => <th scope="col" key={one}><Link to={`/isp/${one}`} data-rove="" tabIndex={-1}>{ISP_NAME[one]}</Link></th>)}</tr>
        </thead>
        <tbody>
          {KINDS.map((one) => (
            <tr key={one}>
              <th scope="row">{one}</th>
              {ISPS.map((provider) => {
                const row = find(one, provider);
                const state = row?.state ?? "idle";
                const key = `${one}:${provider}`;
                const name = `${one} agent, ${ISP_NAME[provider]}: ${words(state)}`;
                return (
                  <td key={provider} data-agent={key} data-state={state}>
                    <Reason label={name} className={`agent state-${state}`} reachable={key === active} reached={() => setActive(key)}
                      chosen={key === chosen} choose={() => setChosen(key === chosen ? null : key)}
                      why={<><b>{name}</b><br />{row ? whyOf(row) : "It starts with the first accounting record."}<br />
                        <small>last evaluated {clock(row?.evaluated_at)} · click or Enter for its rules and decisions</small></>}
                    >
                      <span aria-hidden="true">{GLYPH.get(state) ?? "?"}</span>
                      <span className="agent-word">{words(state)}{modes && row && <> · {row.mode}</>}</span>
                    </Reason>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
      {kind && isp && <AgentPanel key={chosen} kind={kind} isp={isp} row={find(kind, isp)} now={now} close={close} />}
      {rows.every((row) => row.state === "idle") && (
        <p className="empty">No accounting record has been read yet. Point <code>pmta.accounting_dir</code> at PowerMTA's log files and run <code>ignite work</code>; <code>ignite check</code> says what is missing.</p>
      )}
      <ul className="states" aria-label="What the states mean">
        {STATES.map(([state, glyph, means]) => <li key={state}><b><span aria-hidden="true">{glyph}</span> {words(state)}</b> {means}</li>)}
      </ul>
    </>
  );
}
