/**
 * The tasks of a workload as far as they are known before and beyond their instructions: how many of each kind there are,
 * their random numbers, the objects they share. The instructions are carried out in `program-step.ts`. @spec 25
 */
import { UserError } from '../base/errors.ts';
import { exp, ln } from '../engine/math.ts';
import { RandomStreams } from '../engine/random.ts';
import type { Workload } from '../workload/program.ts';
import { k } from './kernel.ts';
import { removeEntityLoadAvg } from './load-avg.ts';
import { compilePrograms, Draw, type ProgramCode } from './program-code.ts';
import * as progress from './progress.ts';
import { SyncObjects } from './sync-objects.ts';
import * as tasks from './tasks.ts';
import { Class } from './tasks.ts';

/** The largest range that `RandomStreams.below` draws from exactly. */
const MAX_EXACT_RANGE = 1 << 26;

export class Programs {
  readonly workload: Workload;
  readonly code: ProgramCode;
  readonly sync: SyncObjects;
  /** One stream a task slot. */
  readonly random: RandomStreams;
  /** By kind: tasks started so far, and units of work done. */
  readonly started: Int32Array;
  readonly unitsDone: Float64Array;
  /** Tasks of the workload, the main task included, that have not exited. */
  alive = 0;
  /** Workload time zero, and when tasks of named kinds end. */
  epoch = 0;
  endTime = Number.POSITIVE_INFINITY;
  /** A program has said `stop`. */
  stopped = false;
  /** Tasks of the load started so far: labgen's slots. */
  #slots = 0;

  constructor(workload: Workload) {
    this.workload = workload;
    this.code = compilePrograms(workload, (cpus) => (cpus === null ? 0 : k.affinity.of(cpus)));
    this.sync = new SyncObjects(workload, k.nrCpus);
    this.random = new RandomStreams(k.nrTasks + 64);
    this.started = new Int32Array(workload.kinds.length);
    this.unitsDone = new Float64Array(workload.kinds.length);
  }

  /** Room for tasks up to `nrTasks`. */
  grow(nrTasks: number): void {
    this.random.grow(nrTasks);
  }

  /** The workload's time zero. */
  setEpoch(time: number): void {
    this.epoch = time;
    const { endNs } = this.workload;
    if (endNs !== undefined && endNs !== null) this.endTime = time + endNs;
  }

  /** A task of a kind begins its program; `index` -1: the next one. */
  start(task: number, kind: number, parent: number, index: number): void {
    const spec = this.workload.kinds[kind]!;
    const count = this.started[kind]!++;
    progress.kind[task] = kind;
    progress.index[task] = index < 0 ? count : index;
    progress.pc[task] = this.code.start[kind]!;
    progress.phase[task] = 0;
    progress.loopDepth[task] = 0;
    progress.begin[task] = k.now;
    progress.periods[task] = 0;
    progress.unitBegin[task] = 0;
    progress.wokenAt[task] = -1;
    progress.parent[task] = parent;
    progress.children[task] = 0;
    progress.waitsForChildren[task] = 0;
    progress.process[task] = spec.process < 0 ? -1 - task : spec.process;
    progress.named[task] = spec.name === '' ? 0 : 1;
    if (parent >= 0) progress.children[parent]! += 1;
    this.alive++;
    this.#seed(task, kind, progress.index[task]!);
  }

  /** labgen seeds by the order in which it starts tasks; kinds without a name (itself, the guest's own) are not its. */
  #seed(task: number, kind: number, index: number): void {
    const { seed } = k.config;
    if (this.workload.seeding === 'labgen' && progress.named[task] !== 0) {
      this.random.setState(task, seed * 1_000_003 + this.#slots++ * 7919 + (kind - 1));
    } else {
      this.random.seed(task, seed, `task ${kind}`, index);
    }
  }

  /** The object of a table that a reference at `at` in the arguments means for this task. */
  ref(task: number, at: number, table: readonly unknown[]): number {
    const { args } = this.code;
    const stride = args[at + 1]!;
    if (stride === 0) return args[at]!;
    const object = args[at]! + stride * (progress.index[task]! >> args[at + 2]!);
    if (object >= table.length) this.#noSuchObject(task, object, table.length);
    return object;
  }

  #noSuchObject(task: number, object: number, size: number): never {
    const what = `instance ${progress.index[task]} of "${this.kindName(task)}" uses object ${object} of a table of ${size}`;
    throw new UserError('workload', `workload "${this.workload.name}": ${what}`);
  }

  kindName(task: number): string {
    const { name, comm } = this.workload.kinds[progress.kind[task]!]!;
    return name || comm;
  }

  /** Draws a duration, ns. */
  draw(task: number, id: number): number {
    const { durations } = this.code;
    const at = id * 4;
    switch (durations[at]) {
      case Draw.FIXED:
        return durations[at + 1]!;
      case Draw.UNIFORM: {
        const steps = durations[at + 3]!;
        const step =
          steps <= MAX_EXACT_RANGE ? this.random.below(task, steps) : Math.floor(this.random.unit(task) * steps);
        return durations[at + 1]! + step * durations[at + 2]!;
      }
      case Draw.EXPONENTIAL:
        return Math.round(-durations[at + 1]! * ln(1 - this.random.unit(task)));
      default:
        return Math.round(durations[at + 1]! * exp(durations[at + 2]! * this.#normal(task)));
    }
  }

  /** A standard normal number: the sum of twelve uniform ones, less six. */
  #normal(task: number): number {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += this.random.unit(task);
    return sum;
  }

  /** A program that goes round and round without using time is an error in the workload. */
  endlessLoop(task: number): never {
    const at = progress.pc[task]! - this.code.start[progress.kind[task]!]!;
    throw new UserError(
      'workload',
      `workload "${this.workload.name}": task "${this.kindName(task)}" repeats instruction ${at + 1} for ever without using time, at ${k.now} ns`,
      {},
      'give a loop that never ends something to run or to wait for',
    );
  }
}

/** The CPU was taken away with so much of the current instruction's work, or of refilling caches before it, left. */
export function saveWork(task: number, left: number): void {
  if (progress.refillNs[task]! > 0) progress.refillNs[task] = left;
  else if (progress.wallClock[task] === 0) progress.work[task] = left;
}

/** The current instruction's work is done, or the caches are warm. */
export function workDone(task: number): void {
  if (progress.refillNs[task]! > 0) {
    progress.refillNs[task] = 0;
    return;
  }
  progress.work[task] = 0;
  progress.phase[task]! += 1;
}

export function sameAddressSpace(a: number, b: number): boolean {
  return progress.process[a] === progress.process[b];
}

/** The task is dead and its CPU has switched away from it. */
export function releaseTask(task: number): void {
  if (tasks.schedClass[task] === Class.FAIR) removeEntityLoadAvg(task);
  tasks.alive[task] = 0;
  progress.kind[task] = -1;
  k.freeTasks.push(task);
}
