/** Numbers for people: enough digits to see a difference, no more. */

/** Four significant digits, thousands apart: `12 345`, `1.234`, `0.001234`; a dash for what was not observed. */
export function formatNumber(value: number | null): string {
  if (value === null) return '-';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 10_000) return groupThousands(Math.round(value));
  if (Number.isInteger(value)) return String(value);
  const decimals = Math.max(0, 3 - Math.floor(Math.log10(size)));
  return decimals > 9 ? value.toExponential(3) : value.toFixed(decimals);
}

function groupThousands(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ' ');
}

/** `+1.2`, `-0.3`; two digits behind the point below one. */
export function formatSigned(value: number): string {
  const size = Math.abs(value);
  const text = size >= 100 ? size.toFixed(0) : size >= 1 ? size.toFixed(1) : size.toFixed(2);
  return `${value < 0 ? '-' : '+'}${text}`;
}

/** `1.5 ms`: with the largest unit that leaves a number of at least one. */
export function formatTime(ns: number): string {
  if (ns >= 1e9) return `${formatNumber(ns / 1e9)} s`;
  if (ns >= 1e6) return `${formatNumber(ns / 1e6)} ms`;
  if (ns >= 1e3) return `${formatNumber(ns / 1e3)} us`;
  return `${ns} ns`;
}
