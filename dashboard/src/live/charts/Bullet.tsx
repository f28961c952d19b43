/**
 * How much of a way is gone: a bar with its end marked, and the figures beside it, since length alone says nothing exact.
 * `calm`: this one alone decides nothing, so that reaching it is no alarm.
 */
export function Bullet({ way, label, text, calm = false }: { way: number; label: string; text: string; calm?: boolean }) {
  const full = way >= 1;
  return (
    <span className={`bullet ${calm ? "calm" : ""}`} role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(100 * way)} aria-valuetext={text}>
      <span className="bullet-track"><span className={`bullet-fill ${full ? "full" : way >= 0.5 ? "near" : ""}`} style={{ width: `${100 * Math.min(1, way)}%` }} /></span>
      <span className="bullet-text">{full && <span aria-hidden="true">{calm ? "✓" : "▲"} </span>}{text}</span>
    </span>
  );
}
