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
 *
 * Uses the simulator's tables, see `exact-state.ts`: a simulation that was going on in the thread can not go on after this.
 */
import type { EventKind } from '../../trace/events.ts';
import type { TraceSink, TraceTables } from '../../trace/sink.ts';
import { PassDecisions } from './decision-passes.ts';
import { RebalanceDecisions } from './decision-rebalance.ts';
import { type DecisionResult, DecisionTally } from './decision-tally.ts';
import { resetKernel } from './exact-state.ts';

export type { DecisionResult } from './decision-tally.ts';

export class DecisionComparison implements TraceSink {
  readonly #tally = new DecisionTally();
  #passes!: PassDecisions;
  #rebalance!: RebalanceDecisions;

  get result(): DecisionResult {
    return this.#tally.result();
  }

  begin(tables: TraceTables): void {
    resetKernel(tables.topology);
    this.#tally.nameOf = (task) => `${tables.tasks[task]!.comm}:${tables.tasks[task]!.pid}`;
    this.#passes = new PassDecisions(this.#tally);
    this.#rebalance = new RebalanceDecisions(this.#tally, tables.hz || 250);
  }

  event(kind: EventKind, timeNs: number, cpu: number, task: number, args: Float64Array): void {
    this.#passes.event(kind, timeNs, cpu, task, args);
    this.#rebalance.event(kind, timeNs, cpu, args);
  }

  end(): void {
    this.#rebalance.end();
  }
}
