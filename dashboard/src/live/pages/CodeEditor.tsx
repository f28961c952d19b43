import { useRef } from "react";
import type { Fault } from "../api";

/** A plain text field with line numbers; lines with a fault are marked in the margin too. Tab leaves it, as anywhere. */
export function CodeEditor({ value, change, faults, label }: { value: string; change: (text: string) => void; faults: Fault[]; label: string }) {
  const margin = useRef<HTMLDivElement>(null);
  const lines = Math.max(1, value.split("\n").length);
  const wrong = new Set(faults.map((one) => one.line));
  const rows = Math.min(26, Math.max(14, lines + 1));
  return (
    <div className="code" style={{ height: `${rows * 18 + 12}px` }}>
      <div className="code-lines" ref={margin} aria-hidden="true">
        {Array.from({ length: lines }, (_, i) => <span key={i} className={wrong.has(i + 1) ? "wrong" : ""}>{wrong.has(i + 1) ? "▲ " : ""}{i + 1}</span>)}
      </div>
      <textarea value={value} aria-label={label} aria-describedby="policy-check" aria-invalid={faults.length > 0} spellCheck={false} autoComplete="off" wrap="off"
        placeholder={"# nothing is changed: the shipped rules are in force\nbounce-rise:\n  lifetime: 2h"}
        onChange={(event) => change(event.target.value)}
        onScroll={(event) => { if (margin.current) margin.current.scrollTop = event.currentTarget.scrollTop; }} />
    </div>
  );
}
