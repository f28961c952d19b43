import { ISP_NAME, ISPS, type Counted } from "../api";
import { Stack, StackLegend, type Part } from "../charts/Stack";
import { number } from "../format";

const OUTCOMES: Part[] = [
  { name: "delivered", token: "--good" }, { name: "deferred", token: "--series-deferral" },
  { name: "refused", token: "--series-refusal" }, { name: "dead addresses", token: "--series-bounce" },
];
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Outcomes of the last day by hour. */
export function HourChart({ counted, now }: { counted: Counted[]; now: string }) {
  const hours = new Map<number, number[]>();
  for (const one of counted) {
    for (const hour of one.hours) {
      const sum = hours.get(Date.parse(hour.at)) ?? [0, 0, 0, 0];
      [hour.delivered, hour.deferred, hour.refused, hour.dead].forEach((value, i) => { sum[i]! += value; });
      hours.set(Date.parse(hour.at), sum);
    }
  }
  const last = Math.max(Math.floor(Date.parse(now) / HOUR_MS) * HOUR_MS, ...hours.keys());
  const columns = Array.from({ length: 24 }, (_, i) => {
    const at = last - (23 - i) * HOUR_MS;
    return { key: String(at), label: new Date(at).toISOString().slice(11, 16), values: hours.get(at) ?? [0, 0, 0, 0] };
  });
  return (
    <section aria-labelledby="h-hours">
      <h3 id="h-hours">Outcomes by hour, last day</h3>
      {hours.size === 0 ? <p className="empty">No mail in the last day. Hours are kept for a day, first attempts by day for thirty.</p> : (
        <><StackLegend parts={OUTCOMES} /><Stack label={`Outcomes by hour: ${number(columns.reduce((sum, one) => sum + one.values[0]!, 0))} delivered`} parts={OUTCOMES} columns={columns} /></>
      )}
    </section>
  );
}

const SHADES = ["--accent", "--series-deferral", "--good", "--series-complaint", "--series-refusal", "--probe", "--hold", "--dim", "--ink"];

/** First attempts of thirty days, by provider. Outcomes by day are not stored beyond the last day. */
export function DayCharts({ counted, now }: { counted: Counted[]; now: string }) {
  const order = [...ISPS, "elsewhere"].filter((isp) => counted.some((one) => one.isp === isp && one.days.length));
  const parts: Part[] = order.map((isp, i) => ({ name: ISP_NAME[isp] ?? isp, token: SHADES[i % SHADES.length]!, hatch: i % 2 === 1 }));
  const of = new Map(counted.map((one) => [one.isp, new Map(one.days)]));
  const today = Math.floor(Date.parse(now) / DAY_MS) * DAY_MS;
  const columns = Array.from({ length: 30 }, (_, i) => {
    const at = new Date(today - (29 - i) * DAY_MS);
    const day = at.toISOString().slice(0, 10);
    return { key: day, label: at.toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" }), values: order.map((isp) => of.get(isp)?.get(day) ?? 0) };
  });
  return (
    <section aria-labelledby="h-days">
      <h3 id="h-days">First attempts by day, thirty days</h3>
      {order.length === 0 ? <p className="empty">No first attempt from it is stored: an address without mail for a week is forgotten.</p> : (
        <><StackLegend parts={parts} /><Stack label="First attempts by day and provider" parts={parts} columns={columns} />
          <p className="dim-line">Outcomes are stored by hour for a day; by day only first attempts are.</p></>
      )}
    </section>
  );
}
