import { useState } from "react";
import { call, ISPS, ISP_NAME, items, type AddressRow, type Campaign, type Decision } from "../api";
import { useAction, usePoll } from "../hooks";
import { Link } from "../router";

/** What a person may order, and what it is about. `needs`: the one parameter it takes. */
const ORDERS: { action: string; says: string; target: string; needs?: string }[] = [
  { action: "throttle", says: "throttle a provider", target: "isp", needs: "factor" },
  { action: "backoff", says: "switch a provider to backoff", target: "isp" },
  { action: "pause_queue", says: "pause a provider's queues", target: "isp" },
  { action: "quarantine_ip", says: "quarantine an address at a provider", target: "ip" },
  { action: "disable_source", says: "disable an address at a provider", target: "ip" },
  { action: "pause_job", says: "pause a job", target: "job" },
  { action: "emergency_halt", says: "halt all mail to a provider", target: "isp" },
  { action: "halt_host", says: "halt the whole host", target: "host" },
];
const OTHER = "other";
const MINUTES = [15, 30, 60, 120, 360, 720, 1440];
const ASKS: Record<string, string> = { ip: "address, as 192.0.2.10", job: "job, as c12" };

/** A person's own decision: it carries name, reason and an end like any agent's, and comes back by a probe. */
export function ActForm() {
  const [isp, setIsp] = useState<string>(ISPS[0]);
  const [order, setOrder] = useState(ORDERS[0]!);
  const [target, setTarget] = useState("");
  const [minutes, setMinutes] = useState(30);
  const [factor, setFactor] = useState("0.5");
  const [reason, setReason] = useState("");
  const [made, setMade] = useState<Decision | null>(null);
  const action = useAction();
  const [typing, setTyping] = useState(false);
  const addresses = usePoll(() => items<AddressRow>("ips"), 30);
  const campaigns = usePoll(() => items<Campaign>("campaigns"), 30);
  const offered = order.target === "ip" ? (addresses.data ?? []).map((one) => ({ value: one.ip, says: `${one.ip}${one.vmtas.length ? ` (${one.vmtas.join(", ")})` : ""}` }))
    : order.target === "job" ? (campaigns.data ?? []).map((one) => ({ value: `c${one.id}`, says: `c${one.id} (${one.name})` })) : [];
  const chosen = typing || !offered.length ? OTHER : offered.some((one) => one.value === target) ? target : offered[0]!.value;
  const submit = () => action.run(async () => {
    const host = order.target === "host";
    const body = {
      isp: host ? null : isp, action: host ? "emergency_halt" : order.action, target_type: order.target,
      target: host ? "host" : order.target === "isp" ? isp : chosen === OTHER ? target.trim() : chosen,
      minutes, parameters: order.needs === "factor" ? { factor: Number(factor) } : {}, reason,
    };
    setMade(await call<Decision>("POST", "decisions", body));
    setReason("");
  });
  return (
    <section aria-labelledby="h-act">
      <h3 id="h-act">Decide something yourself</h3>
      <form className="form" onSubmit={(event) => { event.preventDefault(); void submit(); }}>
        <label className="wide">what<select value={order.action} onChange={(event) => { setOrder(ORDERS.find((one) => one.action === event.target.value)!); setTyping(false); setTarget(""); }}>
          {ORDERS.map((one) => <option key={one.action} value={one.action}>{one.says}</option>)}</select></label>
        {order.target !== "host" && <label>provider<select value={isp} onChange={(event) => setIsp(event.target.value)}>
          {ISPS.map((one) => <option key={one} value={one}>{ISP_NAME[one]}</option>)}</select></label>}
        {offered.length > 0 && <label>{order.target === "ip" ? "address" : "job"}<select value={chosen} onChange={(event) => { setTyping(event.target.value === OTHER); setTarget(event.target.value === OTHER ? "" : event.target.value); }}>
          {offered.map((one) => <option key={one.value} value={one.value}>{one.says}</option>)}<option value={OTHER}>another…</option></select></label>}
        {(order.target === "ip" || order.target === "job") && chosen === OTHER && <label>{offered.length ? `which ${order.target === "ip" ? "address" : "job"}` : order.target === "ip" ? "address" : "job"}<input value={target} required maxLength={200} placeholder={ASKS[order.target]} onChange={(event) => setTarget(event.target.value)} /></label>}
        {order.needs === "factor" && <label>to this share of the rate<input type="number" min="0.05" max="0.95" step="0.05" value={factor} required onChange={(event) => setFactor(event.target.value)} /></label>}
        <label>for<select value={minutes} onChange={(event) => setMinutes(Number(event.target.value))}>
          {MINUTES.map((one) => <option key={one} value={one}>{one < 60 ? `${one} minutes` : one === 60 ? "an hour" : `${one / 60} hours`}</option>)}</select></label>
        <label className="wide">reason<input value={reason} required maxLength={300} placeholder="kept with your name" onChange={(event) => setReason(event.target.value)} /></label>
        <button type="submit" className="button primary" disabled={action.busy}>Decide</button>
        <p role="status" className={action.error ? "trouble" : "good"}>{action.busy ? "Asking the server…" : action.error ?? (made && <>Made: <Link to={`/decision/${made.id}`}>decision {made.id}</Link>. It ends by a probe, or when you undo it there.</>)}</p>
      </form>
    </section>
  );
}
