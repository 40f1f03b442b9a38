/**
 * What a policy file can ask: about the moment, CPUs and where they are, tasks and queues. Nothing here changes anything or
 * costs simulated time; the rest is in `scheduler.ts`. @spec 22 §11
 */
import * as avg from '../../sched/averages.ts';
import { AVG_SE } from '../../sched/averages.ts';
import * as cfs from '../../sched/cfs-rq.ts';
import { k } from '../../sched/kernel.ts';
import { cpuUtilCfs } from '../../sched/load-avg.ts';
import * as loop from '../../sched/loop.ts';
import { allowed, idleCpu } from '../../sched/predicates.ts';
import * as progress from '../../sched/progress.ts';
import * as rq from '../../sched/rq.ts';
import * as tasks from '../../sched/tasks.ts';
import { OnRq, State } from '../../sched/tasks.ts';
import { levelName } from '../../trace/events.ts';
import { LlcMap } from '../llc-map.ts';

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

export class SchedulerView {
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

  constructor() {
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
}

/** Ascending. */
export function cpusWhere(has: (cpu: number) => boolean): number[] {
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
