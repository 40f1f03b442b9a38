/**
 * Per runqueue, the tasks that wait and could be pushed away: ordered by nice level, first come first served among equals.
 * A CPU is marked in the overload mask of its LLC while its list is not empty. @spec 21 §2, §3.1
 *
 *   CPU 0   head ─► task (nice -5) ─► task (nice 0) ─► task (nice 0, later) ─► task (nice 5)
 */
import { k } from '../sched/kernel.ts';
import * as rq from '../sched/rq.ts';
import * as tasks from '../sched/tasks.ts';
import { Class, OnRq } from '../sched/tasks.ts';
import type { LlcMap } from './llc-map.ts';
import { LlcMask, PACKED } from './llc-mask.ts';

export class PushableLists {
  /** CPUs whose list is not empty. */
  readonly overloaded: LlcMask;
  readonly #head: Int32Array;
  readonly #tail: Int32Array;
  readonly #length: Int32Array;
  // Of each task: the CPU in whose list it is (-1: none), since when, ns, and its neighbours there.
  #on = new Int32Array(0);
  #since = new Float64Array(0);
  #next = new Int32Array(0);
  #before = new Int32Array(0);

  constructor(nrCpus: number) {
    this.overloaded = new LlcMask(nrCpus, PACKED);
    this.#head = new Int32Array(nrCpus).fill(-1);
    this.#tail = new Int32Array(nrCpus).fill(-1);
    this.#length = new Int32Array(nrCpus);
  }

  started(llcs: LlcMap): void {
    this.overloaded.started(llcs);
  }

  /** First of the list, or -1. */
  head(cpu: number): number {
    return this.#head[cpu]!;
  }

  length(cpu: number): number {
    return this.#length[cpu]!;
  }

  /** The one behind it, or -1. */
  after(task: number): number {
    return this.#next[task]!;
  }

  isListed(task: number): boolean {
    return task < this.#on.length && this.#on[task]! >= 0;
  }

  /** How long it has been in the list, ns. */
  waited(task: number): number {
    return k.now - this.#since[task]!;
  }

  /** Since when, also after it was taken out. */
  since(task: number): number {
    return this.#since[task]!;
  }

  insert(cpu: number, task: number, since = k.now): void {
    if (task >= this.#on.length) this.#grow(Math.max(64, 2 * task));
    if (this.#on[task]! >= 0) return;
    const nice = tasks.nice[task]!;
    let before = this.#tail[cpu]!;
    while (before >= 0 && tasks.nice[before]! > nice) before = this.#before[before]!;
    const next = before < 0 ? this.#head[cpu]! : this.#next[before]!;
    this.#on[task] = cpu;
    this.#since[task] = since;
    this.#before[task] = before;
    this.#next[task] = next;
    if (before < 0) this.#head[cpu] = task;
    else this.#next[before] = task;
    if (next < 0) this.#tail[cpu] = task;
    else this.#before[next] = task;
    if (this.#length[cpu]++ === 0) this.overloaded.add(cpu);
  }

  remove(task: number): void {
    if (!this.isListed(task)) return;
    const cpu = this.#on[task]!;
    const before = this.#before[task]!;
    const next = this.#next[task]!;
    if (before < 0) this.#head[cpu] = next;
    else this.#next[before] = next;
    if (next < 0) this.#tail[cpu] = before;
    else this.#before[next] = before;
    this.#on[task] = -1;
    if (--this.#length[cpu]! === 0) this.overloaded.delete(cpu);
  }

  #grow(size: number): void {
    const longer = (old: Int32Array) => {
      const column = new Int32Array(size).fill(-1);
      column.set(old);
      return column;
    };
    this.#on = longer(this.#on);
    this.#next = longer(this.#next);
    this.#before = longer(this.#before);
    const since = new Float64Array(size);
    since.set(this.#since);
    this.#since = since;
  }

  /** What is wrong with the lists, or null. */
  checkBooks(): string | null {
    let listed = 0;
    for (let cpu = 0; cpu < k.nrCpus; cpu++) {
      let before = -1;
      let length = 0;
      for (let task = this.#head[cpu]!; task >= 0; task = this.#next[task]!) {
        const wrong = this.#wrongEntry(cpu, task, before);
        if (wrong !== null) return `task ${task} in the pushable list of CPU ${cpu} ${wrong}`;
        before = task;
        length++;
      }
      if (this.#tail[cpu] !== before) return `the tail of the pushable list of CPU ${cpu} is wrong`;
      if (this.#length[cpu] !== length) return `${length} tasks are in the pushable list of CPU ${cpu}`;
      if (this.overloaded.has(cpu) !== length > 0) return `CPU ${cpu} is marked wrongly as overloaded or not`;
      listed += length;
    }
    const known = this.#on.reduce((sum, on) => sum + (on >= 0 ? 1 : 0), 0);
    return known === listed ? null : `${known} tasks are said to be in pushable lists, ${listed} are`;
  }

  #wrongEntry(cpu: number, task: number, before: number): string | null {
    if (this.#on[task] !== cpu || this.#before[task] !== before) return 'is linked wrongly';
    if (tasks.alive[task] === 0 || tasks.cpu[task] !== cpu) return 'does not belong there';
    if (tasks.onRq[task] !== OnRq.QUEUED || tasks.schedClass[task] !== Class.FAIR) return 'does not wait';
    if (rq.curr[cpu] === task) return 'is current';
    if (before >= 0 && tasks.nice[before]! > tasks.nice[task]!) return 'is out of order';
    return null;
  }
}
