import { get, ISP_NAME, items, type AddressRow, type Decision, type IpPage as Data } from "../api";
import { Lane } from "../charts/Lane";
import { seconds } from "../charts/scale";
import { number, when, words } from "../format";
import { usePoll } from "../hooks";
import { Link } from "../router";
import { DayCharts, HourChart, OutcomeDays } from "./IpCharts";
import { WarmupChart } from "./WarmupChart";

/** All sending addresses, to choose one. */
export function IpList() {
  const { data, error } = usePoll(() => items<AddressRow>("ips"), 5);
  const held = usePoll(() => items<Decision>("decisions?standing=true&limit=200&action=quarantine_ip,disable_source"), 5);
  const most = Math.max(1, ...(data ?? []).map((one) => one.attempts));
  return (
    <>
      <div className="page-head"><h2 className="page-title" tabIndex={-1}>Sending addresses</h2></div>
      <section aria-label="Sending addresses">
        {!data ? <p className={error ? "trouble" : "skeleton"} role="status">{error ?? "Loading the addresses…"}</p>
          : data.length === 0 ? <p className="empty">No address is known. Name PowerMTA's VMTAs with their addresses in <code>pmta.vmtas</code>, or let it send: addresses are taken from the accounting log.</p> : (
            <table className="list wide"><thead><tr><th scope="col">address</th><th scope="col">VMTA</th><th scope="col">in force</th><th scope="col">attempts of the last day</th></tr></thead>
              <tbody>{data.map((one) => (
                <tr key={one.ip}>
                  <td><Link to={`/ip/${one.ip}`} className="mono">{one.ip}</Link>{one.cold && <> <span className="tag">warming up</span></>}</td>
                  <td className="mono">{one.vmtas.join(", ") || "not in the settings"}</td>
                  <td>{(held.data ?? []).filter((row) => row.target === one.ip).map((row) => (
                    <span key={row.id}><Link to={`/decision/${row.id}`} className={`action action-${row.action}`}>{words(row.action)}</Link> {row.isp ? ISP_NAME[row.isp] : "everywhere"} </span>
                  ))}</td>
                  <td className="fill"><span className="hbar" style={{ width: `${(60 * one.attempts) / most}%` }} aria-hidden="true" /> {number(one.attempts)}</td>
                </tr>
              ))}</tbody></table>
          )}
      </section>
    </>
  );
}

/** The history of one address: hours of the last day, thirty days of first attempts, decisions, warm-up. */
export function IpPage({ ip }: { ip: string }) {
  const path = `ips/${encodeURIComponent(ip)}`;
  const { data, error } = usePoll(() => get<Data>(path), 5, path);
  const head = (
    <div className="page-head">
      <h2 className="page-title mono" tabIndex={-1}>{ip}</h2>
      {data?.ip === ip && <span className="dim-line">{data.vmtas.length ? `VMTA ${data.vmtas.join(", ")}` : "no VMTA of the settings has it"}{data.cold && <> · <span className="tag">warming up</span></>}</span>}
      <span className="dim-line"><Link to="/ip">all addresses</Link></span>
    </div>
  );
  if (!data) return <>{head}<p className={error ? "empty trouble" : "empty skeleton"} role="status">{error ?? "Loading its history…"}</p></>;
  const now = seconds(data.at);
  const begin = Math.min(now - 86400, ...data.decisions.slice(0, 50).map((one) => seconds(one.at)));
  const nothing = !data.counted.length && !data.outcomes.length && !data.decisions.length && !data.warmup.length;
  if (nothing) {
    return <>{head}<section><p className="empty">Nothing is stored about {ip}: no mail from it in the last thirty days, no decision, no warm-up day. Check the address, or choose one of <Link to="/ip">those that are known</Link>.</p></section></>;
  }
  return (
    <>
      {head}
      <div className="split">
        <div className="main-column">
          <HourChart counted={data.counted} now={data.at} />
          <OutcomeDays outcomes={data.outcomes} now={data.at} />
          <DayCharts counted={data.counted} now={data.at} />
          <WarmupChart days={data.warmup} cold={data.cold} />
        </div>
        <div className="side">
          <section aria-labelledby="h-alarms">
            <h3 id="h-alarms">By provider, last day</h3>
            {data.counted.length === 0 ? <p className="empty">No mail from it has been counted in the last week.</p> : (
              <table className="list"><thead><tr>{["provider", "attempts", "not taken", "nearest alarm"].map((one) => <th key={one} scope="col">{one}</th>)}</tr></thead>
                <tbody>{data.counted.map((one) => {
                  const total = one.hours.reduce((sum, hour) => ({ n: sum.n + hour.attempts, x: sum.x + hour.deferred + hour.refused + hour.dead }), { n: 0, x: 0 });
                  const near = [...one.alarms].sort((a, b) => b.s / b.alarm - a.s / a.alarm)[0]!;
                  return (
                    <tr key={one.isp}><td>{ISP_NAME[one.isp] && one.isp !== "elsewhere" ? <Link to={`/isp/${one.isp}`}>{ISP_NAME[one.isp]}</Link> : "Elsewhere"}</td>
                      <td className="num">{number(total.n)}</td><td className="num">{number(total.x)}</td><td>{near.signal} at {near.s} of {near.alarm} points</td></tr>
                  );
                })}</tbody></table>
            )}
          </section>
          <section aria-labelledby="h-named">
            <h3 id="h-named">Decisions that named it</h3>
            {data.decisions.length === 0 ? <p className="empty">None: no agent has had to act on it.</p> : (
              <>
                <Lane decisions={data.decisions.slice(0, 50)} begin={begin} end={now} now={now} name="Decisions about this address over time" />
                <ul className="plain-list scroll">{data.decisions.map((one) => (
                  <li key={one.id}><span className="mono">{when(one.at, data.at)}</span> <Link to={`/decision/${one.id}`} className={`action action-${one.action}`}>{words(one.action)}</Link> {one.isp ? ISP_NAME[one.isp] : ""} <span className="status">{one.status}</span>
                    <p className="dim-line">{one.reason}</p></li>
                ))}</ul>
              </>
            )}
          </section>
        </div>
      </div>
    </>
  );
}
