// What the console reads from the API, and the only file that knows its shapes.

export const ISPS = ["gmail", "yahoo", "microsoft", "apple", "comcast", "att", "cox", "charter"] as const;
export const KINDS = ["reputation", "throttle", "pool", "warmup", "emergency", "suppression"] as const;
/** Every action; suppressions come last, since there are so many that they hide the rest. */
export const ACTIONS = [
  "emergency_halt", "pause_queue", "disable_source", "quarantine_ip", "pause_job", "backoff", "throttle", "warn",
  "hold_warmup", "step_down_warmup", "probe", "release", "stop", "resume", "set_mode", "suppress",
] as const;
export const ISP_NAME: Record<string, string> = {
  gmail: "Gmail", yahoo: "Yahoo", microsoft: "Microsoft", apple: "Apple",
  comcast: "Comcast", att: "AT&T", cox: "Cox", charter: "Charter", elsewhere: "Elsewhere",
};

/** A decision's target as people write it: a provider by its name, anything else as it is. */
export const targetName = (row: { target: string; target_type?: string }): string =>
  ((row.target_type || "isp") === "isp" ? ISP_NAME[row.target] ?? row.target : row.target);

/** Why an agent is as it is, with the provider that steers its mail by name. */
export const whyOf = (row: { reason: string }): string =>
  row.reason.replace(/^(steered by )(\w+)$/, (_, said: string, isp: string) => said + (ISP_NAME[isp] ?? isp));

export interface Loop { at: string; steps: Record<string, number> }
export interface AgentRow {
  isp: string; agent: string; mode: string; state: string; reason: string;
  evaluations: number; evaluated_at: string | null;
}
export interface Decision {
  id: number; at: string; until: string; isp: string | null; agent: string; action: string;
  target_type: string; target: string; status: string; reason: string; rule: string; mode: string;
  status_note: string | null; evidence: Record<string, unknown>; parameters: Record<string, unknown>;
  undoes: number | null; ended_at: string | null;
  awaits?: boolean; deadline?: string | null; on_deadline?: "apply" | "reject" | null;
  by?: string | null; person_reason?: string | null;
  /** Of a suppression, alone: how many entries that it made would be lifted with it. */
  entries?: number;
}
/** Whether a person made it herself; what an agent wished and a person approved is the agent's. */
export const isPersons = (row: { rule?: unknown; by?: unknown }): boolean => row.rule === "person@1" && typeof row.by === "string";

export interface Command {
  id: number; host: string; knob: string; argv: string[] | null; state: string; exit_status: number | null;
  output: string | null; read_back: unknown; created_at: string; finished_at: string | null;
}
export interface Suppressing { isp: string; decisions: number; addresses: number; last: string }
export interface Rule {
  id: string; agent: string; says: string; signal: string; scope: string; action: string;
  parameters: Record<string, number>; lifetime_s: number;
}
export interface RateStep { at: string; rung: number; rate_per_min: number; reason: string }

/** `s`: the highest that the alarm's statistic stood, `h` its limit; null where nothing says so. */
export type Point = [at: string, n: number, x: number, s: number | null, h: number | null];
export interface Series { signal: string; p0: number; p1: number; s: number; alarm: number; points: Point[] }
/** A decision as a chart or a list needs it; `isp` only where several providers are shown. */
export interface DecisionMark {
  id: number; at: string; until: string; ended_at: string | null; isp?: string | null; agent: string; action: string;
  target_type: string; target: string; reason: string; rule: string; mode: string; status: string;
  status_note: string | null; undoes: number | null;
}
export interface Measure { what: string; have: number; need: number; way: number }
export interface Prospect {
  rule: string; agent: string; says: string; action: string; parameters: Record<string, number>; lifetime_s: number;
  test: string; signal: string; scope_type: string; scope: string; places: number; window_s: number; n: number; x: number;
  way: number; measures: Measure[]; note: string;
}
export interface Ahead {
  decision: number; agent: string; action: string; target: string; status: string; at: string; until: string; then: string;
  probe: { id: number; at: string; until: string; n: number; x: number; weight: number; accept: number; verdict: string | null } | null;
}
export interface IspPage {
  isp: string; at: string; since: string; bucket_s: number; of: string; places: string[]; series: Series[]; agents: AgentRow[];
  decisions: DecisionMark[]; ahead: Ahead[]; prospects: Prospect[];
}
export interface DayOutcomes { isp: string; day: string; attempts: number; delivered: number; deferred: number; refused: number; dead: number; complained: number }
export interface AddressRow { ip: string; attempts: number; vmtas: string[]; cold: boolean }
export interface HourCounts { at: string; attempts: number; delivered: number; deferred: number; refused: number; dead: number; complained: number }
export interface Counted {
  isp: string; updated_at: string; days: [day: string, firsts: number][]; hours: HourCounts[];
  alarms: { signal: string; s: number; alarm: number }[];
}
export interface WarmupDay {
  vmta: string; isp: string; day: string; budget: number; on_hand: number; selected: number; accepted: number;
  deferred: number; bounced: number; complained: number; slow_start: boolean; note: string;
}
export interface IpPage {
  ip: string; at: string; vmtas: string[]; cold: boolean; counted: Counted[]; outcomes: DayOutcomes[]; decisions: DecisionMark[]; warmup: WarmupDay[];
}
export interface Alert { id: number; kind: string; subject: string; text: string; first_seen: string; last_seen: string; ended_at: string | null }

export const MODES = ["observe", "shadow", "approve", "act"] as const;
export interface ModeEntry { agent: string | null; isp: string | null; mode: string; by: string; at: string; reason: string }
export interface Stop { isp: string | null; by: string; at: string; reason: string }
export interface Governance { at: string; default_mode: string; host_unread: string | null; modes: ModeEntry[]; stops: Stop[]; pending: number }

export interface PolicyRule {
  name: string; version: number; id: string; agent: string; says: string; signal: string; scope: string; action: string;
  parameters: Record<string, number>; lifetime_s: number; enabled: boolean; changed: boolean; fields: Record<string, unknown>; uses: string[];
}
export interface Policy { version: number; by: string | null; at: string | null; reason: string | null; document: string; rules: PolicyRule[]; from_file: boolean; faults: Fault[] }
/** The limit of a decision's rule, if the rule in force is still that one and has a limit: what evidence need not hold. */
export function limitOf(policy: Policy | null, row: { rule: string }): number | undefined {
  const rule = policy?.rules.find((one) => one.id === row.rule);
  return rule?.uses.includes("limit") && typeof rule.fields.limit === "number" ? rule.fields.limit : undefined;
}
export interface PolicyVersion { version: number; by: string | null; at: string | null; reason: string | null; document?: string }
export interface Fault { key: string; message: string; line: number | null }
export interface Difference { rule: string; field: string; from: unknown; to: unknown }
export interface PolicyCheck { ok: boolean; faults: Fault[]; diff: Difference[] }
export interface ReplayedDecision { at: string; until: string; isp: string | null; agent: string; action: string; target: string; reason: string; rule: string }
/** `decisions` holds the first 200; `total` and the counts are of all. */
export interface Replayed { total: number; by_action: Record<string, number>; by_agent: Record<string, number>; decisions: ReplayedDecision[] }
export interface Backtest {
  status: string; progress: number; records: number; days: number; files: number; left_out: string[]; rejected: number;
  current: Replayed; proposed: Replayed; only_current: ReplayedDecision[]; only_proposed: ReplayedDecision[];
  moved: ReplayedDecision[]; error: string | null;
}

export interface Page<T> { items: T[]; next: number | null }
export interface SignalPoint { at: string; isp: string; signal: string; n: number; x: number }
export interface Variant { name: string; subject: string; sent: number; clicks: number; winner?: boolean }
export interface Campaign {
  id: number; name: string; kind: string; status: string; counts: Record<string, number>; variants: Variant[];
  test_status?: string | null; winner?: string | null; status_reason?: string | null; reasons?: Record<string, number>;
  learning?: { winner: string; probability: number; n: number } | null;
}
export interface LiveMessage { id: number; type: string; at: string; isp: string | null; data: Record<string, unknown> }

export class ApiError extends Error {
  constructor(readonly status: number, message: string) { super(message); }
}

export const get = <T>(path: string): Promise<T> => call<T>("GET", path);

/** Asks for `path` below /api/v1; `body` goes as JSON. Raises `ApiError` with the server's own words. */
export async function call<T>(method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: unknown): Promise<T> {
  const answer = await fetch(`/api/v1/${path}`, {
    method, credentials: "same-origin",
    headers: { Accept: "application/json", ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) {
    const problem = (await answer.json().catch(() => ({}))) as { title?: string; detail?: string };
    throw new ApiError(answer.status, problem.detail ?? problem.title ?? answer.statusText);
  }
  return (await answer.json()) as T;
}

export const items = async <T>(path: string): Promise<T[]> => (await get<{ items: T[] }>(path)).items;

/** What the server says it lacks, or null: 503 is an answer here, not a failure. */
export async function health(): Promise<string | null> {
  const answer = await fetch("/health/ready");
  if (answer.ok) return null;
  const said = (await answer.json().catch(() => ({}))) as { missing?: Record<string, string> };
  return said.missing ? `not ready: ${Object.entries(said.missing).map(([name, why]) => `${name} (${why})`).join(", ")}` : `not ready (${answer.status})`;
}
