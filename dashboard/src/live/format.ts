/** Business time as hours and minutes; the date only where it helps. */
export function clock(iso: string | null | undefined): string {
  if (!iso) return "never";
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? "?" : at.toISOString().slice(11, 19);
}
export const number = (value: number | undefined): string => (value ?? 0).toLocaleString("en");
export const percent = (x: number, n: number): string => (n ? `${((100 * x) / n).toFixed(1)} %` : "–");
