import { useEffect, useMemo } from "react";
import { get, items, type AgentRow, type Alert, type Campaign, type LiveMessage, type Loop, type SignalPoint } from "./api";
import { Agents } from "./Agents";
import { Campaigns } from "./Campaigns";
import { Decisions } from "./Decisions";
import { Feed } from "./Feed";
import { usePoll } from "./hooks";
import { LoopPicture } from "./LoopPicture";
import { AlertStrip } from "./pages/AlertsPage";
import { Signals } from "./Signals";

const CALM = ["watching", "no_signal", "idle", "steered"];

/** Everything at once, as it happens. `tell` hands the business time on to the header. */
export function LivePage({ theme, messages, alerts, tell }: {
  theme: string; messages: LiveMessage[]; alerts: Alert[]; tell: (now: string) => void;
}) {
  const loop = usePoll(() => get<Loop>("loop"), 1.5);
  const agents = usePoll(() => items<AgentRow>("agents"), 1.5);
  const signals = usePoll(() => items<SignalPoint>("signals"), 3);
  const campaigns = usePoll(() => items<Campaign>("campaigns"), 2);
  const now = loop.data?.at;
  useEffect(() => { if (now) tell(now); }, [now]);
  const problem = [loop, agents, signals, campaigns].find((one) => one.error);
  const restricting = useMemo(() => (agents.data ?? []).filter((row) => !CALM.includes(row.state)).length, [agents.data]);
  const modes = [...new Set((agents.data ?? []).map((row) => row.mode))];
  return (
    <>
      {problem && <p className="banner" role="alert">The API does not answer as it should: {problem.error}. The page keeps trying; what you see is the last answer.</p>}
      <AlertStrip rows={alerts} />
      <section aria-labelledby="h-loop"><h2 id="h-loop">The loop</h2><LoopPicture steps={loop.data?.steps} /></section>
      <div className="columns">
        <section aria-labelledby="h-agents">
          <h2 id="h-agents" tabIndex={-1}>Agents</h2>
          <p className="section-line">
            <span>{restricting ? <><span aria-hidden="true">■</span> {restricting === 1 ? "1 agent restricts or probes" : `${restricting} agents restrict or probe`}</> : agents.data ? "all 48 agents calm" : <span className="skeleton">loading</span>}</span>
            {modes.length > 0 && <span>mode <b>{modes.join(", ")}</b>{modes.includes("observe") && " (decides, does not act)"}</span>}
          </p>
          <Agents rows={agents.data} now={now} />
        </section>
        <section aria-labelledby="h-decisions"><h2 id="h-decisions" tabIndex={-1}>Decisions</h2><Decisions now={now} /></section>
      </div>
      <section aria-labelledby="h-signals"><h2 id="h-signals">Signals per provider</h2><Signals points={signals.data} now={now} theme={theme} /></section>
      <div className="columns">
        <section aria-labelledby="h-feed"><h2 id="h-feed" tabIndex={-1}>Events</h2><Feed messages={messages} /></section>
        <section aria-labelledby="h-campaigns"><h2 id="h-campaigns">Campaigns</h2><Campaigns rows={campaigns.data} /></section>
      </div>
    </>
  );
}
