/**
 * A simulation: a machine, a workload and a balancing policy, run for a while.
 *
 *   next event (queue) or next tick (cursor), whichever is earlier; at one instant the queue comes first
 */
import { assert, UserError } from '../base/errors.ts';
import type { Topology } from '../machine/topology.ts';
import type { EventKind } from '../trace/events.ts';
import { RECORDINGS, Recorder } from '../trace/recorder.ts';
import type { TraceSink } from '../trace/sink.ts';
import type { Workload } from '../workload/program.ts';
import { activateTask } from './activate.ts';
import { enableBandwidth } from './bandwidth.ts';
import type { KernelConfig } from './config.ts';
import { dispatch, runCpu, tickInterrupt } from './cpu-loop.ts';
import type { DomainTree } from './domains.ts';
import { announceAffinity, createTask } from './fork.ts';
import type { BalanceHooks } from './hooks.ts';
import { checkInvariants } from './invariants.ts';
import { Kernel } from './kernel.ts';
import { postInitEntityUtilAvg } from './load-avg.ts';
import { Programs } from './programs.ts';
import { Class, Policy, State } from './tables.ts';
import { TaskGroups } from './task-groups.ts';
import { startTick } from './tick.ts';
import { checkWorkloadFits } from './workload-check.ts';

export interface SimulationOptions {
  readonly topology: Topology;
  readonly domains: DomainTree;
  readonly workload: Workload;
  readonly config: KernelConfig;
  /** The balancing policy; made for this machine. */
  readonly hooks: BalanceHooks;
  /** Name of the policy, for the trace. */
  readonly source: string;
  readonly sink?: TraceSink | null;
  readonly record?: readonly EventKind[];
  /** Simulated time to stop at, ns; null: the workload's own, or its end. */
  readonly durationNs?: number | null;
  /** Check the scheduler's books after every event. */
  readonly checkInvariants?: boolean;
}

/** Why a simulation ended. */
export type EndReason = 'duration' | 'finished' | 'stopped' | 'deadlock';

export class Simulation {
  readonly kernel: Kernel;
  readonly #end: number;
  readonly #check: boolean;
  /** Events and ticks handled. */
  events = 0;
  ticks = 0;
  reason: EndReason | null = null;

  constructor(options: SimulationOptions) {
    const { topology, workload, config } = options;
    checkWorkloadFits(workload, topology);
    const recorder = new Recorder(
      topology,
      options.source,
      config.tunables.hz,
      options.sink ?? null,
      options.record ?? RECORDINGS.figures,
    );
    const groups = new TaskGroups(workload.groups);
    const capacity = 2 * topology.nrCpus + Math.max(16, workload.maxTasks + 1);
    const k = new Kernel(topology, options.domains, config, recorder, groups, capacity);
    this.kernel = k;
    k.programs = new Programs(k, workload);
    k.hooks = options.hooks;
    enableBandwidth(k);
    const limit = options.durationNs === undefined ? workload.durationNs : options.durationNs;
    this.#end = limit ?? Number.POSITIVE_INFINITY;
    this.#check = options.checkInvariants ?? false;
    this.#boot();
  }

  /** Idle CPUs, sleeping stoppers, and the main task on its CPU. */
  #boot(): void {
    const k = this.kernel;
    const { task: t, nrCpus } = k;
    for (let cpu = 0; cpu < nrCpus; cpu++) {
      t.alive[cpu] = 1;
      t.schedClass[cpu] = Class.IDLE;
      t.prio[cpu] = 120;
      t.cpu[cpu] = cpu;
      t.onCpu[cpu] = 1;
      t.nrAllowed[cpu] = 1;
      t.allowed[cpu] = k.affinity.of([cpu]);
      const stopper = nrCpus + cpu;
      t.alive[stopper] = 1;
      t.state[stopper] = State.INTERRUPTIBLE;
      t.schedClass[stopper] = Class.STOP;
      t.policy[stopper] = Policy.FIFO;
      t.prio[stopper] = -1;
      t.cpu[stopper] = cpu;
      t.wakeCpu[stopper] = cpu;
      t.allowed[stopper] = t.allowed[cpu]!;
      t.nrAllowed[stopper] = 1;
      t.perCpuKthread[stopper] = 1;
      k.se.cfsRq[k.entityOf(cpu)] = cpu;
      k.se.cfsRq[k.entityOf(stopper)] = cpu;
      t.traceId[stopper] = k.recorder.addTask({ pid: 15 + 7 * cpu, comm: `migration/${cpu}`, kind: '', kthread: true });
    }
    k.recorder.begin(0);
    const first =
      k.topology.online[k.config.environment.bootCpu] === 1 ? k.config.environment.bootCpu : k.firstActiveCpu();
    k.thisCpu = first;
    for (let cpu = 0; cpu < nrCpus; cpu++) {
      if (k.cpuActive[cpu] === 0) continue;
      startTick(k, cpu);
      // The machine has been idle for a while.
      if (cpu !== first) k.loop.gotIdleTick[cpu] = 1;
    }
    const main = createTask(k, 0, -1);
    announceAffinity(k, main);
    t.state[main] = State.RUNNING;
    t.recentUsedCpu[main] = first;
    postInitEntityUtilAvg(k, main);
    activateTask(k, first, main, 0);
    k.setNeedResched(first);
    for (let cpu = 0; cpu < nrCpus; cpu++) if (k.cpuActive[cpu] !== 0) runCpu(k, cpu);
  }

  /** Runs until simulated time `until` (default: to the end). True when the simulation is over. */
  run(until = Number.POSITIVE_INFINITY): boolean {
    const k = this.kernel;
    const { queue, ticks, programs } = k;
    const end = this.#end;
    const stop = Math.min(until, end);
    while (this.reason === null) {
      ticks.find(k);
      const tickTime = ticks.time;
      const eventTime = queue.nextTime();
      const time = eventTime <= tickTime ? eventTime : tickTime;
      if (time > stop || time === Number.POSITIVE_INFINITY) {
        if (time === Number.POSITIVE_INFINITY && end === Number.POSITIVE_INFINITY) this.reason = 'deadlock';
        else if (stop === end) this.#finish('duration', end);
        return this.reason !== null;
      }
      k.now = time;
      if (time >= k.nextJiffyAt) k.updateJiffies();
      if (eventTime <= tickTime) {
        this.events++;
        dispatch(k, queue.pop());
      } else {
        this.ticks++;
        const { cpu } = ticks;
        ticks.taken();
        tickInterrupt(k, cpu);
      }
      if (this.#check) this.#checkBooks();
      if (programs.alive === 0) this.#finish('finished', k.now);
      else if (programs.stopped) this.#finish('stopped', k.now);
    }
    return true;
  }

  #finish(reason: EndReason, at: number): void {
    this.reason = reason;
    this.kernel.now = at;
    this.kernel.recorder.end(at);
  }

  #checkBooks(): void {
    const wrong = checkInvariants(this.kernel);
    assert(
      wrong === null,
      `${wrong} (event ${this.events + this.ticks}, ${this.kernel.now} ns, seed ${this.kernel.config.seed})`,
    );
  }

  /** Throws the error that a simulation which can never end deserves. */
  failOnDeadlock(): void {
    if (this.reason !== 'deadlock') return;
    const k = this.kernel;
    const waiting: string[] = [];
    const { kind, index } = k.programs.state;
    for (let task = 2 * k.nrCpus; task < k.nrTasks && waiting.length < 5; task++) {
      if (k.task.alive[task] === 0) continue;
      const { name, comm } = k.programs.workload.kinds[kind[task]!]!;
      waiting.push(`${name || comm}-${index[task]}`);
    }
    throw new UserError(
      'workload',
      `workload "${k.programs.workload.name}" is stuck at ${k.now} ns: every task waits for another (${waiting.join(', ')}${k.programs.alive > waiting.length ? ', ...' : ''})`,
      {},
      'give it a duration, or something that wakes them',
    );
  }
}
