/**
 * Decision by decision: a recorded trace is played, the state that each decision of the balancer saw is rebuilt as far as
 * the probes tell it, the simulator's own rule decides on that state, and what the kernel decided must be the same.
 *
 *   const decisions = new DecisionComparison();
 *   for (const repetition of labRepetitions(bytes, options)) repetition.play(decisions);
 *   decisions.result   // { lb_leave: { seen: 812, decidable: 809, agree: 809, disagreements: [], undecidable: {...} }, ... }
 *
 *   lb_leave        interval and failures after a balance pass                            decision-passes.ts
 *   lb_enter        the same from one pass of a domain to the next
 *   rebalance       which domains are due when a CPU's turn comes                         decision-rebalance.ts
 *   can_migrate         whether a pass may move a task                                    decision-migrate.ts
 *   can_migrate_order   which task of a queue a pass looks at next
 *   idlest, idlest_among  the group of a domain that a new or exec'ing task goes to       decision-idlest.ts
 *   select          the CPU of a waking task                                              decision-select.ts
 *   select_among    the same where what is not known leaves several CPUs, but not all that the task may use: it is one of them
 *   nohz_kick       which idle CPU is kicked to balance                                  decision-nohz.ts
 *   nohz_flags      what it is asked for beside balancing
 *
 * Uses the simulator's tables, see `exact-state.ts`: a simulation that was going on in the thread can not go on after this.
 */
import { Ev, type EventKind } from '../../trace/events.ts';
import type { TraceSink, TraceTables } from '../../trace/sink.ts';
import type { Workload } from '../../workload/program.ts';
import { Affinities } from './decision-affinity.ts';
import { CpuStates, DecisionQueue } from './decision-cpus.ts';
import { ForkDecisions } from './decision-fork.ts';
import { IdlestDecisions } from './decision-idlest.ts';
import { ImbalanceMarks } from './decision-imbalance.ts';
import { MigrateDecisions } from './decision-migrate.ts';
import { NohzDecisions } from './decision-nohz.ts';
import { CfsOrder } from './decision-order.ts';
import { PassDecisions } from './decision-passes.ts';
import { RebalanceDecisions } from './decision-rebalance.ts';
import { SelectDecisions } from './decision-select.ts';
import { type DecisionResult, DecisionTally } from './decision-tally.ts';
import { Wakees } from './decision-wakees.ts';
import { resetKernel } from './exact-state.ts';

export type { DecisionResult } from './decision-tally.ts';

export interface DecisionOptions {
  /** What the recorded tasks were: it tells where they may run. */
  readonly workload?: Workload;
}

export class DecisionComparison implements TraceSink {
  readonly #tally = new DecisionTally();
  readonly #workload: Workload | null;
  /** No SCHED_IDLE tasks and no quotas: what runs where tells which CPUs are free. */
  readonly #isPlain: boolean;
  #cpus!: CpuStates;
  #queue!: DecisionQueue;
  #affinities!: Affinities;
  #wakees!: Wakees;
  #select!: SelectDecisions;
  #imbalance!: ImbalanceMarks;
  #idlest!: IdlestDecisions;
  #fork!: ForkDecisions;
  #nohz!: NohzDecisions;
  #order!: CfsOrder;
  #migrate!: MigrateDecisions;
  #strings: readonly string[] = [];
  #passes!: PassDecisions;
  #rebalance!: RebalanceDecisions;

  constructor(options: DecisionOptions = {}) {
    this.#workload = options.workload ?? null;
    this.#isPlain = this.#workload === null || isPlain(this.#workload);
  }

  get result(): DecisionResult {
    return this.#tally.result();
  }

  begin(tables: TraceTables, startNs = 0): void {
    resetKernel(tables.topology);
    this.#strings = tables.strings;
    this.#tally.nameOf = (task) => `${tables.tasks[task]!.comm}:${tables.tasks[task]!.pid}`;
    this.#cpus = new CpuStates(tables);
    this.#queue = new DecisionQueue(this.#cpus);
    this.#affinities = new Affinities(tables, this.#workload);
    this.#wakees = new Wakees();
    this.#select = new SelectDecisions(this.#tally, this.#cpus, this.#queue, this.#affinities, this.#wakees);
    this.#passes = new PassDecisions(this.#tally);
    this.#imbalance = new ImbalanceMarks();
    this.#idlest = new IdlestDecisions(this.#tally, this.#cpus, this.#queue, this.#affinities, this.#imbalance);
    this.#fork = new ForkDecisions(this.#tally, this.#cpus, this.#queue, this.#affinities, this.#idlest, startNs);
    this.#nohz = new NohzDecisions(this.#tally, this.#cpus, this.#queue);
    this.#order = new CfsOrder(this.#cpus);
    const groups = this.#workload?.groups ?? [];
    this.#migrate = new MigrateDecisions(this.#tally, this.#cpus, this.#affinities, this.#order, this.#passes, {
      groups: groups.length > 0,
    });
    this.#rebalance = new RebalanceDecisions(this.#tally, tables.hz || 250);
  }

  event(kind: EventKind, timeNs: number, cpu: number, task: number, args: Float64Array): void {
    this.#queue.advance(timeNs);
    this.#affinities.event(kind, task, this.#cpus.current[cpu]!, args);
    this.#wakees.event(kind, task, args);
    if (kind === Ev.SELECT_RET && this.#isPlain) {
      this.#select.selectRet(timeNs, cpu, args[0]!);
      this.#fork.selectRet(timeNs, cpu, args[0]!);
    }
    this.#cpus.event(kind, timeNs, cpu, task, args);
    if (this.#isPlain) this.#select.event(kind, timeNs, cpu, task, args);
    if (kind === Ev.PRINT) {
      const changing = this.#affinities.changedBy(this.#strings[args[0]!]!);
      if (changing.length > 0) this.#order.changes(this.#cpus.current[cpu]!, changing);
    }
    if (this.#isPlain) {
      this.#fork.event(kind, timeNs, cpu, task, args);
      this.#idlest.event(kind, timeNs, cpu, task, args);
      this.#nohz.event(kind, timeNs, cpu, task, args);
    }
    if (kind === Ev.LB_LEAVE) {
      const pass = this.#passes.of(cpu);
      if (pass !== undefined) this.#imbalance.leave(pass, args[7]!, args[5]!);
    }
    this.#order.event(kind, cpu, task, args);
    this.#passes.event(kind, timeNs, cpu, task, args);
    this.#rebalance.event(kind, timeNs, cpu, args);
    if (this.#isPlain) this.#migrate.event(kind, timeNs, cpu, task, args);
  }

  end(): void {
    this.#queue.advance(Number.POSITIVE_INFINITY);
    this.#rebalance.end();
  }
}

/** SCHED_IDLE tasks do not make a CPU busy, and throttled ones are not there: the events do not tell either. */
function isPlain({ kinds, groups }: Workload): boolean {
  const idles = kinds.some(
    ({ policy, program }) =>
      policy === 'idle' || program.some((step) => step.op === 'setPolicy' && step.policy === 'idle'),
  );
  return !idles && groups.every(({ idle, quotaNs }) => !idle && quotaNs === null);
}
