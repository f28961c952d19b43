import { useSyncExternalStore, type AnchorHTMLAttributes, type MouseEvent } from "react";

const MOVED = "ignite-moved";

function subscribe(changed: () => void): () => void {
  addEventListener("popstate", changed);
  addEventListener(MOVED, changed);
  return () => { removeEventListener("popstate", changed); removeEventListener(MOVED, changed); };
}
/** The path and query of the page that is shown. */
export const usePath = (): string => useSyncExternalStore(subscribe, () => location.pathname + location.search);

/** Shows another page of the console; the browser's way back leads here. */
export function go(to: string, replace = false): void {
  if (replace) history.replaceState(null, "", to); else history.pushState(null, "", to);
  dispatchEvent(new Event(MOVED));
  if (!replace) scrollTo(0, 0);
}

/** A click that means this page itself, and not a new tab. */
export const isPlain = (event: MouseEvent): boolean =>
  event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey && !event.defaultPrevented;

/** A real link: it can be copied and opened in another tab, and does not load the page anew. */
export function Link({ to, onClick, ...rest }: { to: string; "data-rove"?: string } & AnchorHTMLAttributes<HTMLAnchorElement>) {
  return (
    <a {...rest} href={to} onClick={(event) => {
      onClick?.(event);
      if (isPlain(event)) { event.preventDefault(); go(to); }
    }} />
  );
}

/** Where a decision's target has a page of its own. */
export function targetPath(type: string, target: string): string | null {
  if (type === "ip") return `/ip/${target}`;
  return type === "isp" && target ? `/isp/${target}` : null;
}
