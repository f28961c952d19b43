import { ISP_NAME, ISPS, type Counted, type DayOutcomes } from "../api";
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
      {hours.size === 0 ? <p className="empty">No mail in the last day. Hours are kept for a day; what came of earlier mail is told by day.</p> : (
        <><StackLegend parts={OUTCOMES} /><Stack label={`Outcomes by hour: ${number(columns.reduce((sum, one) => sum + one.values[0]!, 0))} delivered`} parts={OUTCOMES} columns={columns} /></>
      )}
    </section>
  );
}

const SHADES = ["--accent", "--series-deferral", "--good", "--series-complaint", "--series-refusal", "--probe", "--hold", "--dim", "--ink"];

/** Outcomes of thirty days: what was delivered, and the first attempts that were not. */
export function OutcomeDays({ outcomes, now }: { outcomes: DayOutcomes[]; now: string }) {
  const days = new Map<string, number[]>();
  for (const one of outcomes) {
    const sum = days.get(one.day) ?? [0, 0, 0, 0];
    [one.delivered, one.deferred, one.refused, one.dead].forEach((value, i) => { sum[i]! += value; });
    days.set(one.day, sum);
  }
  const columns = lastDays(now).map(({ day, label }) => ({ key: day, label, values: days.get(day) ?? [0, 0, 0, 0] }));
  const complained = outcomes.reduce((sum, one) => sum + one.complained, 0);
  return (
    <section aria-labelledby="h-outcomes">
      <h3 id="h-outcomes">Outcomes by day, thirty days</h3>
      {days.size === 0 ? <p className="empty">No outcome of its mail is stored for the last thirty days.</p> : (
        <><StackLegend parts={OUTCOMES} /><Stack label={`Outcomes by day: ${number(columns.reduce((sum, one) => sum + one.values[0]!, 0))} delivered`} parts={OUTCOMES} columns={columns} />
          <p className="dim-line">{complained ? `${number(complained)} complained. ` : ""}Deferred, refused and dead are first attempts; what was deferred may have been delivered later.</p></>
      )}
    </section>
  );
}

function lastDays(now: string): { day: string; label: string }[] {
  const today = Math.floor(Date.parse(now) / DAY_MS) * DAY_MS;
  return Array.from({ length: 30 }, (_, i) => {
    const at = new Date(today - (29 - i) * DAY_MS);
    return { day: at.toISOString().slice(0, 10), label: at.toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" }) };
  });
}

/** First attempts of thirty days, by provider. */
export function DayCharts({ counted, now }: { counted: Counted[]; now: string }) {
  const order = [...ISPS, "elsewhere"].filter((isp) => counted.some((one) => one.isp === isp && one.days.length));
  const parts: Part[] = order.map((isp, i) => ({ name: ISP_NAME[isp] ?? isp, token: SHADES[i % SHADES.length]!, hatch: i % 2 === 1 }));
  const of = new Map(counted.map((one) => [one.isp, new Map(one.days)]));
  const columns = lastDays(now).map(({ day, label }) => ({ key: day, label, values: order.map((isp) => of.get(isp)?.get(day) ?? 0) }));
  return (
    <section aria-labelledby="h-days">
      <h3 id="h-days">First attempts by day, thirty days</h3>
      {order.length === 0 ? <p className="empty">No first attempt from it is stored: an address without mail for a week is forgotten.</p> : (
        <><StackLegend parts={parts} /><Stack label="First attempts by day and provider" parts={parts} columns={columns} /></>
      )}
    </section>
  );
}
