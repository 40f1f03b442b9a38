/** What pushing has done so far, and what it cost whom. @spec 21 §5 */
import type { Counter } from '../sched/hooks.ts';
import { k } from '../sched/kernel.ts';

/** Pushes that one idle spell received: 1, 2, or more. */
const MOST = 3;

export class PushBooks {
  callbacks = 0;
  pushes = 0;
  /** Searches that found no CPU; and pushes that came to nothing because the task had run, gone or been taken by then. */
  noTarget = 0;
  misses = 0;
  /** Tasks that ran alone and that a tick gave to the stopper. */
  runningMoves = 0;
  /** Tasks that arrived where something was runnable, or on its way, already. */
  pileups = 0;
  /** Time of the busy CPUs and of the idle ones, ns; of the first only what a task then had to wait for. */
  busyNs = 0;
  idleNs = 0;
  delayNs = 0;
  /** Pushed tasks that have run, and the time from the beginning of their push, ns. */
  #ran = 0;
  #latencyNs = 0;
  /** Of each task that was pushed and has not run since: when that push began, else -1. */
  #since = new Float64Array(0);
  /** Pushes that the CPU's last idle spell has received so far; spells by number received, from 0. */
  readonly #received: Int32Array;
  readonly #spells = new Float64Array(MOST + 1);

  constructor(nrCpus: number) {
    this.#received = new Int32Array(nrCpus);
  }

  pushed(task: number, to: number, sinceNs: number, pileup: boolean): void {
    this.pushes++;
    if (pileup) this.pileups++;
    this.#received[to]! += 1;
    if (task >= this.#since.length) {
      const longer = new Float64Array(Math.max(64, 2 * task)).fill(-1);
      longer.set(this.#since);
      this.#since = longer;
    }
    this.#since[task] = sinceNs;
  }

  /** The task has been chosen to run. */
  ran(task: number): void {
    if (task >= this.#since.length || this.#since[task]! < 0) return;
    this.#ran++;
    this.#latencyNs += k.now - this.#since[task]!;
    this.#since[task] = -1;
  }

  /** The task is not runnable any more, or somewhere else. */
  left(task: number): void {
    if (task < this.#since.length) this.#since[task] = -1;
  }

  /** A new idle spell begins: how many pushes did the last one receive? */
  idleEntered(cpu: number): void {
    const received = this.#received[cpu]!;
    if (received === 0) return;
    this.#spells[Math.min(received, MOST)]! += 1;
    this.#received[cpu] = 0;
  }

  /** Totals, so that those of a warm-up can be taken off. */
  counters(): readonly Counter[] {
    return [
      ['push.callbacks', this.callbacks],
      ['push.pushes', this.pushes],
      ['push.no_target', this.noTarget],
      ['push.misses', this.misses],
      ['push.running_moves', this.runningMoves],
      ['push.pileups', this.pileups],
      ['push.spells_1', this.#spells[1]!],
      ['push.spells_2', this.#spells[2]!],
      ['push.spells_more', this.#spells[MOST]!],
      ['push.work_busy_ms', this.busyNs / 1e6],
      ['push.work_idle_ms', this.idleNs / 1e6],
      ['push.delay_ms', this.delayNs / 1e6],
      ['push.ran', this.#ran],
      ['push.run_latency_ms', this.#latencyNs / 1e6],
    ];
  }
}
