import { ISP_NAME, type Decision } from "./api";
import { clock } from "./format";
import { Reason } from "./Reason";

const MARK: Record<string, string> = {
  throttle: "▽", backoff: "▽", pause_job: "❚❚", pause_queue: "❚❚", disable_source: "⊘", quarantine_ip: "⊘",
  emergency_halt: "■", suppress: "✕", warn: "!", hold_warmup: "▭", step_down_warmup: "▿", probe: "◐", release: "▶",
};

export function Decisions({ rows }: { rows: Decision[] }) {
  if (!rows.length) {
    return <p className="empty">No decision yet. In calm weather that is right: agents act only on evidence. Hover an agent to see what it watches.</p>;
  }
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="Decisions, newest first">
      <table className="list">
        <thead><tr><th>at</th><th>provider</th><th>agent</th><th>action</th><th>target</th><th>status</th></tr></thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id} data-decision={row.id}>
              <td className="mono">{clock(row.at)}</td>
              <td>{row.isp ? ISP_NAME[row.isp] : "whole host"}</td>
              <td>{row.agent}</td>
              <td>
                <Reason label={`${row.action.replaceAll("_", " ")}: ${row.reason}`} className={`action action-${row.action}`} why={
                  <><b>{row.reason}</b><br /><small>rule {row.rule} · until {clock(row.until)} · mode {row.mode}</small></>
                }>
                  <span aria-hidden="true">{MARK[row.action] ?? "•"}</span> {row.action.replaceAll("_", " ")}
                </Reason>
              </td>
              <td className="mono clip" title={row.target}>{row.target}</td>
              <td className={`status status-${row.status}`}>{row.status}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
