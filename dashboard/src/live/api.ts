// What the console reads from the API, and the only file that knows its shapes.

export const ISPS = ["gmail", "yahoo", "microsoft", "apple", "comcast", "att", "cox", "charter"] as const;
export const KINDS = ["reputation", "throttle", "pool", "warmup", "emergency", "suppression"] as const;
/** Every action; suppressions come last, since there are so many that they hide the rest. */
export const ACTIONS = [
  "emergency_halt", "pause_queue", "disable_source", "quarantine_ip", "pause_job", "backoff", "throttle", "warn",
  "hold_warmup", "step_down_warmup", "probe", "release", "suppress",
] as const;
export const ISP_NAME: Record<string, string> = {
  gmail: "Gmail", yahoo: "Yahoo", microsoft: "Microsoft", apple: "Apple",
  comcast: "Comcast", att: "AT&T", cox: "Cox", charter: "Charter", elsewhere: "Elsewhere",
};

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
}
export interface Command {
  id: number; host: string; knob: string; argv: string[] | null; state: string; exit_status: number | null;
  output: string | null; read_back: unknown; created_at: string; finished_at: string | null;
}
export interface Suppressing { isp: string; decisions: number; addresses: number; last: string }
export interface Rule {
  id: string; agent: string; says: string; signal: string; scope: string; action: string;
  parameters: Record<string, number>; lifetime_s: number;
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

export async function get<T>(path: string): Promise<T> {
  const answer = await fetch(`/api/v1/${path}`, { headers: { Accept: "application/json" }, credentials: "same-origin" });
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
