import { useId, useLayoutEffect, useRef, useState, type ReactNode } from "react";

const EDGE = 8;

/**
 * Something with a reason behind it: shown on hover and on keyboard focus; Escape closes. A click or Enter chooses it,
 * where there is more to see. It takes part in its group's arrow keys; only the `reachable` one is a Tab stop.
 * The card is placed against the window, so that no scrolling panel cuts it off; it may be hovered too.
 */
export function Reason({ children, why, label, className = "", reachable, reached, chosen, choose }: {
  children: ReactNode; why: ReactNode; label: string; className?: string;
  reachable: boolean; reached: () => void; chosen: boolean; choose: () => void;
}) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const card = useRef<HTMLSpanElement>(null);

  useLayoutEffect(() => {
    if (!open) return;
    const place = () => {
      if (!button.current || !card.current) return;
      const at = button.current.getBoundingClientRect();
      const size = card.current.getBoundingClientRect();
      const below = at.bottom + size.height + EDGE <= innerHeight || at.top < size.height;
      card.current.style.top = `${below ? at.bottom : at.top - size.height}px`;
      card.current.style.left = `${Math.max(EDGE, Math.min(at.left, innerWidth - size.width - EDGE))}px`;
    };
    const escape = (event: KeyboardEvent) => { if (event.key === "Escape") setOpen(false); };
    place();
    addEventListener("scroll", place, { capture: true, passive: true });
    addEventListener("keydown", escape);
    return () => { removeEventListener("scroll", place, { capture: true }); removeEventListener("keydown", escape); };
  }, [open, why]);

  return (
    <span className={`reason ${className}`} onMouseEnter={() => setOpen(true)} onMouseLeave={() => setOpen(false)}>
      <button
        ref={button} type="button" aria-label={label} aria-describedby={open ? id : undefined} aria-expanded={chosen}
        data-rove="" tabIndex={reachable ? 0 : -1}
        onFocus={() => { setOpen(true); reached(); }} onBlur={() => setOpen(false)}
        onClick={() => { setOpen(false); choose(); }}
      >
        {children}
      </button>
      {open && <span ref={card} role="tooltip" id={id} className="reason-card"><span className="reason-text">{why}</span></span>}
    </span>
  );
}
