/**
 * Sets of CPUs as words of 32 bits: bit `c & 31` of word `c >> 5`. A mask is a plain `Uint32Array`, so that it can be
 * copied, compared and stored in pools without wrappers. All masks of one machine have the same number of words.
 */

export type CpuMask = Uint32Array;

/** Number of 32-bit words a mask over `nrCpus` CPUs takes. */
export function maskWords(nrCpus: number): number {
  return (nrCpus + 31) >>> 5;
}

export function emptyMask(nrCpus: number): CpuMask {
  return new Uint32Array(maskWords(nrCpus));
}

export function fullMask(nrCpus: number): CpuMask {
  const mask = emptyMask(nrCpus);
  for (let cpu = 0; cpu < nrCpus; cpu++) maskSet(mask, cpu);
  return mask;
}

export function maskOf(nrCpus: number, cpus: Iterable<number>): CpuMask {
  const mask = emptyMask(nrCpus);
  for (const cpu of cpus) maskSet(mask, cpu);
  return mask;
}

export function maskSet(mask: CpuMask, cpu: number): void {
  mask[cpu >>> 5]! |= 1 << (cpu & 31);
}

export function maskHas(mask: CpuMask, cpu: number): boolean {
  return (mask[cpu >>> 5]! & (1 << (cpu & 31))) !== 0;
}

export function maskWeight(mask: CpuMask): number {
  let n = 0;
  for (let i = 0; i < mask.length; i++) n += popcount(mask[i]!);
  return n;
}

export function maskEqual(a: CpuMask, b: CpuMask): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Every CPU of `a` is in `b`. */
export function maskSubset(a: CpuMask, b: CpuMask): boolean {
  for (let i = 0; i < a.length; i++) if ((a[i]! & ~b[i]!) !== 0) return false;
  return true;
}

export function maskAnd(a: CpuMask, b: CpuMask): CpuMask {
  const out = new Uint32Array(a.length);
  for (let i = 0; i < a.length; i++) out[i] = a[i]! & b[i]!;
  return out;
}

export function maskOr(a: CpuMask, b: CpuMask): CpuMask {
  const out = new Uint32Array(a.length);
  for (let i = 0; i < a.length; i++) out[i] = a[i]! | b[i]!;
  return out;
}

/** The lowest CPU of the mask that is at least `from`, or -1. */
export function maskNext(mask: CpuMask, from: number): number {
  let i = from >>> 5;
  if (i >= mask.length) return -1;
  let word = mask[i]! & (-1 << (from & 31));
  while (word === 0) {
    if (++i >= mask.length) return -1;
    word = mask[i]!;
  }
  return (i << 5) + 31 - Math.clz32(word & -word);
}

export function maskFirst(mask: CpuMask): number {
  return maskNext(mask, 0);
}

/** CPUs of the mask in ascending order. Allocates; not for hot paths. */
export function maskCpus(mask: CpuMask): number[] {
  const cpus: number[] = [];
  for (let cpu = maskNext(mask, 0); cpu >= 0; cpu = maskNext(mask, cpu + 1)) cpus.push(cpu);
  return cpus;
}

/** Ranges as the kernel prints them: `0-3,8,10-11`; the empty set is the empty string. */
export function formatCpuList(cpus: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < cpus.length; ) {
    let j = i;
    while (j + 1 < cpus.length && cpus[j + 1] === cpus[j]! + 1) j++;
    parts.push(i === j ? `${cpus[i]}` : `${cpus[i]}-${cpus[j]}`);
    i = j + 1;
  }
  return parts.join(',');
}

/**
 * The CPUs of a kernel-style list `0-3,8,10-14/2`, ascending and without repeats, or undefined if it is not one.
 * `limit` bounds the numbers, so that `0-4000000000` is refused rather than built.
 */
export function parseCpuList(text: string, limit = 65536): number[] | undefined {
  const cpus = new Set<number>();
  const trimmed = text.trim();
  if (trimmed === '') return [];
  for (const part of trimmed.split(',')) {
    const m = /^\s*(\d+)(?:-(\d+)(?:[/:](\d+))?)?\s*$/.exec(part);
    if (m === null) return undefined;
    const first = Number(m[1]);
    const last = m[2] === undefined ? first : Number(m[2]);
    const step = m[3] === undefined ? 1 : Number(m[3]);
    if (last < first || step < 1 || last >= limit) return undefined;
    for (let cpu = first; cpu <= last; cpu += step) cpus.add(cpu);
  }
  return [...cpus].sort((a, b) => a - b);
}

/** The mask as `/proc/schedstat` prints it: 32-bit groups in hex, most significant first. @spec 09 §1 */
export function formatCpuMaskHex(mask: CpuMask, nrCpuIds: number): string {
  const words = maskWords(nrCpuIds);
  const groups: string[] = [];
  for (let i = words - 1; i >= 0; i--) {
    const bits = i === words - 1 ? nrCpuIds - i * 32 : 32;
    groups.push((mask[i] ?? 0).toString(16).padStart(Math.ceil(bits / 4), '0'));
  }
  return groups.join(',');
}

function popcount(x: number): number {
  x -= (x >>> 1) & 0x55555555;
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  x = (x + (x >>> 4)) & 0x0f0f0f0f;
  return Math.imul(x, 0x01010101) >>> 24;
}
