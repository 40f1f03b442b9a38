/**
 * Small simulations for tests: a machine, a workload written on the spot, and what happened.
 *
 *   const run = simulate({
 *     machine: 8,                                   // CPUs that share a cache, or a Topology
 *     policy: 'linux-6.1,newidle=off',
 *     tasks: { a: { cpus: [0] }, b: { cpus: [0], nice: 5 } },   // hogs unless they have a program
 *     untilMs: 100,
 *   });
 *   run.switches(0)   // ['0 main->a X', '12 a->b R', ...], times in ms
 *
 * The books are checked after every event. State at the end (or where `run.to` stopped) is read from the scheduler's own
 * tables, with `run.slot('a')` for the row of a task.
 */
import { domainFaults, kernelConfig, parsePolicy, policyHooks } from '../../src/balance/policy.ts';
import type { CostProfile } from '../../src/machine/cost-profile.ts';
import type { Topology } from '../../src/machine/topology.ts';
import { buildDomains } from '../../src/sched/build-domains.ts';
import { type BalanceHooks, NullHooks } from '../../src/sched/hooks.ts';
import { k } from '../../src/sched/kernel.ts';
import { Simulation } from '../../src/sched/simulation.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { EVENTS } from '../../src/trace/event-specs.ts';
import { Ev, type EventKind, MIGRATE_CAUSES } from '../../src/trace/events.ts';
import { RECORDINGS } from '../../src/trace/recorder.ts';
import type { TraceSink, TraceTables } from '../../src/trace/sink.ts';
import { WorkloadBuilder } from '../../src/workload/build.ts';
import type { Instruction, TaskKind, Workload } from '../../src/workload/program.ts';
import { machine } from './trace-builder.ts';

export const MS = 1_000_000;

/** Programs are mostly made of these. */
export function RUN(ms: number): Instruction {
  return { op: 'run', work: { kind: 'fixed', ns: ms * MS } };
}
export function SLEEP(ms: number): Instruction {
  return { op: 'sleep', time: { kind: 'fixed', ns: ms * MS }, state: 'S' };
}

export interface SimulateOptions {
  readonly machine?: number | Topology;
  /** Tasks by their comm, forked by main at time 0 in this order. Without a program they are hogs. */
  readonly tasks?: Readonly<Record<string, Partial<TaskKind>>>;
  /** What main is, if that matters while it forks: of the best real-time priority, none of the tasks runs before all exist. */
  readonly main?: Partial<TaskKind>;
  /** Instead, or for what the tasks share: called before the tasks are added; may say `main` itself if there are none. */
  readonly workload?: Workload | ((w: WorkloadBuilder) => unknown);
  readonly policy?: string;
  readonly seed?: number;
  /** Costs other than those of the policy's profile. */
  readonly costs?: Partial<CostProfile>;
  /** Instead of the policy's own: `none` never balances, so that tasks stay where they are born or allowed. */
  readonly hooks?: 'none' | BalanceHooks;
  /** Kinds of events to keep; default: all but the updates of PELT. */
  readonly record?: readonly EventKind[];
  /** Simulated time to run for; default 100 ms. */
  readonly untilMs?: number;
}

export interface SimEvent {
  readonly kind: EventKind;
  readonly timeNs: number;
  readonly cpu: number;
  /** comm of the task it is about, or `idle`. */
  readonly task: string;
  /** Arguments by name. */
  readonly args: Readonly<Record<string, number>>;
}

/** Starts a simulation and runs it for `untilMs`. */
export function simulate(options: SimulateOptions): Simulated {
  const run = new Simulated(options);
  run.to(options.untilMs ?? 100);
  return run;
}

/** Boots a simulation without running it, for tests that stop on the way. */
export function boot(options: SimulateOptions): Simulated {
  return new Simulated(options);
}

export class Simulated implements TraceSink {
  readonly simulation: Simulation;
  readonly events: SimEvent[] = [];
  #tables!: TraceTables;
  /** Time that the run has been taken to. */
  #nowNs = 0;

  constructor(options: SimulateOptions) {
    const { machine: on = 1, policy: name = 'linux-6.1' } = options;
    const topology = typeof on === 'number' ? machine(on) : on;
    const named = parsePolicy(name);
    const policy = { ...named, costs: { ...named.costs, ...options.costs } };
    const { hooks } = options;
    this.simulation = new Simulation({
      topology,
      domains: buildDomains(topology, domainFaults(policy)),
      workload: workloadOf(options),
      config: kernelConfig(policy, options.seed ?? 1),
      hooks: hooks === undefined ? policyHooks(policy, topology.nrCpus) : hooks === 'none' ? new NullHooks() : hooks,
      source: 'test',
      sink: this,
      record: options.record ?? RECORDINGS.full,
      durationNs: null,
      checkInvariants: true,
    });
  }

  /** Runs on to a moment of simulated time, events at that moment included. */
  to(ms: number): this {
    this.#nowNs = Math.round(ms * MS);
    this.simulation.run(this.#nowNs);
    return this;
  }

  begin(tables: TraceTables): void {
    this.#tables = tables;
  }

  event(kind: EventKind, timeNs: number, cpu: number, task: number, values: Float64Array): void {
    const args = Object.fromEntries(EVENTS[kind]!.args.map(([name], i) => [name, values[i]!]));
    this.events.push({ kind, timeNs, cpu, task: this.comm(task), args });
  }

  /** comm of a task by its trace id. */
  comm(id: number): string {
    return id < 0 ? 'idle' : this.#tables.tasks[id]!.comm;
  }

  of(...kinds: readonly EventKind[]): SimEvent[] {
    return this.events.filter((e) => kinds.includes(e.kind));
  }

  /** The switches of a CPU, such as `12 a->b R`: time in ms, tasks, state the first is left in. */
  switches(cpu: number): string[] {
    return this.of(Ev.SCHED_SWITCH)
      .filter((e) => e.cpu === cpu)
      .map((e) => `${e.timeNs / MS} ${e.task}->${this.comm(e.args['next']!)} ${stateName(e.args['prev_state']!)}`);
  }

  /** The migrations, such as `12 a 0>1 active`. */
  migrations(): string[] {
    return this.of(Ev.SCHED_MIGRATE_TASK).map(({ timeNs, task, args }) => {
      return `${timeNs / MS} ${task} ${args['orig_cpu']}>${args['dest_cpu']} ${MIGRATE_CAUSES[args['cause']!]}`;
    });
  }

  /** The row in the scheduler's tables of the living task with this comm. */
  slot(comm: string): number {
    for (let task = k.nrCpus; task < k.nrTasks; task++) {
      if (tasks.alive[task] === 1 && this.comm(tasks.traceId[task]!) === comm) return task;
    }
    throw new Error(`no task "${comm}" is alive at ${k.now} ns`);
  }

  /** CPU time a task has had, ms: from its switches, not from the scheduler's books. */
  ranMs(comm: string): number {
    let ns = 0;
    let since = -1;
    for (const { timeNs, task, args } of this.of(Ev.SCHED_SWITCH)) {
      if (task === comm && since >= 0) {
        ns += timeNs - since;
        since = -1;
      }
      if (this.comm(args['next']!) === comm) since = timeNs;
    }
    return (ns + (since < 0 ? 0 : this.#nowNs - since)) / MS;
  }
}

function workloadOf({ tasks: kinds = {}, main = {}, workload }: SimulateOptions): Workload {
  if (typeof workload === 'object') return workload;
  const w = new WorkloadBuilder('test');
  workload?.(w);
  const forks = Object.entries(kinds).map(([name, input]) => {
    return { op: 'fork', kind: w.kind({ name, program: [{ op: 'hog' }], ...input }), count: 1 } as const;
  });
  if (forks.length > 0) w.main([...forks, { op: 'exit' }], main);
  return w.build();
}

function stateName(state: number): string {
  return { 0: 'R', 1: 'S', 2: 'D', 16: 'X', 256: 'R+' }[state] ?? `${state}`;
}
