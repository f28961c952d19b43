import { ISPS, ISP_NAME, KINDS, type AgentRow } from "./api";
import { Reason } from "./Reason";
import { clock } from "./format";

// Colour never speaks alone: each state has a glyph and a word too.
const GLYPH: Record<string, string> = {
  watching: "·", alarmed: "▲", holding: "■", probing: "◐", no_signal: "–", steered: "↷", idle: "·",
};

export function Agents({ rows }: { rows: AgentRow[] }) {
  const find = (kind: string, isp: string) => rows.find((row) => row.agent === kind && row.isp === isp);
  return (
    <table className="agents">
      <caption className="visually-hidden">48 agents: six kinds for each of eight providers</caption>
      <thead>
        <tr><th scope="col">agent</th>{ISPS.map((isp) => <th scope="col" key={isp}>{ISP_NAME[isp]}</th>)}</tr>
      </thead>
      <tbody>
        {KINDS.map((kind) => (
          <tr key={kind}>
            <th scope="row">{kind}</th>
            {ISPS.map((isp) => {
              const row = find(kind, isp);
              const state = row?.state ?? "idle";
              const name = `${kind} agent, ${ISP_NAME[isp]}: ${state.replace("_", " ")}`;
              return (
                <td key={isp} data-agent={`${kind}:${isp}`} data-state={state}>
                  <Reason label={name} className={`agent state-${state}`} why={
                    row ? <>
                      <b>{name}</b><br />{row.reason}<br />
                      <small>mode {row.mode} · {row.evaluations.toLocaleString("en")} evaluations · last {clock(row.evaluated_at)}</small>
                    </> : <>This agent has not evaluated yet. It starts with the first accounting record.</>
                  }>
                    <span aria-hidden="true">{GLYPH[state] ?? "?"}</span>
                    <span className="agent-word">{state.replace("_", " ")}</span>
                  </Reason>
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
