import { useEffect } from "react";

/*
 * Reports a visit that may have begun with a click in one of our e-mails.
 *
 * The click's redirect adds eid (signed: which click, and whether a person made it), cid (campaign) and
 * sid (session). They are kept for the tab and taken out of the address bar, so that a shared address does
 * not carry somebody's name. Without them the visit is reported with nobody's name on it.
 *
 * page_view is sent once when the page is shown, session_end once when it is left: on pagehide, or after
 * half a minute in the background (phones kill hidden pages without a word). Who comes back after that
 * begins a new view. No cookie, no fingerprint.
 */

export interface EmailTrackerProps {
  /** Where beacons go. Another origin works too: the body is text/plain, so no preflight is needed. */
  endpoint?: string;
}

type Kind = "page_view" | "session_end";
interface Visit { eid: string; cid: string; sid: string }

const KEPT = "ignite.visit";
const GONE_AFTER_MS = 30_000;
const RETRY_AFTER_MS = 2_000;

/** The beacon's body: exactly these members in exactly this order (docs/tracking.md, "The beacon"). */
export function beacon(type: Kind, visit: Visit, url: string, referrer: string, durationMs: number, scrollPct: number): string {
  return JSON.stringify({
    type, eid: visit.eid, cid: visit.cid, sid: visit.sid, url, referrer, duration_ms: durationMs, scroll_pct: scrollPct,
  });
}

function visitOf(address: URL): Visit {
  const query = address.searchParams;
  if (query.has("eid")) {
    const visit = { eid: query.get("eid") ?? "", cid: query.get("cid") ?? "", sid: query.get("sid") ?? "" };
    keep(visit);
    return visit;
  }
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null") as Visit | null;
    if (kept) return kept;
  } catch { /* storage is switched off: every page is its own session */ }
  const visit = { eid: "", cid: "", sid: crypto.getRandomValues(new Uint32Array(2)).join("-") };
  keep(visit);
  return visit;
}

function keep(visit: Visit) {
  try { sessionStorage.setItem(KEPT, JSON.stringify(visit)); } catch { /* as above */ }
}

function hideNames(address: URL) {
  const clean = new URL(address);
  for (const name of ["eid", "cid", "sid"]) clean.searchParams.delete(name);
  if (clean.href !== address.href) history.replaceState(history.state, "", clean);
}

function scrolled(): number {
  const page = document.documentElement;
  const seen = page.scrollHeight ? (window.scrollY + window.innerHeight) / page.scrollHeight : 1;
  return Math.max(0, Math.min(100, Math.round(seen * 100)));
}

async function post(endpoint: string, body: string, tries = 2): Promise<void> {
  try {
    const answer = await fetch(endpoint, {
      method: "POST", body, keepalive: true, credentials: "omit", headers: { "Content-Type": "text/plain;charset=UTF-8" },
    });
    if (answer.status < 500) return;
  } catch { /* offline, or the server restarts */ }
  if (tries > 1) setTimeout(() => void post(endpoint, body, tries - 1), RETRY_AFTER_MS);
}

function start(endpoint: string): () => void {
  const address = new URL(location.href);
  const visit = visitOf(address);
  const url = address.href;
  const referrer = document.referrer;
  hideNames(address);

  let open = false;
  let visibleSince: number | null = null;
  let visibleMs = 0;
  let depth = 0;
  let leaving: ReturnType<typeof setTimeout> | undefined;

  const look = () => { depth = Math.max(depth, scrolled()); };
  const begin = () => {
    open = true;
    visibleMs = 0;
    depth = 0;
    visibleSince = document.visibilityState === "visible" ? performance.now() : null;
    look();
    void post(endpoint, beacon("page_view", visit, url, referrer, 0, 0));
  };
  const stopWatch = () => {
    if (visibleSince !== null) visibleMs += performance.now() - visibleSince;
    visibleSince = null;
  };
  const end = () => {
    if (!open) return;
    open = false;
    clearTimeout(leaving);
    stopWatch();
    look();
    const body = beacon("session_end", visit, url, referrer, Math.round(visibleMs), depth);
    if (!navigator.sendBeacon?.(endpoint, body)) void post(endpoint, body, 1);
  };
  const seen = () => {
    clearTimeout(leaving);
    if (document.visibilityState === "hidden") {
      stopWatch();
      leaving = setTimeout(end, GONE_AFTER_MS);
    } else if (open) {
      visibleSince ??= performance.now();
    } else {
      begin();
    }
  };
  const back = (event: PageTransitionEvent) => { if (event.persisted && !open) begin(); };

  begin();
  addEventListener("scroll", look, { passive: true });
  addEventListener("pagehide", end);
  addEventListener("pageshow", back);
  document.addEventListener("visibilitychange", seen);
  return () => {
    end();
    removeEventListener("scroll", look);
    removeEventListener("pagehide", end);
    removeEventListener("pageshow", back);
    document.removeEventListener("visibilitychange", seen);
  };
}

/** Put it once on every page of an owned site; it draws nothing. */
export function EmailTracker({ endpoint = "/api/v1/site-events" }: EmailTrackerProps) {
  useEffect(() => start(endpoint), [endpoint]);
  return null;
}
