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
import * as se from './entity.ts';
import { FairServer } from './fair-server.ts';
import { announceAffinity, createTask } from './fork.ts';
import { type BalanceHooks, Watch } from './hooks.ts';
import { checkInvariants } from './invariants.ts';
import { initKernel, k, updateJiffies } from './kernel.ts';
import { postInitEntityUtilAvg } from './load-avg.ts';
import * as loop from './loop.ts';
import { firstActiveCpu } from './predicates.ts';
import { Programs } from './programs.ts';
import * as progress from './progress.ts';
import * as rq from './rq.ts';
import { setNeedResched } from './signals.ts';
import { TaskGroups } from './task-groups.ts';
import { reset as resetTimers } from './task-timers.ts';
import * as tasks from './tasks.ts';
import { Class, Policy, State } from './tasks.ts';
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
  readonly #end: number;
  readonly #check: boolean;
  /** Events and ticks handled. */
  events = 0;
  ticks = 0;
  reason: EndReason | null = null;

  /** Boots the machine. A thread simulates one machine at a time: an earlier simulation can not go on after this. */
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
    initKernel(topology, options.domains, config, recorder, new TaskGroups(workload.groups));
    resetTimers(topology.nrCpus);
    enableBandwidth();
    k.programs = new Programs(workload);
    const { latMemNs, latRemNs } = config.costs;
    k.remoteMemory = latMemNs > 0 && latRemNs > latMemNs && workload.kinds.some((kind) => (kind.memoryBound ?? 0) > 0);
    k.hooks = options.hooks;
    k.hooks.started();
    k.watch = options.hooks.watches;
    if (config.tunables.serverRuntimeNs > 0) {
      k.fairServer = new FairServer(topology.nrCpus);
      k.watch |= Watch.SERVER;
    }
    const limit = options.durationNs === undefined ? workload.durationNs : options.durationNs;
    this.#end = limit ?? Number.POSITIVE_INFINITY;
    this.#check = options.checkInvariants ?? false;
    k.simulation = this;
    boot();
  }

  /** Runs until simulated time `until` (default: to the end). True when the simulation is over. */
  run(until = Number.POSITIVE_INFINITY): boolean {
    assert(k.simulation === this, 'another simulation has been started in this thread');
    const { queue, ticks, programs } = k;
    const end = this.#end;
    const stop = Math.min(until, end);
    while (this.reason === null) {
      ticks.find();
      const tickTime = ticks.time;
      const eventTime = queue.nextTime();
      const time = eventTime <= tickTime ? eventTime : tickTime;
      if (time > stop || time === Number.POSITIVE_INFINITY) {
        if (time === Number.POSITIVE_INFINITY && end === Number.POSITIVE_INFINITY) this.#finish('deadlock', k.now);
        else if (stop === end) this.#finish('duration', end);
        return this.reason !== null;
      }
      k.now = time;
      if (time >= k.nextJiffyAt) updateJiffies();
      if (eventTime <= tickTime) {
        this.events++;
        dispatch(queue.pop());
      } else {
        this.ticks++;
        const { cpu } = ticks;
        ticks.taken();
        tickInterrupt(cpu);
      }
      if (this.#check) this.#checkBooks();
      if (programs.alive === 0) this.#finish('finished', k.now);
      else if (programs.stopped) this.#finish('stopped', k.now);
    }
    return true;
  }

  /** Simulated time, ns. */
  get now(): number {
    return k.now;
  }

  #finish(reason: EndReason, at: number): void {
    this.reason = reason;
    k.now = at;
    k.recorder.end(at);
  }

  #checkBooks(): void {
    const wrong = checkInvariants();
    assert(wrong === null, `${wrong} (event ${this.events + this.ticks}, ${k.now} ns, seed ${k.config.seed})`);
  }

  /** Throws the error that a simulation which can never end deserves. */
  failOnDeadlock(): void {
    if (this.reason !== 'deadlock') return;
    const waiting: string[] = [];
    for (let task = 2 * k.nrCpus; task < k.nrTasks && waiting.length < 5; task++) {
      if (tasks.alive[task] !== 0) waiting.push(`${k.programs.kindName(task)}-${progress.index[task]}`);
    }
    const more = k.programs.alive > waiting.length ? ', ...' : '';
    throw new UserError(
      'workload',
      `workload "${k.programs.workload.name}" is stuck at ${k.now} ns: every task waits for another (${waiting.join(', ')}${more})`,
      {},
      'give it a duration, or something that wakes them',
    );
  }
}

/** Idle CPUs, sleeping stoppers, and the main task on its CPU. */
function boot(): void {
  const { nrCpus } = k;
  for (let cpu = 0; cpu < nrCpus; cpu++) {
    makeIdleTask(cpu);
    makeStopper(cpu);
  }
  k.recorder.begin(0);
  const { bootCpu } = k.config.environment;
  // A program that is pinned starts where it is allowed.
  const pinned = k.programs.workload.kinds[0]!.cpus;
  const may = (cpu: number) => k.cpuActive[cpu] === 1 && (pinned === null || pinned.includes(cpu));
  const first = may(bootCpu) ? bootCpu : (pinned?.find(may) ?? firstActiveCpu());
  k.thisCpu = first;
  for (let cpu = 0; cpu < nrCpus; cpu++) {
    if (k.cpuActive[cpu] === 0) continue;
    startTick(cpu);
    if (cpu === first) continue;
    // The machine has been idle for a while.
    loop.gotIdleTick[cpu] = 1;
    rq.idleStamp[cpu] = 0;
  }
  const main = createTask(0, -1, -1);
  tasks.wakeeFlips[main] = k.config.environment.wakeeFlips;
  announceAffinity(main);
  tasks.state[main] = State.RUNNING;
  tasks.recentUsedCpu[main] = first;
  postInitEntityUtilAvg(main);
  activateTask(first, main, 0);
  setNeedResched(first);
  for (let cpu = 0; cpu < nrCpus; cpu++) if (k.cpuActive[cpu] !== 0) runCpu(cpu);
}

function makeIdleTask(cpu: number): void {
  tasks.alive[cpu] = 1;
  tasks.schedClass[cpu] = Class.IDLE;
  tasks.prio[cpu] = 120;
  tasks.cpu[cpu] = cpu;
  tasks.onCpu[cpu] = 1;
  tasks.nrAllowed[cpu] = 1;
  tasks.allowed[cpu] = k.affinity.of([cpu]);
  se.cfsRq[cpu] = cpu;
}

function makeStopper(cpu: number): void {
  const stopper = k.nrCpus + cpu;
  tasks.alive[stopper] = 1;
  tasks.state[stopper] = State.INTERRUPTIBLE;
  tasks.schedClass[stopper] = Class.STOP;
  tasks.policy[stopper] = Policy.FIFO;
  tasks.prio[stopper] = -1;
  tasks.cpu[stopper] = cpu;
  tasks.wakeCpu[stopper] = cpu;
  tasks.allowed[stopper] = tasks.allowed[cpu]!;
  tasks.nrAllowed[stopper] = 1;
  tasks.kthread[stopper] = 1;
  tasks.perCpuKthread[stopper] = 1;
  se.cfsRq[stopper] = cpu;
  tasks.traceId[stopper] = k.recorder.addTask({ pid: 15 + 7 * cpu, comm: `migration/${cpu}`, kind: '', kthread: true });
}
