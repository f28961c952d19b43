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
/** As `clock`, with the day in front unless it is the day of `now`. */
export function when(iso: string, now: string | undefined): string {
  if (now?.slice(0, 10) === iso.slice(0, 10)) return clock(iso);
  const day = new Date(iso).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
  return `${day} ${clock(iso)}`;
}
/** A time with its day, whatever the day is now: what is read again and again must not change. */
export const dated = (iso: string): string => when(iso, undefined);
/** A time by hours or minutes: "30 min", "12 h". */
export const lasting = (seconds: number): string =>
  (seconds < 3600 ? `${Math.round(seconds / 60)} min` : seconds < 172800 ? `${+(seconds / 3600).toFixed(1)} h` : `${Math.round(seconds / 86400)} days`);
export const words = (name: string): string => name.replaceAll("_", " ");
export const number = (value: number | undefined): string => (value ?? 0).toLocaleString("en");
export const percent = (x: number, n: number): string => (n ? `${((100 * x) / n).toFixed(1)} %` : "–");
