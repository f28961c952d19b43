import { useEffect, useState } from "react";
import { get, health, ISP_NAME, type Alert, type Governance, type Page } from "./api";
import { moment } from "./format";
import { DENIED, useDark, useLive, useNewest, usePoll } from "./hooks";
import { LivePage } from "./LivePage";
import { AgentsPage } from "./pages/AgentsPage";
import { AlertsPage } from "./pages/AlertsPage";
import { ApprovalsPage } from "./pages/ApprovalsPage";
import { DecisionPage } from "./pages/DecisionPage";
import { IpList, IpPage } from "./pages/IpPage";
import { IspPage } from "./pages/IspPage";
import { PolicyPage } from "./pages/PolicyPage";
import { go, Link, usePath } from "./router";
import { SignIn, WANTED } from "./SignIn";

const CONNECTION = { connecting: "connecting", live: "live", waiting: "reconnecting" } as const;

/** The page's theme is in place before anything is drawn in it: charts read their colours once. */
export function applyTheme(theme: string): void {
  localStorage.setItem("theme", theme);
  document.documentElement.dataset.theme = theme;
}
export const keptTheme = (): string => localStorage.getItem("theme") ?? "auto";

/** Asks for a sign-in, and asks the API nothing more, once it has refused. */
export function App() {
  const [denied, setDenied] = useState(false);
  useEffect(() => {
    const refused = () => setDenied(true);
    addEventListener(DENIED, refused);
    return () => removeEventListener(DENIED, refused);
  }, []);
  return denied ? <SignIn /> : <Console />;
}

const NAV: [path: string, name: string, under: string][] = [
  ["/", "Live", ""], ["/isp/gmail", "Providers", "isp"], ["/ip", "Addresses", "ip"], ["/agents", "Agents", "agents"],
  ["/approvals", "Approvals", "approvals"], ["/policy", "Policy", "policy"], ["/alerts", "Alerts", "alerts"],
];

function Console() {
  const path = usePath();
  const [place = "", ...rest] = path.split("?")[0]!.slice(1).split("/");
  const governance = usePoll(() => get<Governance>("governance"), 2);
  const alerts = usePoll(() => get<Page<Alert>>("alerts?open_only=true&limit=100"), 3);
  const ready = usePoll(health, 5);
  const { connection, messages } = useLive();
  const [theme, setTheme] = useState(keptTheme);
  const dark = useDark();
  const [liveNow, setLiveNow] = useState<string>();
  const pushed = useNewest(messages, "policy");
  const now = governance.data?.at ?? liveNow;
  const open = alerts.data?.items ?? [];
  const counts: Record<string, number> = { approvals: governance.data?.pending ?? 0, alerts: open.length };
  const stops = governance.data?.stops ?? [];
  useEffect(() => {
    if (!governance.data) return; // not signed in yet
    const wanted = sessionStorage.getItem(WANTED);
    sessionStorage.removeItem(WANTED);
    if (wanted && location.pathname === "/") go(wanted, true);
  }, [governance.data !== null]);
  useEffect(() => {
    const name = NAV.find(([, , under]) => under === place)?.[1] ?? place;
    document.title = ["IGNITE", name.toLowerCase(), ...rest].join(" ");
    if (place) document.querySelector<HTMLElement>(".page-title")?.focus({ preventScroll: true });
  }, [path]);
  return (
    <main>
      <nav className="skips" aria-label="Skip to">
        {(place ? [["page", "the page"]] : [["h-agents", "agents"], ["h-decisions", "decisions"], ["h-feed", "events"]]).map(([id, name]) => <a key={id} href={`#${id}`}>Skip to {name}</a>)}
      </nav>
      <header className="bar">
        <h1>IGNITE</h1>
        <nav className="rooms" aria-label="Pages">
          {NAV.map(([to, name, under]) => (
            <Link key={to} to={to} aria-current={under === place || (under === "" && place === "decision") ? "page" : undefined}>
              {name}{(counts[under] ?? 0) > 0 && <b className={`count ${under === "alerts" ? "trouble" : ""}`}>{counts[under]}</b>}
            </Link>
          ))}
        </nav>
        <span className="bar-item">business time <b className="mono">{now ? moment(now) : <span className="skeleton">loading</span>}</b></span>
        <span className={`bar-item connection-${connection}`} role="status">
          <span aria-hidden="true">{connection === "live" ? "●" : "○"}</span> {CONNECTION[connection]}
        </span>
        {stops.length > 0 && <span className="bar-item trouble"><span aria-hidden="true">■</span> stopped {stops.some((one) => !one.isp) ? "everywhere" : `at ${stops.map((one) => ISP_NAME[one.isp ?? ""] ?? one.isp).join(", ")}`}</span>}
        {(ready.error || ready.data) && <span className="bar-item trouble" role="status"><span aria-hidden="true">▲</span> {ready.error ?? ready.data}</span>}
        <ThemeSwitch theme={theme} choose={(chosen) => { applyTheme(chosen); setTheme(chosen); }} />
      </header>
      <div id="page" className="page" tabIndex={-1}>
        {place === "" && <LivePage theme={`${theme} ${dark}`} messages={messages} alerts={open} tell={setLiveNow} />}
        {place === "isp" && <IspPage key={rest[0]} isp={rest[0] ?? ""} />}
        {place === "decision" && <DecisionPage key={rest[0]} id={Number(rest[0])} now={now} pushed={pushed} />}
        {place === "ip" && (rest[0] ? <IpPage key={rest[0]} ip={decodeURIComponent(rest[0])} /> : <IpList />)}
        {place === "agents" && <AgentsPage now={now} governance={governance.data} error={governance.error} isp={new URLSearchParams(path.split("?")[1]).get("isp")} />}
        {place === "approvals" && <ApprovalsPage now={now} governance={governance.data} />}
        {place === "policy" && <PolicyPage now={now} pushed={pushed} />}
        {place === "alerts" && <AlertsPage now={now} />}
      </div>
    </main>
  );
}

function ThemeSwitch({ theme, choose }: { theme: string; choose: (theme: string) => void }) {
  return (
    <label className="bar-item theme">theme{" "}
      <select value={theme} onChange={(event) => choose(event.target.value)}>
        <option value="auto">as the system</option><option value="light">light</option><option value="dark">dark</option>
      </select>
    </label>
  );
}
