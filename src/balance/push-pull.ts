/**
 * Function calls on their way to idle CPUs, each asking the CPU to take the head of a busy CPU's list. @spec 21 §5 Q1
 *
 *   target 3   first ─► from CPU 0, since ... ─► from CPU 7, since ...
 */
import { k } from '../sched/kernel.ts';

export class PullRequests {
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  // Of each request: the busy CPU, when its push began, ns, and the request behind it, or the next free one.
  #queue = new Int32Array(0);
  #since = new Float64Array(0);
  #next = new Int32Array(0);
  #free = -1;
  /** Of the request that `next` has taken. */
  queue = -1;
  since = 0;

  constructor(nrCpus: number) {
    this.#first = new Int32Array(nrCpus).fill(-1);
    this.#last = new Int32Array(nrCpus).fill(-1);
  }

  has(target: number): boolean {
    return this.#first[target]! >= 0;
  }

  post(target: number, queue: number): void {
    if (this.#free < 0) this.#grow();
    const request = this.#free;
    this.#free = this.#next[request]!;
    this.#queue[request] = queue;
    this.#since[request] = k.now;
    this.#next[request] = -1;
    if (this.#first[target]! < 0) this.#first[target] = request;
    else this.#next[this.#last[target]!] = request;
    this.#last[target] = request;
  }

  /** Takes the first request to the target: `queue` and `since`; false if there is none. */
  next(target: number): boolean {
    const request = this.#first[target]!;
    if (request < 0) return false;
    this.#first[target] = this.#next[request]!;
    this.queue = this.#queue[request]!;
    this.since = this.#since[request]!;
    this.#next[request] = this.#free;
    this.#free = request;
    return true;
  }

  #grow(): void {
    const size = this.#queue.length;
    const grown = Math.max(16, 2 * size);
    const queue = new Int32Array(grown);
    const since = new Float64Array(grown);
    const next = new Int32Array(grown);
    queue.set(this.#queue);
    since.set(this.#since);
    next.set(this.#next);
    for (let i = size; i < grown; i++) next[i] = i + 1 < grown ? i + 1 : -1;
    this.#queue = queue;
    this.#since = since;
    this.#next = next;
    this.#free = size;
  }
}
