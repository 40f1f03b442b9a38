/**
 * A machine at a standstill: nothing happens by itself, CPUs and tasks are put into the state that a decision is to be
 * tried in, and the decision is called.
 *
 *   const m = still(machine(8, { llcs: 2 }), ['a', 'b']);
 *   m.cpu(1, { nr: 2, util: 700 });        // figures only, for decisions that read no more
 *   m.runs('a', 0).waits('b', 0);          // tasks in earnest, for decisions that move them
 *   m.pass(m.domain(4, 'DIE'), Idle.IDLE)
 */
import assert from 'node:assert/strict';
import { Idle, LbEnv } from '../../src/balance/env.ts';
import { findBusiestGroup, findBusiestQueue } from '../../src/balance/find-busiest.ts';
import { DomainStats } from '../../src/balance/group-stats.ts';
import { LoadBalancer } from '../../src/balance/load-balance.ts';
import type { Topology } from '../../src/machine/topology.ts';
import { activateTask, setTaskCpu } from '../../src/sched/activate.ts';
import * as avg from '../../src/sched/averages.ts';
import { AVG_SE } from '../../src/sched/averages.ts';
import * as cfs from '../../src/sched/cfs-rq.ts';
import { updateRqClock } from '../../src/sched/clock.ts';
import { DOMAIN_COUNTERS } from '../../src/sched/domain-state.ts';
import * as se from '../../src/sched/entity.ts';
import { Enqueue } from '../../src/sched/fair-entity.ts';
import { setNextTaskFair } from '../../src/sched/fair-pick.ts';
import { checkInvariants } from '../../src/sched/invariants.ts';
import { k } from '../../src/sched/kernel.ts';
import * as rq from '../../src/sched/rq.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { State } from '../../src/sched/tasks.ts';
import type { TaskKind } from '../../src/workload/program.ts';
import { SLEEPS_FOR_GOOD } from '../support/runqueue.ts';
import { boot, MS, type Simulated } from '../support/simulate.ts';

/** What decisions read of a CPU. */
export interface CpuFigures {
  /** CFS tasks; the CPU idles iff 0. */
  readonly nr?: number;
  readonly load?: number;
  readonly util?: number;
  readonly runnable?: number;
  readonly capacity?: number;
  readonly misfit?: number;
}

/** What decisions read of a task. */
export interface TaskFigures {
  readonly load?: number;
  readonly util?: number;
  /** How long ago it last ran. */
  readonly ranAgoNs?: number;
}

export type Kinds = readonly string[] | Readonly<Record<string, Partial<TaskKind>>>;

/** A machine where these tasks sleep and nothing has happened for 200 ms. */
export function still(topology: Topology, kinds: Kinds = [], policy = 'linux-6.1'): StillMachine {
  return new StillMachine(topology, kinds, policy);
}

export class StillMachine {
  readonly run: Simulated;
  readonly env: LbEnv;
  readonly stats = new DomainStats();
  readonly lb: LoadBalancer;

  constructor(topology: Topology, kinds: Kinds, policy: string) {
    const entries = Array.isArray(kinds) ? kinds.map((name) => [name, {}] as const) : Object.entries(kinds);
    const sleepers = entries.map(([name, kind]) => [name, { program: SLEEPS_FOR_GOOD, ...kind }] as const);
    this.run = boot({
      machine: topology,
      policy,
      hooks: 'none',
      ...(entries.length > 0 ? { tasks: Object.fromEntries(sleepers) } : { workload: (w) => w.main(SLEEPS_FOR_GOOD) }),
    }).to(200);
    k.now = 200 * MS;
    const n = topology.nrCpus;
    avg.clearRows(0, n);
    for (let cpu = 0; cpu < n; cpu++) {
      updateRqClock(cpu);
      cfs.utilEstEnqueued[cpu] = 0;
    }
    k.overload = false;
    this.env = new LbEnv(n);
    this.lb = new LoadBalancer(this.env, this.stats, true);
    this.run.events.length = 0;
  }

  slot(name: string): number {
    return this.run.slot(name);
  }

  cpu(cpu: number, { nr, load, util, runnable, capacity, misfit }: CpuFigures): this {
    if (nr !== undefined) {
      rq.nrRunning[cpu] = nr;
      cfs.hNrRunning[cpu] = nr;
    }
    if (load !== undefined) avg.loadAvg[cpu] = load;
    if (util !== undefined) avg.utilAvg[cpu] = util;
    if (runnable !== undefined) avg.runnableAvg[cpu] = runnable;
    if (capacity !== undefined) rq.cpuCapacity[cpu] = capacity;
    if (misfit !== undefined) rq.misfitTaskLoad[cpu] = misfit;
    return this;
  }

  cpus(list: readonly number[], figures: CpuFigures): this {
    for (const cpu of list) this.cpu(cpu, figures);
    return this;
  }

  /** The task is queued behind those that are there. */
  waits(name: string, cpu: number, figures: TaskFigures = {}): this {
    const task = this.slot(name);
    k.thisCpu = cpu;
    updateRqClock(cpu);
    if (tasks.cpu[task] !== cpu) setTaskCpu(task, cpu, 0, -1);
    tasks.state[task] = State.RUNNING;
    activateTask(cpu, task, Enqueue.WAKEUP);
    this.task(name, figures);
    return this;
  }

  /** The task is current. */
  runs(name: string, cpu: number, figures: TaskFigures = {}): this {
    return this.waits(name, cpu, figures).picks(name);
  }

  /** A task that waits becomes current. */
  picks(name: string): this {
    const task = this.slot(name);
    const cpu = tasks.cpu[task]!;
    setNextTaskFair(cpu, task);
    tasks.onCpu[rq.curr[cpu]!] = 0;
    tasks.onCpu[task] = 1;
    rq.curr[cpu] = task;
    return this;
  }

  /** The idle task is current. */
  idles(cpu: number): this {
    rq.curr[cpu] = cpu;
    return this;
  }

  task(name: string, { load, util, ranAgoNs = 10 * MS }: TaskFigures): this {
    const task = this.slot(name);
    if (load !== undefined) avg.loadAvg[AVG_SE + task] = load;
    if (util !== undefined) avg.utilAvg[AVG_SE + task] = util;
    se.execStart[task] = k.now - ranAgoNs;
    return this;
  }

  /** Comms on a CPU: head to tail of cfs_tasks. */
  cfsTasks(cpu: number): string[] {
    const found: string[] = [];
    for (let t = rq.cfsTasksHead[cpu]!; t >= 0; t = tasks.listNext[t]!) {
      found.push(this.run.comm(tasks.traceId[t]!));
    }
    return found;
  }

  /** A CPU's domain by name, such as `MC`; NUMA: the lowest. */
  domain(cpu: number, name: string): number {
    for (let d = k.sd.lowest[cpu]!; d >= 0; d = k.sd.parent[d]!) if (k.sd.tree.domains[d]!.name === name) return d;
    assert.fail(`CPU ${cpu} has no ${name}`);
  }

  /** The group of a domain that has the CPU: the first of them, from the local one. */
  group(sd: number, cpu: number): number {
    const { lists, ringBase, ringLength, ringStart } = k.sd;
    for (let i = 0; i < ringLength[sd]!; i++) {
      const group = lists[ringBase[sd]! + ((ringStart[sd]! + i) % ringLength[sd]!)]!;
      if (k.sd.groupHas(group, cpu)) return group;
    }
    assert.fail(`CPU ${cpu} is in no group`);
  }

  /** Its capacity. */
  sgc(sd: number, cpu: number): number {
    return k.sd.groupSgc[this.group(sd, cpu)]!;
  }

  /** CPUs of the busiest group and what is to be moved. */
  busiestGroup(sd: number, idle: number = Idle.IDLE): { cpus: number[]; type: number; imbalance: number } | null {
    this.env.begin(sd, k.sd.cpu[sd]!, idle);
    const group = findBusiestGroup(this.env, this.stats);
    if (group < 0) return null;
    const base = k.sd.groupBase[group]!;
    const cpus = [...k.sd.lists.subarray(base, base + k.sd.groupWeight[group]!)];
    return { cpus, type: this.env.migrationType, imbalance: this.env.imbalance };
  }

  /** The busiest queue of the busiest group, or -1. */
  busiestQueue(sd: number, migrationType: number, imbalance: number, group: number): number {
    this.env.begin(sd, k.sd.cpu[sd]!, Idle.IDLE);
    this.env.migrationType = migrationType;
    this.env.imbalance = imbalance;
    return findBusiestQueue(this.env, group);
  }

  /** A whole pass of the CPU that owns the domain. The books must agree before and after. */
  pass(sd: number, idle: number = Idle.IDLE): number {
    assert.equal(checkInvariants(), null);
    const cpu = k.sd.cpu[sd]!;
    k.thisCpu = cpu;
    const moved = this.lb.balance(sd, cpu, idle, 0);
    assert.equal(checkInvariants(), null);
    return moved;
  }

  /** The block of schedstat counters of an idle type. */
  counters(sd: number, idle: number): Record<string, number> {
    const at = sd * DOMAIN_COUNTERS + idle * 8;
    const names = ['count', 'balanced', 'failed', 'imbalance', 'gained', 'hotGained', 'nobusyq', 'nobusyg'];
    return Object.fromEntries(names.map((name, i) => [name, k.sd.counters[at + i]!]).filter(([, v]) => v !== 0));
  }
}
