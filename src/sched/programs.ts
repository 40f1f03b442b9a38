/**
 * What the tasks of a workload are in the middle of: where in their programs, how much work is left, which timers run, and
 * who waits for what. The instructions themselves are carried out in `program-step.ts`. @spec 25
 */
import { UserError } from '../base/errors.ts';
import { exp, ln } from '../engine/math.ts';
import { RandomStreams } from '../engine/random.ts';
import { MAX_LOOP_DEPTH } from '../workload/build.ts';
import type { Workload } from '../workload/program.ts';
import type { Kernel } from './kernel.ts';
import { removeEntityLoadAvg } from './load-avg.ts';
import { affinityNumber, compilePrograms, Draw, type ProgramCode } from './program-code.ts';
import { SyncObjects } from './sync-objects.ts';
import { Class, State } from './tables.ts';
import { tryToWakeUp } from './wakeup.ts';

/** States a timer, an object or a parent may wake a task from. */
export const TASK_NORMAL = State.INTERRUPTIBLE | State.UNINTERRUPTIBLE;

/** Columns by task slot; -1 where "none" is possible. */
class ProgramState {
  kind: Int32Array;
  index: Int32Array;
  pc: Int32Array;
  /** Step within an instruction that sleeps or computes; 0 at its beginning. */
  phase: Uint8Array;
  /** Work left of the current instruction, ns; or the moment it ends, for wall-clock ones. */
  work: Float64Array;
  wallClock: Uint8Array;
  loopDepth: Uint8Array;
  loopStart: Int32Array;
  loopLeft: Float64Array;
  /** The task's own time zero, and periods since. */
  begin: Float64Array;
  periods: Float64Array;
  unitBegin: Float64Array;
  parent: Int32Array;
  children: Int32Array;
  waitsForChildren: Uint8Array;
  /** Timer: CPU it is armed on, earliest moment it may fire, and its neighbours in that CPU's list. */
  timerCpu: Int32Array;
  timerSoft: Float64Array;
  timerNext: Int32Array;
  timerPrev: Int32Array;
  dueNext: Int32Array;
  process: Int32Array;
  /** The mutex a task gives up while it waits for a condition. */
  mutex: Int32Array;

  constructor(n: number) {
    this.kind = new Int32Array(n).fill(-1);
    this.index = new Int32Array(n);
    this.pc = new Int32Array(n);
    this.phase = new Uint8Array(n);
    this.work = new Float64Array(n);
    this.wallClock = new Uint8Array(n);
    this.loopDepth = new Uint8Array(n);
    this.loopStart = new Int32Array(n * MAX_LOOP_DEPTH);
    this.loopLeft = new Float64Array(n * MAX_LOOP_DEPTH);
    this.begin = new Float64Array(n);
    this.periods = new Float64Array(n);
    this.unitBegin = new Float64Array(n);
    this.parent = new Int32Array(n).fill(-1);
    this.children = new Int32Array(n);
    this.waitsForChildren = new Uint8Array(n);
    this.timerCpu = new Int32Array(n).fill(-1);
    this.timerSoft = new Float64Array(n);
    this.timerNext = new Int32Array(n).fill(-1);
    this.timerPrev = new Int32Array(n).fill(-1);
    this.dueNext = new Int32Array(n).fill(-1);
    this.process = new Int32Array(n).fill(-1);
    this.mutex = new Int32Array(n).fill(-1);
  }
}

export class Programs {
  readonly workload: Workload;
  readonly code: ProgramCode;
  readonly sync: SyncObjects;
  readonly random: RandomStreams;
  state: ProgramState;
  /** Tasks started of each kind so far; alive of the workload; and all units of work done, by kind. */
  readonly started: Int32Array;
  readonly unitsDone: Float64Array;
  alive = 0;
  /** Order of start, for labgen's seeding. */
  slotsStarted = 0;
  /** Workload time zero. */
  epoch = 0;
  /** A program has said `stop`. */
  stopped = false;
  readonly #seed: number;
  readonly #timerHead: Int32Array;
  /** No timer of the CPU may fire before this. */
  readonly #timerSoonest: Float64Array;
  readonly slackNs: number;

  constructor(k: Kernel, workload: Workload) {
    this.workload = workload;
    this.code = compilePrograms(workload, (cpus) => affinityNumber(k, cpus));
    this.sync = new SyncObjects(workload, k.taskCapacity);
    this.random = new RandomStreams(k.taskCapacity);
    this.state = new ProgramState(k.taskCapacity);
    this.started = new Int32Array(workload.kinds.length);
    this.unitsDone = new Float64Array(workload.kinds.length);
    this.#seed = k.config.seed;
    this.#timerHead = new Int32Array(k.nrCpus).fill(-1);
    this.#timerSoonest = new Float64Array(k.nrCpus).fill(Number.POSITIVE_INFINITY);
    this.slackNs = k.config.environment.timerSlackNs;
  }

  /** Follows the growth of the task tables. */
  grow(capacity: number): void {
    if (capacity <= this.state.kind.length) return;
    const bigger = new ProgramState(capacity);
    for (const name of Object.keys(bigger) as (keyof ProgramState)[]) {
      (bigger[name] as Float64Array).set(this.state[name] as Float64Array);
    }
    this.state = bigger;
    this.random.grow(capacity);
    this.sync.growTasks(capacity);
  }

  /** A task of a kind begins its program. */
  start(k: Kernel, task: number, kind: number, parent: number): void {
    const s = this.state;
    const index = this.started[kind]!++;
    s.kind[task] = kind;
    s.index[task] = index;
    s.pc[task] = this.code.start[kind]!;
    s.phase[task] = 0;
    s.loopDepth[task] = 0;
    s.begin[task] = k.now;
    s.periods[task] = 0;
    s.unitBegin[task] = 0;
    s.parent[task] = parent;
    s.children[task] = 0;
    s.waitsForChildren[task] = 0;
    const { process } = this.workload.kinds[kind]!;
    s.process[task] = process < 0 ? -1 - task : process;
    if (parent >= 0) s.children[parent]! += 1;
    this.alive++;
    this.#seedTask(task, kind, index);
  }

  /** Kind 0 is the controller and takes no slot of labgen's. */
  #seedTask(task: number, kind: number, index: number): void {
    if (this.workload.seeding === 'labgen' && kind > 0) {
      const slot = this.slotsStarted++;
      this.random.setState(task, this.#seed * 1_000_003 + slot * 7919 + (kind - 1));
    } else {
      this.random.seed(task, this.#seed, `task ${this.workload.kinds[kind]!.name}`, index);
    }
  }

  /** The object a reference at `at` in the arguments means for this task. */
  ref(task: number, at: number, table: readonly unknown[]): number {
    const { args } = this.code;
    const stride = args[at + 1]!;
    if (stride === 0) return args[at]!;
    const object = args[at]! + stride * (this.state.index[task]! >> args[at + 2]!);
    if (object >= table.length) this.#noSuchObject(task, object, table.length);
    return object;
  }

  #noSuchObject(task: number, object: number, size: number): never {
    const kind = this.workload.kinds[this.state.kind[task]!]!;
    throw new UserError(
      'workload',
      `workload "${this.workload.name}": instance ${this.state.index[task]} of "${kind.name}" uses object ${object} of a table of ${size}`,
    );
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
        const step = steps <= 2097152 ? this.random.below(task, steps) : Math.floor(this.random.unit(task) * steps);
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

  /** The CPU was taken away with so much of the current instruction's work left. */
  saveWork(task: number, left: number): void {
    if (this.state.wallClock[task] === 0) this.state.work[task] = left;
  }

  /** The current instruction's work is done. */
  workDone(task: number): void {
    this.state.work[task] = 0;
    this.state.phase[task]! += 1;
  }

  sameAddressSpace(a: number, b: number): boolean {
    return this.state.process[a] === this.state.process[b];
  }

  /** A stopper has done what the task waits for. */
  stopWorkDone(k: Kernel, task: number): void {
    tryToWakeUp(k, task, TASK_NORMAL, 0);
  }

  /** The task is dead and its CPU has switched away from it. */
  release(k: Kernel, task: number): void {
    if (k.task.schedClass[task] === Class.FAIR) removeEntityLoadAvg(k, k.entityOf(task));
    k.task.alive[task] = 0;
    this.state.kind[task] = -1;
    k.freeTasks.push(task);
  }

  // ---- timers. An ordinary task's may fire a little late, together with others of its CPU.

  armTimer(k: Kernel, cpu: number, task: number, time: number): void {
    const s = this.state;
    const slack = k.task.schedClass[task] === Class.FAIR ? this.slackNs : 0;
    s.timerCpu[task] = cpu;
    s.timerSoft[task] = time;
    const head = this.#timerHead[cpu]!;
    s.timerNext[task] = head;
    s.timerPrev[task] = -1;
    if (head >= 0) s.timerPrev[head] = task;
    this.#timerHead[cpu] = task;
    if (time < this.#timerSoonest[cpu]!) this.#timerSoonest[cpu] = time;
    k.queue.schedule(k.slotTimer + task, time + slack);
  }

  #disarm(task: number): void {
    const s = this.state;
    const before = s.timerPrev[task]!;
    const after = s.timerNext[task]!;
    if (before < 0) this.#timerHead[s.timerCpu[task]!] = after;
    else s.timerNext[before] = after;
    if (after >= 0) s.timerPrev[after] = before;
    s.timerCpu[task] = -1;
  }

  /** A task's timer has reached its last moment; the interrupt is handled as soon as its CPU, returned, takes it. */
  timerDue(k: Kernel, task: number): number {
    const { timerHead, timerTail } = k.loop;
    const cpu = this.state.timerCpu[task]!;
    this.#disarm(task);
    this.state.dueNext[task] = -1;
    const tail = timerTail[cpu]!;
    if (tail < 0) timerHead[cpu] = task;
    else this.state.dueNext[tail] = task;
    timerTail[cpu] = task;
    return cpu;
  }

  /** The timer interrupt: wakes those whose timers are due, and those who may be woken early. */
  timersExpired(k: Kernel, cpu: number): void {
    const { timerHead, timerTail } = k.loop;
    let task = timerHead[cpu]!;
    timerHead[cpu] = -1;
    timerTail[cpu] = -1;
    while (task >= 0) {
      const next = this.state.dueNext[task]!;
      tryToWakeUp(k, task, TASK_NORMAL, 0);
      task = next;
    }
    this.timersSoftExpired(k, cpu);
  }

  /** An interrupt of the timer hardware serves every timer whose time has come, due or not. */
  timersSoftExpired(k: Kernel, cpu: number): void {
    if (this.slackNs === 0 || this.#timerSoonest[cpu]! > k.now) return;
    const s = this.state;
    for (;;) {
      let earliest = -1;
      let soonest = Number.POSITIVE_INFINITY;
      for (let task = this.#timerHead[cpu]!; task >= 0; task = s.timerNext[task]!) {
        if (s.timerSoft[task]! < soonest) {
          soonest = s.timerSoft[task]!;
          earliest = task;
        }
      }
      this.#timerSoonest[cpu] = soonest;
      if (soonest > k.now) return;
      k.queue.cancel(k.slotTimer + earliest);
      this.#disarm(earliest);
      tryToWakeUp(k, earliest, TASK_NORMAL, 0);
    }
  }

  /** When the next timer of the CPU may fire; Infinity if none is armed. */
  nextTimer(_k: Kernel, cpu: number): number {
    const s = this.state;
    let soonest = Number.POSITIVE_INFINITY;
    for (let task = this.#timerHead[cpu]!; task >= 0; task = s.timerNext[task]!) {
      if (s.timerSoft[task]! < soonest) soonest = s.timerSoft[task]!;
    }
    return soonest;
  }

  /** A program that goes round and round without using time is an error in the workload. */
  endlessLoop(k: Kernel, task: number): never {
    const kind = this.workload.kinds[this.state.kind[task]!]!;
    const at = this.state.pc[task]! - this.code.start[this.state.kind[task]!]!;
    throw new UserError(
      'workload',
      `workload "${this.workload.name}": task "${kind.name || kind.comm}" repeats instruction ${at + 1} for ever without using time, at ${k.now} ns`,
      {},
      'give a loop that never ends something to run or to wait for',
    );
  }
}
