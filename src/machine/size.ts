/** Sizes as sysfs (`32K`) and hwloc (`256MB`, `1GiB`, a plain number of bytes) write them. */

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** Bytes; undefined if it is no size, or one beyond counting. */
export function parseSize(text: string): number | undefined {
  const m = /^(\d{1,15})([kmgt]?)(?:i?b)?$/i.exec(text.trim());
  if (m === null) return undefined;
  const bytes = Number(m[1]) * UNITS[m[2]!.toLowerCase()]!;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
