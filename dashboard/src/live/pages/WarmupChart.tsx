import { useState } from "react";
import { ISP_NAME, type WarmupDay } from "../api";
import { Stack, StackLegend, type Part } from "../charts/Stack";

const PARTS: Part[] = [
  { name: "accepted", token: "--good" }, { name: "deferred", token: "--series-deferral" },
  { name: "bounced", token: "--series-bounce" }, { name: "complained", token: "--series-complaint" },
];

/** Warm-up days of an address: what came of each day's mail, beside the budget. */
export function WarmupChart({ days, cold }: { days: WarmupDay[]; cold: boolean }) {
  const isps = [...new Set(days.map((one) => one.isp))];
  const [chosen, setChosen] = useState("");
  const isp = isps.includes(chosen) ? chosen : "";
  const byDay = new Map<string, WarmupDay[]>();
  for (const one of days) if (!isp || one.isp === isp) byDay.set(one.day, [...(byDay.get(one.day) ?? []), one]);
  const sum = (rows: WarmupDay[], key: "accepted" | "deferred" | "bounced" | "complained" | "budget") => rows.reduce((total, one) => total + one[key], 0);
  const columns = [...byDay].map(([day, rows]) => ({
    key: day, label: new Date(`${day}T00:00Z`).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" }),
    values: [sum(rows, "accepted"), sum(rows, "deferred"), sum(rows, "bounced"), sum(rows, "complained")],
  }));
  const notes = [...byDay].at(-1)?.[1].map((one) => ({ isp: one.isp, note: one.note })) ?? [];
  return (
    <section aria-labelledby="h-warm">
      <h3 id="h-warm">Warm-up days</h3>
      {days.length === 0 ? <p className="empty">{cold ? "Under the ladder, but no day has been planned yet: the warm-up worker plans each day." : "Not warming up. Mark its VMTA cold in pmta.vmtas to put it on the ladder."}</p> : (
        <>
          <label className="span">provider{" "}
            <select value={isp} onChange={(event) => setChosen(event.target.value)}>
              <option value="">all together</option>{isps.map((one) => <option key={one} value={one}>{ISP_NAME[one] ?? one}</option>)}
            </select></label>
          <StackLegend parts={PARTS} mark="budget" />
          <Stack label="Warm-up days" parts={PARTS} columns={columns} mark={[...byDay.values()].map((rows) => sum(rows, "budget"))} />
          <p className="dim-line">last day: {notes.slice(0, 9).map((one) => `${ISP_NAME[one.isp] ?? one.isp} ${one.note || "as planned"}`).join(" · ")}</p>
        </>
      )}
    </section>
  );
}
