/**
 * What recorded wakeups show of an LLC: how far it is searched for an idle CPU, and whether it is thought to have idle
 * cores. No event tells either. The depth is set by a balance pass and stays until the next one; the mark is set when the
 * last thread of a core goes idle and struck out by a search in vain. What a wakeup's outcome says of them holds for the
 * wakeups after it. @spec 05 §4.1-4.2
 */

/** Sets of what the mark may be. */
export const Cores = { NONE: 1, SOME: 2, EITHER: 3 } as const;

/** States of the mark that are remembered: as many as there are events within the lag of `decision-cpus.ts`. */
const REMEMBERED = 256;

export class LlcKnowledge {
  /** Bounds of the number of CPUs that a search looks at. */
  depthLeast = 0;
  depthMost = Number.POSITIVE_INFINITY;
  /** Passes that have set the depth; passes that are at it. */
  setBy = 0;
  setting = 0;
  /** The last states of the mark, each from a moment on. */
  readonly #cores: { readonly fromNs: number; readonly cores: number }[] = [{ fromNs: 0, cores: Cores.EITHER }];

  /** A pass has set the depth anew. */
  depthSet(): void {
    this.setBy++;
    this.depthLeast = 0;
    this.depthMost = Number.POSITIVE_INFINITY;
  }

  depthWithin(least: number, most: number): void {
    this.depthLeast = Math.max(this.depthLeast, least);
    this.depthMost = Math.min(this.depthMost, most);
  }

  /** What the mark may have been at some time since `sinceNs`, as far as is known up to now. */
  coresSince(sinceNs: number): number {
    let set = 0;
    for (let i = this.#cores.length - 1; i >= 0; i--) {
      const { fromNs, cores } = this.#cores[i]!;
      set |= cores;
      if (fromNs <= sinceNs) break;
    }
    return set;
  }

  changedAfter(timeNs: number): boolean {
    return this.#cores.at(-1)!.fromNs > timeNs;
  }

  coresFrom(fromNs: number, cores: number): void {
    this.#cores.push({ fromNs, cores });
    if (this.#cores.length > 2 * REMEMBERED) this.#cores.splice(0, REMEMBERED);
  }
}
