/** Business time of day, UTC. */
export function clock(iso: string | null | undefined): string {
  if (!iso) return "never";
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? "?" : at.toISOString().slice(11, 19);
}
/** Business time with its day: the header's clock. */
export function moment(iso: string): string {
  const day = new Date(iso).toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
  return `${day} ${clock(iso)} UTC`;
}
export const number = (value: number | undefined): string => (value ?? 0).toLocaleString("en");
export const percent = (x: number, n: number): string => (n ? `${((100 * x) / n).toFixed(1)} %` : "–");
