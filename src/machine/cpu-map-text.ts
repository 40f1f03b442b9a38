/**
 * Sets of CPUs as hexadecimal words, most significant first: `00000000,0000000f` in sysfs and `0x000000ff,0xffffffff` in
 * hwloc's files. hwloc leaves out words of zeros (`0x1,,0x3`) and writes a set without an end as `0xf...f,0x0`.
 */

/** Longer texts are refused unread: 8192 CPUs take 2,816 characters. */
const MAX_LENGTH = 65_536;

export interface CpuMapText {
  /** Ascending. */
  readonly cpus: readonly number[];
  /** All CPUs from here on are in the set too; undefined for a set that ends. */
  readonly endlessFrom?: number;
}

/** Undefined if it is not such a set, or has members from `limit` on. */
export function parseCpuMap(text: string, limit: number): CpuMapText | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const words = text.trim().split(',');
  const isEndless = words[0] === '0xf...f';
  if (isEndless) words.shift();
  const cpus: number[] = [];
  for (let i = words.length - 1, base = 0; i >= 0; i--, base += 32) {
    const word = words[i]!;
    if (word === '' && words.length > 1) continue;
    if (!/^(?:0x)?[0-9a-f]{1,8}$/i.test(word)) return undefined;
    const bits = Number.parseInt(word, 16);
    if (bits === 0) continue;
    for (let bit = 0; bit < 32; bit++) {
      if (((bits >>> bit) & 1) === 0) continue;
      if (base + bit >= limit) return undefined;
      cpus.push(base + bit);
    }
  }
  return isEndless ? { cpus, endlessFrom: words.length * 32 } : { cpus };
}
