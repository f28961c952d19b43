import {
  useEffect, useLayoutEffect, useReducer, useRef, useState, useSyncExternalStore, type KeyboardEvent, type RefObject,
} from "react";
import { ApiError, type LiveMessage } from "./api";

/** Said on the window when the API has refused who asks. */
export const DENIED = "ignite-denied";

export interface Polled<T> { data: T | null; error: string | null; denied: boolean }

/** Read now, every `seconds`, and when `key` changes; a failed read keeps the last data and says what is wrong. */
export function usePoll<T>(read: () => Promise<T>, seconds: number, key = ""): Polled<T> {
  const [state, setState] = useState<Polled<T>>({ data: null, error: null, denied: false });
  const reader = useRef(read);
  reader.current = read;
  useEffect(() => {
    let alive = true;
    let timer: ReturnType<typeof setTimeout>;
    const turn = async () => {
      try {
        const data = await reader.current();
        if (alive) setState({ data, error: null, denied: false });
      } catch (failure) {
        const denied = failure instanceof ApiError && (failure.status === 401 || failure.status === 403);
        if (denied) dispatchEvent(new Event(DENIED));
        const error = failure instanceof Error ? failure.message : String(failure);
        if (alive) setState((old) => ({ data: old.data, error, denied }));
      }
      if (alive) timer = setTimeout(turn, seconds * 1000);
    };
    void turn();
    return () => { alive = false; clearTimeout(timer); };
  }, [seconds, key]);
  return state;
}

export interface Action { busy: boolean; error: string | null; run: (what: () => Promise<unknown>) => Promise<boolean>; clear: () => void }

/** Something that a person asks of the server once: whether it is under way, and what went wrong. */
export function useAction(): Action {
  const [state, setState] = useState<{ busy: boolean; error: string | null }>({ busy: false, error: null });
  const run = async (what: () => Promise<unknown>) => {
    setState({ busy: true, error: null });
    try {
      await what();
      setState({ busy: false, error: null });
      return true;
    } catch (failure) {
      setState({ busy: false, error: failure instanceof Error ? failure.message : String(failure) });
      return false;
    }
  };
  return { ...state, run, clear: () => setState({ busy: false, error: null }) };
}

/** The width of an element in pixels, as it changes; a ref for it. */
export function useWidth<T extends Element>(first: number): [RefObject<T | null>, number] {
  const box = useRef<T>(null);
  const [width, setWidth] = useState(first);
  useLayoutEffect(() => {
    if (!box.current) return;
    setWidth(box.current.clientWidth || first);
    const watch = new ResizeObserver(([entry]) => entry && setWidth(Math.round(entry.contentRect.width) || first));
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  return [box, width];
}

const STEPS: Record<string, (columns: number) => number> = {
  ArrowDown: (columns) => columns, ArrowUp: (columns) => -columns,
  ArrowRight: (columns) => (columns > 1 ? 1 : 0), ArrowLeft: (columns) => (columns > 1 ? -1 : 0),
  Home: () => -Infinity, End: () => Infinity,
};

/** Arrow keys move the focus among the `[data-rove]` of an element, which is one Tab stop as a whole. */
export function rove(event: KeyboardEvent<HTMLElement>, columns = 1): void {
  const all = [...event.currentTarget.querySelectorAll<HTMLElement>("[data-rove]")];
  const at = all.indexOf(event.target as HTMLElement);
  const step = STEPS[event.key]?.(columns) ?? 0;
  if (at < 0 || !step) return;
  event.preventDefault();
  const to = Number.isFinite(step) ? at + step : step < 0 ? 0 : all.length - 1;
  all[to]?.focus();
}

const DARK = matchMedia("(prefers-color-scheme: dark)");
/** Whether the system asks for dark; follows a change. */
export const useDark = (): boolean => useSyncExternalStore(
  (changed) => { DARK.addEventListener("change", changed); return () => DARK.removeEventListener("change", changed); },
  () => DARK.matches,
);

export type Connection = "connecting" | "live" | "waiting";
const KEEP = 200;

/** The id of the newest message of a type that has come, 0 before the first; what is kept may have dropped it since. */
export function useNewest(messages: LiveMessage[], type: string): number {
  const newest = useRef(0);
  newest.current = Math.max(newest.current, messages.find((one) => one.type === type)?.id ?? 0);
  return newest.current;
}

/** The live feed: reconnects with ?after=, drops what it has seen, keeps the last messages, newest first. */
export function useLive(): { connection: Connection; messages: LiveMessage[] } {
  const [connection, setConnection] = useState<Connection>("connecting");
  const [messages, push] = useReducer(
    (old: LiveMessage[], add: LiveMessage[]) => [...add.reverse(), ...old].slice(0, KEEP), [],
  );
  useEffect(() => {
    let last = -KEEP; // a negative id asks for the last so many
    let alive = true;
    let wait = 500;
    let socket: WebSocket | undefined;
    let waiting: LiveMessage[] = [];
    let retry: ReturnType<typeof setTimeout>;
    // Bursts of messages become one render.
    const flush = setInterval(() => { if (waiting.length) { push(waiting); waiting = []; } }, 250);
    const connect = () => {
      const scheme = location.protocol === "https:" ? "wss" : "ws";
      socket = new WebSocket(`${scheme}://${location.host}/api/v1/live?after=${last}`);
      socket.onopen = () => { wait = 500; setConnection("live"); };
      socket.onmessage = (event: MessageEvent<string>) => {
        const message = JSON.parse(event.data) as LiveMessage;
        if (message.id > last) { last = message.id; waiting.push(message); }
      };
      socket.onclose = () => {
        if (!alive) return;
        setConnection("waiting");
        retry = setTimeout(connect, wait);
        wait = Math.min(wait * 2, 8000);
      };
    };
    connect();
    return () => { alive = false; clearInterval(flush); clearTimeout(retry); socket?.close(); };
  }, []);
  return { connection, messages };
}
