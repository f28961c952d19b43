// Arithmetic of the charts: no drawing here.

export const seconds = (iso: string): number => Date.parse(iso) / 1000;

/** Points of time to write under an axis: whole hours, or midnights on a long one. */
export function timeTicks(begin: number, end: number, most: number): number[] {
  const steps = [300, 600, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];
  const step = steps.find((one) => (end - begin) / one <= most) ?? 1209600;
  const ticks = [];
  for (let at = Math.ceil(begin / step) * step; at <= end; at += step) ticks.push(at);
  return ticks;
}

/** What to write at a tick: the time of day, and the day where one begins or the axis is long. */
export function tickLabel(at: number, begin: number, end: number): string {
  const date = new Date(at * 1000);
  const day = date.toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
  if (end - begin > 4 * 86400) return day;
  return at % 86400 === 0 ? day : date.toISOString().slice(11, 16);
}

/** A round number at or above `value`: 1, 2 or 5 times a power of ten. */
export function roundUp(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const found = [1, 2, 2.5, 5, 10].find((one) => one * power >= value * 0.9999) ?? 10;
  return found * power;
}

/** A share in percent with as many digits as it needs. */
export function share(value: number): string {
  const percent = 100 * value;
  if (percent === 0) return "0 %";
  const digits = percent < 0.1 ? 3 : percent < 1 ? 2 : percent < 100 ? 1 : 0;
  return `${+percent.toFixed(digits)} %`;
}

/** Wilson's interval of x among n at quantile z. */
export function wilson(x: number, n: number, z = 1.96): [low: number, high: number] {
  if (!n) return [0, 1];
  const p = x / n;
  const square = z * z;
  const spread = z * Math.sqrt((p * (1 - p) + square / (4 * n)) / n);
  const middle = p + square / (2 * n);
  return [Math.max(0, (middle - spread) / (1 + square / n)), Math.min(1, (middle + spread) / (1 + square / n))];
}
