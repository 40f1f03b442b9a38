/**
 * The scheduler as a policy file sees it: questions about CPUs and tasks, the operations that move tasks, what they cost, and
 * memory that starts anew with each run. CPUs and tasks are numbers; nothing here allocates but what says so.
 *
 * Every operation checks what it is asked for before it does anything, and throws `PolicyMistake` if it may not be done: then
 * the run ends. @spec 20 §10, 22 §11
 */
import { RandomStreams } from '../../engine/random.ts';
import { moveQueuedTask } from '../../sched/activate.ts';
import * as avg from '../../sched/averages.ts';
import { AVG_SE } from '../../sched/averages.ts';
import * as cfs from '../../sched/cfs-rq.ts';
import { updateRqClock } from '../../sched/clock.ts';
import { k } from '../../sched/kernel.ts';
import { atomicOn, readFrom, takeLock, writeTo } from '../../sched/line-access.ts';
import { cpuUtilCfs } from '../../sched/load-avg.ts';
import * as loop from '../../sched/loop.ts';
import { allowed, idleCpu } from '../../sched/predicates.ts';
import * as progress from '../../sched/progress.ts';
import * as rq from '../../sched/rq.ts';
import { allocateLines, Line } from '../../sched/shared-lines.ts';
import { charge, reschedCurr } from '../../sched/signals.ts';
import { stopAndMigrate } from '../../sched/stopper.ts';
import * as tasks from '../../sched/tasks.ts';
import { Class, OnRq, State } from '../../sched/tasks.ts';
import { levelName, MigrateCause } from '../../trace/events.ts';
import { throttledPair } from '../detach.ts';
import { LlcMap } from '../llc-map.ts';
import { CpuSet, TaskStore } from './storage.ts';

/** A policy asked for something that may not be done. */
export class PolicyMistake extends Error {
  override readonly name = 'PolicyMistake';
}

/** A scheduling domain of a CPU. */
export interface DomainView {
  /** SMT, CLS, MC, DIE, NODE or NUMA. */
  readonly level: string;
  /** CPUs of its span, ascending. */
  readonly cpus: readonly number[];
}

export type TaskClass = 'stop' | 'deadline' | 'rt' | 'fair' | 'idle';
export type TaskState = 'running' | 'sleeping' | 'blocked' | 'waking' | 'new' | 'dead';

const CLASS_NAMES: readonly TaskClass[] = ['stop', 'deadline', 'rt', 'fair', 'idle'];

/** Something that the policy counts; it becomes the figure `policy.count.NAME`. */
export interface PolicyCounter {
  value: number;
}

/** What those who call the hooks and the scheduler that hooks see tell each other. */
export class HookState {
  /** `hooks` is being called, and nothing has run yet. */
  starting = true;
  /** Tasks may be moved in the hook that is being called. */
  movesAllowed = false;
  /** The CPU whose queue the hook has locked last, or -1. */
  locked = -1;
  /** Tasks moved so far. */
  moves = 0;
  /** What was asked for and may not be done, even if the hook caught it. */
  mistake: PolicyMistake | null = null;
  readonly counters: { readonly name: string; value: number }[] = [];
  /** By CPU: it has asked for `balanceCallback`. */
  readonly callbackAsked = new Uint8Array(k.nrCpus);
}

/** Cache lines that a policy can take, beside those its CPUs need. */
const SPARE_LINES = 1024;

export class Scheduler {
  /** CPUs of the machine, offline ones included; they are numbered from 0. */
  readonly nrCpus: number;
  /** Last-level caches: the CPUs of each, ascending. `llcOf` is an index into it. */
  readonly llcs: readonly (readonly number[])[];
  /** The CPUs of each NUMA node. `nodeOf` is an index into it. */
  readonly nodes: readonly (readonly number[])[];
  /** Does some core have more than one thread? */
  readonly hasSmt: boolean;

  readonly #llcMap: LlcMap;
  readonly #machineMap: LlcMap;
  readonly #nodeOf: Int32Array;
  readonly #siblings: readonly (readonly number[])[];
  readonly #domains: readonly (readonly DomainView[])[];
  readonly #random: RandomStreams;
  readonly #state: HookState;
  #nextLine: number;
  readonly #endOfLines: number;

  constructor(state: HookState, firstLine: number) {
    this.#state = state;
    const { topology, nrCpus } = k;
    this.nrCpus = nrCpus;
    this.#llcMap = new LlcMap(topology, k.sd.tree.llcId, 'llc');
    this.#machineMap = new LlcMap(topology, k.sd.tree.llcId, 'machine');
    this.llcs = this.#llcMap.cpus;
    this.nodes = topology.nodes.map(({ node }) => cpusWhere((cpu) => topology.node[cpu] === node));
    this.#nodeOf = Int32Array.from({ length: nrCpus }, (_, cpu) => this.nodes.findIndex((list) => list.includes(cpu)));
    this.hasSmt = k.smtPresent;
    this.#siblings = k.siblings.map((list) => [...list]);
    this.#domains = Array.from({ length: nrCpus }, (_, cpu) => domainsOf(cpu));
    this.#random = new RandomStreams(nrCpus);
    for (let cpu = 0; cpu < nrCpus; cpu++) this.#random.seed(cpu, k.config.seed, 'policy file', cpu);
    this.#nextLine = firstLine;
    this.#endOfLines = firstLine + linesFor(nrCpus);
  }

  // ---- the moment

  /** Simulated time, ns. */
  get nowNs(): number {
    return k.now;
  }

  /** The CPU that executes the hook. */
  get thisCpu(): number {
    return k.thisCpu;
  }

  /** Length of a tick, ns. */
  get tickNs(): number {
    return k.tickNs;
  }

  // ---- CPUs

  isOnline(cpu: number): boolean {
    return k.cpuActive[cpu] === 1;
  }

  /** Nothing runs on the CPU, waits there, or is on its way. */
  isIdle(cpu: number): boolean {
    return idleCpu(cpu);
  }

  /** Runnable tasks of all classes, the running one included. */
  nrRunning(cpu: number): number {
    return rq.nrRunning[cpu]!;
  }

  /** Runnable tasks of the fair class, the running one included; those of groups too, unless throttled. */
  nrFair(cpu: number): number {
    return cfs.hNrRunning[cpu]!;
  }

  /** Runnable tasks of the real-time class. */
  nrRt(cpu: number): number {
    return rq.rtNrRunning[cpu]!;
  }

  /** The task that runs; -1: the CPU is idle. */
  current(cpu: number): number {
    const task = rq.curr[cpu]!;
    return task < k.nrCpus ? -1 : task;
  }

  /** How long the CPU's idle spells are on average, ns. */
  avgIdleNs(cpu: number): number {
    return rq.avgIdle[cpu]!;
  }

  /** Since when the CPU idles, ns; -1: it does not. */
  idleSinceNs(cpu: number): number {
    return rq.curr[cpu] === cpu ? loop.idleSince[cpu]! : -1;
  }

  /** Has the tick of the idle CPU been stopped? */
  isTickStopped(cpu: number): boolean {
    return (loop.tickOn[cpu >>> 5]! & (1 << (cpu & 31))) === 0;
  }

  /** What the CPU can do, of 1024: of its kind, and what real-time tasks and interrupts leave of that. */
  capacity(cpu: number): number {
    return rq.cpuCapacityOrig[cpu]!;
  }

  capacityLeft(cpu: number): number {
    return rq.cpuCapacity[cpu]!;
  }

  /** Averages of the fair class on the CPU: utilisation of 1024, and load. */
  cpuUtil(cpu: number): number {
    return cpuUtilCfs(cpu);
  }

  cpuLoad(cpu: number): number {
    return avg.loadAvg[cpu]!;
  }

  // ---- where CPUs are

  llcOf(cpu: number): number {
    return this.#llcMap.of[cpu]!;
  }

  nodeOf(cpu: number): number {
    return this.#nodeOf[cpu]!;
  }

  /** The threads of the CPU's core, ascending, itself included; empty for a CPU that is offline. */
  siblings(cpu: number): readonly number[] {
    return this.#siblings[cpu]!;
  }

  /** The scheduling domains of the CPU, lowest first. */
  domains(cpu: number): readonly DomainView[] {
    return this.#domains[cpu]!;
  }

  /** All last-level caches as seen from the CPU: its own, those of its node, then by distance. */
  llcsByDistance(cpu: number): Int32Array {
    return this.#machineMap.order(cpu);
  }

  // ---- tasks

  cpuOf(task: number): number {
    return tasks.cpu[task]!;
  }

  isAllowed(task: number, cpu: number): boolean {
    return k.cpuActive[cpu] === 1 && allowed(task, cpu);
  }

  /** CPUs in the task's mask. */
  nrAllowed(task: number): number {
    return tasks.nrAllowed[task]!;
  }

  niceOf(task: number): number {
    return tasks.nice[task]!;
  }

  classOf(task: number): TaskClass {
    return CLASS_NAMES[tasks.schedClass[task]!]!;
  }

  stateOf(task: number): TaskState {
    switch (tasks.state[task]) {
      case State.RUNNING:
        return 'running';
      case State.INTERRUPTIBLE:
      case State.IDLE:
        return 'sleeping';
      case State.UNINTERRUPTIBLE:
        return 'blocked';
      case State.WAKING:
        return 'waking';
      case State.NEW:
        return 'new';
      default:
        return 'dead';
    }
  }

  /** Is it runnable, on the queue of its CPU? */
  isQueued(task: number): boolean {
    return tasks.onRq[task] === OnRq.QUEUED;
  }

  /** Does it run, or is its CPU still switching away from it? */
  isRunning(task: number): boolean {
    return tasks.onCpu[task] !== 0 || rq.curr[tasks.cpu[task]!] === task;
  }

  /** Utilisation of 1024, and load, of the task. */
  taskUtil(task: number): number {
    return avg.utilAvg[AVG_SE + task]!;
  }

  taskLoad(task: number): number {
    return avg.loadAvg[AVG_SE + task]!;
  }

  /** Since when it waits for a CPU, ns; -1: it does not. */
  waitingSinceNs(task: number): number {
    return tasks.lastQueued[task]!;
  }

  /** When it was last given a CPU, ns. */
  lastRanNs(task: number): number {
    return tasks.lastArrival[task]!;
  }

  /** How often it has changed CPUs. */
  nrMigrations(task: number): number {
    return tasks.nrMigrations[task]!;
  }

  /** Its name, such as `sender-3`. Allocates. */
  nameOf(task: number): string {
    if (task < k.nrCpus) return `idle/${task}`;
    if (task < 2 * k.nrCpus) return `migration/${task - k.nrCpus}`;
    return `${k.programs.kindName(task)}-${progress.index[task]}`;
  }

  /**
   * The tasks of the fair class on the queue of a CPU, the running one among them: first the one that has waited longest since
   * it ran.
   *
   *   for (let t = s.firstQueued(cpu); t >= 0; t = s.nextQueued(t)) ...
   */
  firstQueued(cpu: number): number {
    return rq.cfsTasksTail[cpu]!;
  }

  nextQueued(task: number): number {
    return tasks.listPrev[task]!;
  }

  // ---- moving tasks

  /** May the task be moved to the CPU now: `move` would not complain. */
  canMove(task: number, to: number): boolean {
    return refusal(task, to) === '';
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
    if (why !== '') this.#mistake(`pushRunning(${this.#taskText(task)}, ${to}): ${why}`);
    this.#state.moves++;
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
    reschedCurr(cpu);
    return true;
  }

  /** Calls `balanceCallback` for this CPU at the end of the switch it is in, or of its next. */
  requestCallback(): void {
    this.#state.callbackAsked[k.thisCpu] = 1;
    loop.callback[k.thisCpu] = 1;
  }

  // ---- what things cost; all charged to the CPU that executes

  /** CPU time for something that is not among the following. */
  charge(ns: number): void {
    if (!(ns >= 0 && ns <= 1e9)) this.#mistake(`charge(${ns}): it must be within 0..1000000000 ns`);
    charge(k.thisCpu, Math.round(ns));
  }

  /** A look at another CPU's queue without its lock. */
  scan(cpu: number): void {
    const near = this.#llcMap.of[cpu] === this.#llcMap.of[k.thisCpu];
    charge(k.thisCpu, near ? k.costs.scanLlcNs : k.costs.scanFarNs);
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
    if (why !== '') this.#mistake(`${operation}(${this.#taskText(task)}) to CPU ${to}: ${why}`);
    const from = tasks.cpu[task]!;
    if (this.#state.locked !== from) this.lock(from);
    if (to !== k.thisCpu) this.lock(to);
    this.#state.moves++;
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

function isCpu(cpu: number): boolean {
  return Number.isInteger(cpu) && cpu >= 0 && cpu < k.nrCpus;
}

function isTaskNumber(task: number): boolean {
  return Number.isInteger(task) && task >= 2 * k.nrCpus && task < k.nrTasks && tasks.alive[task] === 1;
}

/** Why the CPU is no place for the task, or the empty string. */
export function refusalOfCpu(task: number, to: number): string {
  if (!isCpu(to)) return 'there is no such CPU';
  if (k.cpuActive[to] !== 1) return 'the CPU is offline';
  if (!allowed(task, to)) return 'the task is not allowed there';
  return '';
}

function refusal(task: number, to: number): string {
  if (!isTaskNumber(task)) return 'there is no such task';
  if (tasks.schedClass[task] !== Class.FAIR) return 'it is not of the fair class';
  if (tasks.onRq[task] !== OnRq.QUEUED) return 'it is not queued';
  const from = tasks.cpu[task]!;
  if (rq.curr[from] === task || tasks.onCpu[task] !== 0) return 'it is running';
  if (to === from) return 'it is there already';
  const why = refusalOfCpu(task, to);
  if (why !== '') return why;
  return throttledPair(task, from, to) ? 'its control group is throttled' : '';
}

function refusalOfRunning(task: number, to: number): string {
  if (!isTaskNumber(task)) return 'there is no such task';
  if (tasks.schedClass[task] !== Class.FAIR) return 'it is not of the fair class';
  const from = tasks.cpu[task]!;
  if (rq.curr[from] !== task || tasks.onRq[task] !== OnRq.QUEUED) return 'it is not running';
  if (to === from) return 'it is there already';
  return refusalOfCpu(task, to);
}

function cpusWhere(has: (cpu: number) => boolean): number[] {
  return Array.from({ length: k.nrCpus }, (_, cpu) => cpu).filter(has);
}

function domainsOf(cpu: number): DomainView[] {
  const { sd } = k;
  const domains: DomainView[] = [];
  for (let d = sd.lowest[cpu]!; d >= 0; d = sd.parent[d]!) {
    const base = sd.spanBase[d]!;
    const cpus = [...sd.lists.subarray(base, base + sd.spanWeight[d]!)];
    domains.push({ level: levelName(sd.level[d]!), cpus });
  }
  return domains;
}
