import { useEffect, useMemo, useState } from "react";
import { get, health, items, type AgentRow, type Campaign, type Decision, type Loop, type SignalPoint } from "./api";
import { Agents } from "./Agents";
import { Campaigns } from "./Campaigns";
import { Decisions } from "./Decisions";
import { Feed } from "./Feed";
import { LoopPicture } from "./LoopPicture";
import { Signals } from "./Signals";
import { moment } from "./format";
import { useDark, useLive, usePoll } from "./hooks";

const CONNECTION = { connecting: "connecting", live: "live", waiting: "reconnecting" } as const;

export function App() {
  const loop = usePoll(() => get<Loop>("loop"), 1.5);
  const agents = usePoll(() => items<AgentRow>("agents"), 1.5);
  const decisions = usePoll(() => items<Decision>("decisions?limit=100"), 1.5);
  const signals = usePoll(() => items<SignalPoint>("signals"), 3);
  const campaigns = usePoll(() => items<Campaign>("campaigns"), 2);
  const ready = usePoll(health, 5);
  const { connection, messages } = useLive();
  const [theme, setTheme] = useState(() => localStorage.getItem("theme") ?? "auto");
  useEffect(() => {
    localStorage.setItem("theme", theme);
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  const dark = useDark();
  const polled = [loop, agents, decisions, signals, campaigns];
  const problem = polled.find((one) => one.error);
  const restricting = useMemo(
    () => (agents.data ?? []).filter((row) => !["watching", "no_signal", "idle", "steered"].includes(row.state)).length,
    [agents.data],
  );
  const modes = [...new Set((agents.data ?? []).map((row) => row.mode))];
  if (polled.some((one) => one.denied)) return <SignIn />;
  return (
    <main>
      <header className="bar">
        <h1>IGNITE</h1>
        <span className="bar-item">business time <b className="mono">{loop.data ? moment(loop.data.at) : "–"}</b></span>
        <span className={`bar-item connection-${connection}`} role="status">
          <span aria-hidden="true">{connection === "live" ? "●" : "○"}</span> {CONNECTION[connection]}
        </span>
        <span className="bar-item">{restricting ? <><span aria-hidden="true">■</span> {restricting === 1 ? "1 agent restricts or probes" : `${restricting} agents restrict or probe`}</> : "all 48 agents calm"}</span>
        {modes.length > 0 && <span className="bar-item">mode <b>{modes.join(", ")}</b>{modes.includes("observe") && " (decides, does not act)"}</span>}
        {(ready.error || ready.data) && <span className="bar-item trouble" role="status"><span aria-hidden="true">▲</span> {ready.error ?? ready.data}</span>}
        <ThemeSwitch theme={theme} choose={setTheme} />
      </header>
      {problem && <p className="banner" role="alert">The API does not answer as it should: {problem.error}. The page keeps trying; what you see is the last answer.</p>}
      <section aria-labelledby="h-loop"><h2 id="h-loop">The loop</h2><LoopPicture steps={loop.data?.steps ?? {}} /></section>
      <div className="columns">
        <section aria-labelledby="h-agents"><h2 id="h-agents">Agents</h2><Agents rows={agents.data ?? []} /></section>
        <section aria-labelledby="h-decisions"><h2 id="h-decisions">Decisions</h2><Decisions rows={decisions.data ?? []} /></section>
      </div>
      <section aria-labelledby="h-signals"><h2 id="h-signals">Signals per provider</h2><Signals points={signals.data ?? []} theme={`${theme} ${dark}`} /></section>
      <div className="columns">
        <section aria-labelledby="h-feed"><h2 id="h-feed">Events</h2><Feed messages={messages} /></section>
        <section aria-labelledby="h-campaigns"><h2 id="h-campaigns">Campaigns</h2><Campaigns rows={campaigns.data ?? []} /></section>
      </div>
    </main>
  );
}

function SignIn() {
  return (
    <main className="sign-in">
      <h1>IGNITE</h1>
      <p>This page needs a signed-in console. Open the one-time link that <code>ignite demo</code> or <code>ignite serve</code> printed in the terminal; if it was used already, start the server again for a new one.</p>
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
