import { items, type Decision, type RateStep } from "../api";
import { roundUp, seconds } from "../charts/scale";
import { TimeChart } from "../charts/TimeChart";
import { clock, when } from "../format";
import { usePoll } from "../hooks";

const LISTED = 12;
const rate = (value: number): string => `${+value.toFixed(value < 100 ? 1 : 0)}`;

/** The rungs that a throttle's rate has stood on, as steps over time and with the reason for each. */
export function Rates({ id, row, now }: { id: number; row: Decision; now: string | undefined }) {
  const path = `decisions/${id}/rates`;
  const { data, error } = usePoll(() => items<RateStep>(path), 3, path);
  const begin = seconds(row.at);
  const end = Math.max(begin + 600, seconds(row.ended_at ?? now ?? row.until));
  return (
    <section aria-labelledby="h-rates">
      <h3 id="h-rates">Its rate over time</h3>
      {!data ? <p className={error ? "trouble" : "skeleton"} role="status">{error ?? "Loading the rates…"}</p>
        : data.length === 0 ? <p className="empty">It has no rate of its own: it is a share of the unrestricted rate, or a proposal. {row.by ? "What a person sets is not steered." : "Steering begins when the throttle of a whole provider is at the MTA."}</p> : (
          <>
            <TimeChart label={`rate in messages a minute: ${data.length} steps, last ${rate(data.at(-1)!.rate_per_min)}`} begin={begin} end={end} gap={60} axis height={120}
              max={roundUp(Math.max(...data.map((one) => one.rate_per_min)) * 1.05)} format={rate}
              lines={[{ name: "rate", token: "--accent", step: true, dots: data.map((one) => ({ at: seconds(one.at), y: one.rate_per_min, said: `${clock(one.at)} ${rate(one.rate_per_min)} a minute: ${one.reason}` })) }]}
              caption={<span><b>{rate(data.at(-1)!.rate_per_min)}</b> a minute {row.ended_at ? "at its end" : "now"} <small>{data.length} {data.length === 1 ? "rung" : "rungs"}{row.ended_at ? "" : " so far"}</small></span>} />
            <div className="scroll short" tabIndex={0} role="region" aria-label="Rungs, newest first">
              <table className="list"><thead><tr><th scope="col">at</th><th scope="col">a minute</th><th scope="col">rung</th><th scope="col">why</th></tr></thead>
                <tbody>{[...data].reverse().slice(0, LISTED).map((one) => (
                  <tr key={one.at}><td className="mono">{when(one.at, now)}</td><td className="mono num">{rate(one.rate_per_min)}</td><td className="mono num">{one.rung}</td><td className="wrap">{one.reason}</td></tr>
                ))}</tbody></table>
            </div>
            {data.length > LISTED && <p className="dim-line">the newest {LISTED} of {data.length}; the chart shows all</p>}
          </>
        )}
    </section>
  );
}
