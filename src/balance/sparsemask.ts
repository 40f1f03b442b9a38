/**
 * A set of numbers 0..n-1 kept so that few of them share a cache line: 2^density elements a line. What changes is atomic
 * bit operations; who walks it reads a line at a time. @spec 20 §2
 */

/** The density of masks that are to be sparse: 8 elements a line. */
export const SPARSE = 3;

export class SparseMask {
  readonly density: number;
  readonly nrLines: number;
  readonly #n: number;
  readonly #words: Uint32Array;
  /** Members now. */
  count = 0;

  constructor(n: number, density: number) {
    this.density = density;
    this.nrLines = Math.ceil(n / 2 ** density);
    this.#n = n;
    this.#words = new Uint32Array((n + 31) >>> 5);
  }

  /** The line that holds an element. */
  lineOf(element: number): number {
    return element >>> this.density;
  }

  has(element: number): boolean {
    return (this.#words[element >>> 5]! & (1 << (element & 31))) !== 0;
  }

  add(element: number): void {
    if (this.has(element)) return;
    this.#words[element >>> 5]! |= 1 << (element & 31);
    this.count++;
  }

  delete(element: number): void {
    if (!this.has(element)) return;
    this.#words[element >>> 5]! &= ~(1 << (element & 31));
    this.count--;
  }

  /**
   * The walk upward from `origin` with wrap: how far from it the first member is that is at least `offset` away, or -1.
   * Members that come and go during a walk are seen if they are still ahead.
   */
  next(origin: number, offset: number): number {
    const n = this.#n;
    while (offset < n) {
      const at = origin + offset < n ? origin + offset : origin + offset - n;
      const rest = this.#words[at >>> 5]! >>> (at & 31);
      if (rest === 0) {
        // To the next word, or to the wrap if that is nearer.
        offset += Math.min(32 - (at & 31), at < n ? n - at : 32);
        continue;
      }
      const skip = 31 - Math.clz32(rest & -rest);
      if (skip === 0) return offset;
      offset += Math.min(skip, n - at);
    }
    return -1;
  }

  /**
   * Where a walk from `origin` that is `offset` away comes to its next line: an offset, n or more at the end. The line that
   * the walk began in is known when it comes round to it again.
   */
  nextLine(origin: number, offset: number): number {
    const n = this.#n;
    const at = origin + offset < n ? origin + offset : origin + offset - n;
    const inLine = at & (2 ** this.density - 1);
    const next = offset + Math.min(2 ** this.density - inLine, n - at);
    return next < n && this.lineOf(origin + next < n ? origin + next : origin + next - n) === this.lineOf(origin)
      ? n
      : next;
  }
}
