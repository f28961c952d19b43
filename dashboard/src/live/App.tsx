import { useEffect, useMemo, useState } from "react";
import { get, health, items, type AgentRow, type Campaign, type Loop, type SignalPoint } from "./api";
import { Agents } from "./Agents";
import { Campaigns } from "./Campaigns";
import { Decisions } from "./Decisions";
import { Feed } from "./Feed";
import { LoopPicture } from "./LoopPicture";
import { Signals } from "./Signals";
import { moment } from "./format";
import { useDark, useLive, usePoll } from "./hooks";

const CONNECTION = { connecting: "connecting", live: "live", waiting: "reconnecting" } as const;

/** The page's theme is in place before anything is drawn in it: charts read their colours once. */
export function applyTheme(theme: string): void {
  localStorage.setItem("theme", theme);
  document.documentElement.dataset.theme = theme;
}
export const keptTheme = (): string => localStorage.getItem("theme") ?? "auto";

const SKIPS: [id: string, name: string][] = [["h-agents", "agents"], ["h-decisions", "decisions"], ["h-feed", "events"]];

/** Asks for a sign-in, and asks the API nothing more, once it has refused. */
export function App() {
  const [denied, setDenied] = useState(false);
  return denied ? <SignIn /> : <Console deny={() => setDenied(true)} />;
}

function Console({ deny }: { deny: () => void }) {
  const loop = usePoll(() => get<Loop>("loop"), 1.5);
  const agents = usePoll(() => items<AgentRow>("agents"), 1.5);
  const signals = usePoll(() => items<SignalPoint>("signals"), 3);
  const campaigns = usePoll(() => items<Campaign>("campaigns"), 2);
  const ready = usePoll(health, 5);
  const { connection, messages } = useLive();
  const [theme, setTheme] = useState(keptTheme);
  const dark = useDark();
  const now = loop.data?.at;
  const polled = [loop, agents, signals, campaigns];
  const problem = polled.find((one) => one.error);
  const restricting = useMemo(
    () => (agents.data ?? []).filter((row) => !["watching", "no_signal", "idle", "steered"].includes(row.state)).length,
    [agents.data],
  );
  const modes = [...new Set((agents.data ?? []).map((row) => row.mode))];
  const denied = polled.some((one) => one.denied);
  useEffect(() => { if (denied) deny(); }, [denied]);
  return (
    <main>
      <nav className="skips" aria-label="Skip to">{SKIPS.map(([id, name]) => <a key={id} href={`#${id}`}>Skip to {name}</a>)}</nav>
      <header className="bar">
        <h1>IGNITE</h1>
        <span className="bar-item">business time <b className="mono">{now ? moment(now) : <span className="skeleton">loading</span>}</b></span>
        <span className={`bar-item connection-${connection}`} role="status">
          <span aria-hidden="true">{connection === "live" ? "●" : "○"}</span> {CONNECTION[connection]}
        </span>
        <span className="bar-item">{restricting ? <><span aria-hidden="true">■</span> {restricting === 1 ? "1 agent restricts or probes" : `${restricting} agents restrict or probe`}</> : agents.data ? "all 48 agents calm" : <span className="skeleton">loading</span>}</span>
        {modes.length > 0 && <span className="bar-item">mode <b>{modes.join(", ")}</b>{modes.includes("observe") && " (decides, does not act)"}</span>}
        {(ready.error || ready.data) && <span className="bar-item trouble" role="status"><span aria-hidden="true">▲</span> {ready.error ?? ready.data}</span>}
        <ThemeSwitch theme={theme} choose={(chosen) => { applyTheme(chosen); setTheme(chosen); }} />
      </header>
      {problem && <p className="banner" role="alert">The API does not answer as it should: {problem.error}. The page keeps trying; what you see is the last answer.</p>}
      <section aria-labelledby="h-loop"><h2 id="h-loop">The loop</h2><LoopPicture steps={loop.data?.steps} /></section>
      <div className="columns">
        <section aria-labelledby="h-agents"><h2 id="h-agents" tabIndex={-1}>Agents</h2><Agents rows={agents.data} now={now} /></section>
        <section aria-labelledby="h-decisions"><h2 id="h-decisions" tabIndex={-1}>Decisions</h2><Decisions now={now} /></section>
      </div>
      <section aria-labelledby="h-signals"><h2 id="h-signals">Signals per provider</h2><Signals points={signals.data} now={now} theme={`${theme} ${dark}`} /></section>
      <div className="columns">
        <section aria-labelledby="h-feed"><h2 id="h-feed" tabIndex={-1}>Events</h2><Feed messages={messages} /></section>
        <section aria-labelledby="h-campaigns"><h2 id="h-campaigns">Campaigns</h2><Campaigns rows={campaigns.data} /></section>
      </div>
    </main>
  );
}

function SignIn() {
  return (
    <main className="sign-in">
      <h1>IGNITE</h1>
      <p>This page needs a signed-in console.</p>
      <form method="post" action="/console">
        <label htmlFor="key">API key</label>
        <input id="key" name="key" type="password" autoComplete="current-password" required autoFocus />
        <button type="submit">Sign in</button>
      </form>
      <p>Keys stand in the server's configuration, each with the name of who uses it: <code>{'api: {keys: {alice: "at least sixteen characters"}}'}</code></p>
      <p>With <code>ignite demo</code>, open the one-time link that it printed in the terminal; each start prints a new one.</p>
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
