/**
 * The CFS runqueue of CPU 0 put together by hand, for tests of a single rule: tasks that sleep are put on it, at the
 * vruntime that the rule is to be tried with.
 *
 *   const q = runqueue({ a: {}, b: { nice: 5 } });
 *   q.running('a', 10 * MS).queued('b', 3 * MS);
 *   pickNextEntity(0, q.task('a'))
 */
import * as cfs from '../../src/sched/cfs-rq.ts';
import * as se from '../../src/sched/entity.ts';
import { addToCfsTasks, insertEntity } from '../../src/sched/fair-entity.ts';
import { k } from '../../src/sched/kernel.ts';
import * as rq from '../../src/sched/rq.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { OnRq, State } from '../../src/sched/tasks.ts';
import type { Instruction, TaskKind } from '../../src/workload/program.ts';
import { boot, type Simulated, type SimulateOptions } from './simulate.ts';

export const SLEEPS_FOR_GOOD: readonly Instruction[] = [
  { op: 'sleep', time: { kind: 'fixed', ns: 3_600_000_000_000 }, state: 'S' },
];

export class Runqueue {
  readonly #run: Simulated;

  constructor(run: Simulated) {
    this.#run = run;
  }

  task(name: string): number {
    return this.#run.slot(name);
  }

  /** The task waits in the queue. */
  queued(name: string, vruntime: number): this {
    const e = this.#add(name, vruntime);
    insertEntity(se.cfsRq[e]!, e);
    return this;
  }

  /** The task is the CPU's current one. */
  running(name: string, vruntime: number): this {
    const e = this.#add(name, vruntime);
    cfs.curr[0] = e;
    rq.curr[0] = e;
    se.execStart[e] = rq.clock[0]!;
    se.prevSumExec[e] = se.sumExec[e]!;
    return this;
  }

  #add(name: string, vruntime: number): number {
    const e = this.task(name);
    se.vruntime[e] = vruntime;
    se.onRq[e] = 1;
    tasks.onRq[e] = OnRq.QUEUED;
    tasks.state[e] = State.RUNNING;
    addToCfsTasks(0, e);
    cfs.load[0]! += se.weight[e]!;
    cfs.nrRunning[0]! += 1;
    cfs.hNrRunning[0]! += 1;
    rq.nrRunning[0]! += 1;
    if (se.isIdle[e] === 1) cfs.idleNrRunning[0]! += 1;
    return e;
  }
}

/** A machine of 8 CPUs where these tasks sleep on CPU 0, and nothing has happened for 200 ms. */
export function runqueue(
  kinds: Readonly<Record<string, Partial<TaskKind>>>,
  options: Omit<SimulateOptions, 'tasks'> = {},
): Runqueue {
  const entries = Object.entries(kinds).map(([name, kind]) => {
    return [name, { program: SLEEPS_FOR_GOOD, cpus: [0], ...kind }] as const;
  });
  const run = boot({ machine: 8, hooks: 'none', tasks: Object.fromEntries(entries), ...options }).to(200);
  k.now = 200_000_000;
  k.thisCpu = 0;
  rq.clock[0] = k.now;
  return new Runqueue(run);
}

/** n tasks named t0, t1, ... */
export function tasksNamed(n: number, kind: Partial<TaskKind> = {}): Record<string, Partial<TaskKind>> {
  return Object.fromEntries(Array.from({ length: n }, (_, i) => [`t${i}`, kind]));
}
