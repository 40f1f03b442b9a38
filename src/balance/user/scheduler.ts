/**
 * The scheduler as a policy file sees it: beside the questions of `SchedulerView` the operations that move tasks, what they
 * cost, and memory that starts anew with each run. CPUs and tasks are numbers; nothing here allocates but what says so.
 *
 * Every operation checks what it is asked for before it does anything, and throws `PolicyMistake` if it may not be done: then
 * the run ends. @spec 20 §10, 22 §11
 */
import { RandomStreams } from '../../engine/random.ts';
import { moveQueuedTask } from '../../sched/activate.ts';
import { updateRqClock } from '../../sched/clock.ts';
import { k } from '../../sched/kernel.ts';
import { atomicOn, readFrom, takeLock, writeTo } from '../../sched/line-access.ts';
import * as loop from '../../sched/loop.ts';
import { idleCpu } from '../../sched/predicates.ts';
import { allocateLines, Line } from '../../sched/shared-lines.ts';
import { charge, reschedCurr } from '../../sched/signals.ts';
import { stopAndMigrate } from '../../sched/stopper.ts';
import * as tasks from '../../sched/tasks.ts';
import { REASONS, type Reason, type ReasonName } from '../../trace/decisions.ts';
import { MigrateCause } from '../../trace/events.ts';
import { type HookState, PolicyMistake } from './hook-state.ts';
import { isCpu, isTaskNumber, refusal, refusalOfRunning } from './refusals.ts';
import { cpusWhere, SchedulerView } from './scheduler-view.ts';
import { CpuSet, TaskStore } from './storage.ts';

/** Something that the policy counts; it becomes the figure `policy.count.NAME`. */
export interface PolicyCounter {
  value: number;
}

const REASON_OF = new Map<string, Reason>(REASONS.map(({ name }, i) => [name, i as Reason]));

/** Cache lines that a policy can take, beside those its CPUs need. */
const SPARE_LINES = 1024;

export class Scheduler extends SchedulerView {
  readonly #random: RandomStreams;
  readonly #state: HookState;
  #nextLine: number;
  readonly #endOfLines: number;

  constructor(state: HookState, firstLine: number) {
    super();
    this.#state = state;
    const { nrCpus } = k;
    this.#random = new RandomStreams(nrCpus);
    for (let cpu = 0; cpu < nrCpus; cpu++) this.#random.seed(cpu, k.config.seed, 'policy file', cpu);
    this.#nextLine = firstLine;
    this.#endOfLines = firstLine + linesFor(nrCpus);
  }

  // ---- moving tasks

  /** May the task be moved to the CPU now: `move` would not complain. */
  canMove(task: number, to: number): boolean {
    const why = refusal(task, to);
    if (why === null) return true;
    if (this.#state.notes !== null && isTaskNumber(task)) this.#state.notes.refused(task, why.reason, why.text);
    return false;
  }

  /** Takes a waiting task to the CPU that executes the hook. */
  pull(task: number): void {
    this.#move('pull', task, k.thisCpu);
  }

  /** Takes a waiting task to another CPU. */
  push(task: number, to: number): void {
    this.#move('push', task, to);
  }

  /** Has the stopper thread of its CPU move a task that runs. It gets there a little later, or not if it sleeps by then. */
  pushRunning(task: number, to: number): void {
    this.#mustMove('pushRunning');
    const why = refusalOfRunning(task, to);
    if (why !== null) this.#mistake(`pushRunning(${this.#taskText(task)}, ${to}): ${why.text}`);
    this.#state.moves++;
    this.#state.notes?.asked('pushRunning', task, tasks.cpu[task]!, to);
    stopAndMigrate(task, to, MigrateCause.POLICY, -1);
  }

  /** The CPU chooses again what to run; another CPU is interrupted for it. */
  reschedule(cpu: number): void {
    this.#mustMove('reschedule');
    if (!isCpu(cpu) || k.cpuActive[cpu] !== 1) this.#mistake(`reschedule(${cpu}): there is no such CPU online`);
    reschedCurr(cpu);
  }

  /** Wakes an idle CPU, which then looks for work (`newidle`). False: it is not idle, and nothing was done. */
  kick(cpu: number): boolean {
    this.#mustMove('kick');
    if (!isCpu(cpu) || k.cpuActive[cpu] !== 1) this.#mistake(`kick(${cpu}): there is no such CPU online`);
    if (!idleCpu(cpu) || cpu === k.thisCpu) return false;
    this.#state.notes?.asked('kick', -1, k.thisCpu, cpu);
    reschedCurr(cpu);
    return true;
  }

  /** Calls `balanceCallback` for this CPU at the end of the switch it is in, or of its next. */
  requestCallback(): void {
    this.#state.callbackAsked[k.thisCpu] = 1;
    loop.callback[k.thisCpu] = 1;
  }

  // ---- why; kept only while decisions are recorded, which changes nothing else

  /** Why the hook does what it does next, or why it does nothing. `why` is the rule, in words that stay the same. */
  because(reason: ReasonName, why: string): void {
    const number = REASON_OF.get(reason);
    if (number === undefined) {
      this.#mistake(`because("${reason}"): known reasons are ${[...REASON_OF.keys()].join(', ')}`);
    }
    this.#state.notes?.because(number, why);
  }

  /** A number that the hook compares; a unit, if there is one, comes last in its name: `gap_ns`. */
  fact(name: string, value: number): void {
    this.#state.notes?.fact(name, value);
  }

  // ---- what things cost; all charged to the CPU that executes

  /** CPU time for something that is not among the following. */
  charge(ns: number): void {
    if (!(ns >= 0 && ns <= 1e9)) this.#mistake(`charge(${ns}): it must be within 0..1000000000 ns`);
    charge(k.thisCpu, Math.round(ns));
  }

  /** A look at another CPU's queue without its lock. */
  scan(cpu: number): void {
    const near = this.llcOf(cpu) === this.llcOf(k.thisCpu);
    charge(k.thisCpu, near ? k.costs.scanLlcNs : k.costs.scanFarNs);
    this.#state.notes?.scanned(cpu);
  }

  /** Takes the lock of a CPU's queue, waiting for it; its clock is up to date then. Moves do it too unless it was done. */
  lock(cpu: number): void {
    if (!isCpu(cpu)) this.#mistake(`lock(${cpu}): there is no such CPU`);
    takeLock(Line.RQ_LOCK + cpu, k.costs.detachNs);
    if (this.#state.movesAllowed) updateRqClock(cpu);
    this.#state.locked = cpu;
  }

  /** Takes `count` shared cache lines and returns the first; for `hooks`, before anything runs. */
  allocateLines(count: number): number {
    const first = this.#nextLine;
    if (!this.#state.starting) this.#mistake('allocateLines: only before the hooks are returned');
    if (!(count >= 1 && first + count <= this.#endOfLines)) {
      this.#mistake(`allocateLines(${count}): there are ${this.#endOfLines - first} left`);
    }
    this.#nextLine += count;
    return first;
  }

  /** A locked operation, a load, or a store on a shared cache line. */
  atomic(line: number): void {
    atomicOn(this.#line(line));
  }

  read(line: number): void {
    readFrom(this.#line(line));
  }

  write(line: number): void {
    writeTo(this.#line(line));
  }

  // ---- memory of the policy; for `hooks`, before anything runs. All allocate.

  /** A number for each CPU. */
  perCpu(fill = 0): Float64Array {
    return new Float64Array(this.nrCpus).fill(fill);
  }

  /** A number for each task; a new task has `fill`. */
  perTask(fill = 0): TaskStore {
    return new TaskStore(fill);
  }

  /**
   * A set of CPUs whose use is charged: 2^density of them share a cache line (3: eight CPUs; 9: a dense mask). `cpus`: those
   * that can be in it.
   */
  cpuSet(density = 3, cpus: readonly number[] = cpusWhere(() => true)): CpuSet {
    if (!(Number.isInteger(density) && density >= 0 && density <= 9)) {
      this.#mistake(`cpuSet(${density}): density must be a whole number within 0..9`);
    }
    return new CpuSet(this.nrCpus, density, cpus, (count) => this.allocateLines(count));
  }

  /** A counter; what it has counted becomes the figure `policy.count.NAME`. */
  counter(name: string): PolicyCounter {
    if (!this.#state.starting) this.#mistake('counter: only before the hooks are returned');
    if (!/^[a-z][a-z0-9_]*$/.test(name)) {
      this.#mistake(`counter("${name}"): a name has lower-case letters, digits and _`);
    }
    const known = this.#state.counters.find((counter) => counter.name === name);
    if (known !== undefined) return known;
    const counter = { name, value: 0 };
    this.#state.counters.push(counter);
    return counter;
  }

  /** A whole number in 0..n-1, from the stream of the CPU that executes: the same seed gives the same numbers. */
  random(n: number): number {
    if (!(Number.isInteger(n) && n >= 1 && n <= 1 << 21)) this.#mistake(`random(${n}): it must be within 1..2097152`);
    return this.#random.below(k.thisCpu, n);
  }

  #move(operation: string, task: number, to: number): void {
    this.#mustMove(operation);
    const why = refusal(task, to);
    if (why !== null) this.#mistake(`${operation}(${this.#taskText(task)}) to CPU ${to}: ${why.text}`);
    const from = tasks.cpu[task]!;
    if (this.#state.locked !== from) this.lock(from);
    if (to !== k.thisCpu) this.lock(to);
    this.#state.moves++;
    this.#state.notes?.moved(task, from, to);
    moveQueuedTask(task, to, MigrateCause.POLICY);
    charge(k.thisCpu, k.costs.detachNs + k.costs.attachNs);
  }

  #mustMove(operation: string): void {
    if (this.#state.movesAllowed) return;
    this.#mistake(
      `${operation}: not in this hook, as the scheduler is in the middle of something; ask for a balanceCallback with requestCallback()`,
    );
  }

  #line(line: number): number {
    if (line < this.#nextLine && line >= this.#endOfLines - linesFor(this.nrCpus)) return line;
    return this.#mistake(`${line} is no cache line of this policy; allocateLines gives some`);
  }

  #taskText(task: number): string {
    return isTaskNumber(task) ? `${task} "${this.nameOf(task)}"` : String(task);
  }

  #mistake(message: string): never {
    const mistake = new PolicyMistake(message);
    this.#state.mistake = mistake;
    throw mistake;
  }
}

/** Cache lines set aside for the policy of a machine. */
function linesFor(nrCpus: number): number {
  return 4 * nrCpus + SPARE_LINES;
}

/** For the constructor of hooks: lines must be taken before the machine boots. */
export function reserveLines(nrCpus: number): number {
  return allocateLines(linesFor(nrCpus));
}
