import { useId, useLayoutEffect, useRef, useState, type ReactNode } from "react";

const EDGE = 8;

/**
 * Something with a reason behind it: shown on hover, on keyboard focus, and on click; Escape closes.
 * The card is placed against the window, so that no scrolling panel cuts it off; it may be hovered too.
 */
export function Reason({ children, why, label, className = "" }: {
  children: ReactNode; why: ReactNode; label: string; className?: string;
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
        ref={button} type="button" aria-label={label} aria-describedby={open ? id : undefined}
        onFocus={() => setOpen(true)} onBlur={() => setOpen(false)} onClick={() => setOpen(true)}
      >
        {children}
      </button>
      {open && <span ref={card} role="tooltip" id={id} className="reason-card"><span className="reason-text">{why}</span></span>}
    </span>
  );
}
