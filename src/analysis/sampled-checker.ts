/**
 * The work-conservation checker as it was built for a real kernel: it looks at the machine every so often, and what happens
 * between two looks it does not see. Beside the exact measure (`WastedTime`) it says how much such a checker finds.
 *
 *   every `intervalNs`: for each CPU with two runnable tasks and each idle CPU, may a waiting fair task of the one run on
 *   the other? Then the idle CPU is suspect.
 *
 *   rounds    suspect in `rounds` looks one after another, with nothing pulled to it in between: a violation
 *   recheck   `recheckNs` after a look the suspects are looked at again: those that still are, and had nothing pulled, woken
 *             or forked to them meanwhile, are violations
 *
 * A violation is reported once, when it is confirmed; it is over when the CPU is not suspect any more. @spec 23 §5.1
 */
import { Ev, type EventKind } from '../trace/events.ts';
import type { TraceSink, TraceTables } from '../trace/sink.ts';
import { QueueState } from './queue-state.ts';

export interface SampledCheckerOptions {
  /** Time between two looks, ns. Default: 1 s; the published tool also knew 10 ms. */
  readonly intervalNs?: number;
  /** Default: 2. */
  readonly rounds?: number;
  /** Look again so long after a look, instead of counting rounds; 100 ms in the paper. Shorter than `intervalNs`. */
  readonly recheckNs?: number;
}

export interface SampledViolation {
  readonly idleCpu: number;
  /** A CPU with a waiting task that could have run there, and that task, when it was confirmed. */
  readonly overloadedCpu: number;
  readonly task: number;
  /** The first look that found it suspect, and the one that confirmed it, ns. */
  readonly suspectNs: number;
  readonly confirmedNs: number;
}

const CLEAR = 0;

export class SampledChecker implements TraceSink {
  readonly violations: SampledViolation[] = [];
  /** Looks so far, rechecks not counted. */
  nrLooks = 0;
  readonly #intervalNs: number;
  readonly #rounds: number;
  readonly #recheckNs: number;
  #state!: QueueState;
  #nrCpus = 0;
  #nextLookNs = 0;
  #nextRecheckNs = Number.POSITIVE_INFINITY;
  /** By CPU: looks in a row that found it suspect, the first of them, and whether it was reported. */
  #streak!: Int32Array;
  #suspectNs!: Float64Array;
  #isReported!: Uint8Array;
  /** A task came to the CPU since the last look. */
  #gotTask!: Uint8Array;

  constructor(options: SampledCheckerOptions = {}) {
    const { intervalNs = 1e9, rounds = 2, recheckNs = 0 } = options;
    if (!(intervalNs > 0 && rounds >= 1 && recheckNs >= 0 && recheckNs < intervalNs)) {
      throw new RangeError(
        `a checker cannot look every ${intervalNs} ns, ${rounds} times, again after ${recheckNs} ns`,
      );
    }
    this.#intervalNs = intervalNs;
    this.#rounds = rounds;
    this.#recheckNs = recheckNs;
  }

  begin(tables: TraceTables, startNs: number): void {
    const { nrCpus } = tables.topology;
    this.#nrCpus = nrCpus;
    this.#state = new QueueState(tables);
    this.#streak = new Int32Array(nrCpus);
    this.#suspectNs = new Float64Array(nrCpus);
    this.#isReported = new Uint8Array(nrCpus);
    this.#gotTask = new Uint8Array(nrCpus);
    this.#nextLookNs = startNs + this.#intervalNs;
  }

  event(kind: EventKind, timeNs: number, cpu: number, task: number, args: Float64Array): void {
    if (timeNs > this.#nextLookNs || timeNs > this.#nextRecheckNs) this.#advance(timeNs);
    this.#state.event(kind, cpu, task, args);
    if (kind === Ev.SCHED_MIGRATE_TASK) this.#gotTask[args[1]!] = 1;
    else if (this.#recheckNs > 0 && (kind === Ev.SCHED_WAKEUP || kind === Ev.SCHED_WAKEUP_NEW)) {
      this.#gotTask[args[0]!] = 1;
    }
  }

  end(endNs: number): void {
    this.#advance(endNs + 1);
  }

  /** All looks that were due before `timeNs`, at the state that has held since the last event. */
  #advance(timeNs: number): void {
    for (;;) {
      const due = Math.min(this.#nextLookNs, this.#nextRecheckNs);
      if (due >= timeNs) return;
      if (due === this.#nextRecheckNs) this.#recheck(due);
      else this.#look(due);
    }
  }

  #look(nowNs: number): void {
    this.nrLooks++;
    this.#nextLookNs = nowNs + this.#intervalNs;
    if (this.#recheckNs > 0) this.#nextRecheckNs = nowNs + this.#recheckNs;
    const overloaded = this.#overloaded();
    for (let cpu = 0; cpu < this.#nrCpus; cpu++) {
      if (this.#suspectedBy(cpu, overloaded) < 0) {
        this.#streak[cpu] = CLEAR;
        this.#isReported[cpu] = 0;
      } else {
        if (this.#streak[cpu] === CLEAR || this.#gotTask[cpu] === 1) this.#beginStreak(cpu, nowNs);
        else this.#streak[cpu]! += 1;
        if (this.#recheckNs === 0 && this.#streak[cpu]! >= this.#rounds) this.#report(cpu, overloaded, nowNs);
      }
      this.#gotTask[cpu] = 0;
    }
  }

  #recheck(nowNs: number): void {
    this.#nextRecheckNs = Number.POSITIVE_INFINITY;
    const overloaded = this.#overloaded();
    for (let cpu = 0; cpu < this.#nrCpus; cpu++) {
      if (this.#streak[cpu] === CLEAR || this.#gotTask[cpu] === 1) continue;
      if (this.#suspectedBy(cpu, overloaded) >= 0) this.#report(cpu, overloaded, nowNs);
    }
  }

  #beginStreak(cpu: number, nowNs: number): void {
    this.#streak[cpu] = 1;
    this.#suspectNs[cpu] = nowNs;
    this.#isReported[cpu] = 0;
  }

  #report(cpu: number, overloaded: readonly number[], nowNs: number): void {
    if (this.#isReported[cpu] === 1) return;
    this.#isReported[cpu] = 1;
    const from = this.#suspectedBy(cpu, overloaded);
    this.violations.push({
      idleCpu: cpu,
      overloadedCpu: from,
      task: this.#state.movable(from, cpu),
      suspectNs: this.#suspectNs[cpu]!,
      confirmedNs: nowNs,
    });
  }

  #overloaded(): number[] {
    const cpus: number[] = [];
    for (let cpu = 0; cpu < this.#nrCpus; cpu++) if (this.#state.nrRunnable(cpu) >= 2) cpus.push(cpu);
    return cpus;
  }

  /** An overloaded CPU with a task that could run on the idle one, or -1. */
  #suspectedBy(cpu: number, overloaded: readonly number[]): number {
    if (!this.#state.isIdle(cpu)) return -1;
    for (const other of overloaded) if (this.#state.movable(other, cpu) >= 0) return other;
    return -1;
  }
}
