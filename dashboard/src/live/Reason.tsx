import { useId, useState, type ReactNode } from "react";

/** Something with a reason behind it: shown on hover, on keyboard focus, and on click; Escape closes. */
export function Reason({ children, why, label, className = "" }: {
  children: ReactNode; why: ReactNode; label: string; className?: string;
}) {
  const [open, setOpen] = useState(false);
  const id = useId();
  return (
    <span className={`reason ${className}`} onMouseEnter={() => setOpen(true)} onMouseLeave={() => setOpen(false)}>
      <button
        type="button" aria-label={label} aria-describedby={open ? id : undefined}
        onFocus={() => setOpen(true)} onBlur={() => setOpen(false)} onClick={() => setOpen(true)}
        onKeyDown={(event) => event.key === "Escape" && setOpen(false)}
      >
        {children}
      </button>
      {open && <span role="tooltip" id={id} className="reason-card">{why}</span>}
    </span>
  );
}
