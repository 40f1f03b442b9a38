/**
 * Where things stand when a simulation begins. A machine that has just booted has everything in step; one that has been
 * up for a while has not: its next tick is anywhere within a period, and its domains were balanced at any time within
 * their intervals. Which of these moments a load meets decides much of what becomes of it.
 */
import { RandomStreams } from '../engine/random.ts';
import { k, msecsToJiffies } from './kernel.ts';
import * as rq from './rq.ts';

/** Time since the last tick, ns, for a machine that has been up for a while. */
export function randomTickOffset(seed: number, tickNs: number): number {
  const random = new RandomStreams(1);
  random.seed(0, seed, 'tick offset', 0);
  return random.below(0, tickNs);
}

/** Puts each domain somewhere within its interval. */
export function staggerDomains(seed: number): void {
  const { sd } = k;
  const random = new RandomStreams(1);
  for (let cpu = 0; cpu < k.nrCpus; cpu++) {
    random.seed(0, seed, 'last_balance', cpu);
    let next = Number.POSITIVE_INFINITY;
    for (let d = sd.lowest[cpu]!; d >= 0; d = sd.parent[d]!) {
      const interval = msecsToJiffies(sd.minInterval[d]!);
      sd.lastBalance[d] = k.jiffies - random.below(0, interval + 1);
      next = Math.min(next, sd.lastBalance[d]! + interval);
    }
    if (next !== Number.POSITIVE_INFINITY) rq.nextBalance[cpu] = next;
  }
}

/** What a domain remembers of its balance passes. Null: not known, left as it is. */
export interface DomainStart {
  readonly cpu: number;
  /** In the kernel's table of levels. */
  readonly level: number;
  readonly intervalMs: number;
  readonly failed: number;
  /** Since it was last balanced. */
  readonly sinceJiffies: number | null;
  readonly maxNewidleCostNs: number | null;
  readonly newidleRatio: number | null;
}

/** What a CPU remembers of idling; `newidleCall` and `newidleSuccess` are of its lowest domain. */
export interface CpuStart {
  readonly cpu: number;
  readonly avgIdleNs: number;
  readonly maxIdleBalanceCostNs: number;
  readonly newidleCall: number | null;
  readonly newidleSuccess: number | null;
}

/** State that an earlier load left behind. */
export interface StartState {
  readonly domains: readonly DomainStart[];
  readonly cpus: readonly CpuStart[];
}

/** Puts everything that `state` tells into the machine as it is now. */
export function takeOver(state: StartState): void {
  const { sd } = k;
  for (const { cpu, level, intervalMs, failed, sinceJiffies, maxNewidleCostNs, newidleRatio } of state.domains) {
    let d = sd.lowest[cpu]!;
    while (d >= 0 && sd.level[d] !== level) d = sd.parent[d]!;
    if (d < 0) continue;
    sd.balanceInterval[d] = intervalMs;
    sd.nrBalanceFailed[d] = failed;
    if (sinceJiffies !== null) {
      sd.lastBalance[d] = k.jiffies - sinceJiffies;
      rq.nextBalance[cpu] = Math.min(rq.nextBalance[cpu]!, sd.lastBalance[d]! + msecsToJiffies(intervalMs));
    }
    if (maxNewidleCostNs !== null) sd.maxNewidleLbCost[d] = maxNewidleCostNs;
    if (newidleRatio !== null) sd.newidleRatio[d] = newidleRatio;
  }
  for (const { cpu, avgIdleNs, maxIdleBalanceCostNs, newidleCall, newidleSuccess } of state.cpus) {
    rq.avgIdle[cpu] = avgIdleNs;
    rq.maxIdleBalanceCost[cpu] = maxIdleBalanceCostNs;
    const lowest = sd.lowest[cpu]!;
    if (lowest < 0) continue;
    if (newidleCall !== null) sd.newidleCall[lowest] = newidleCall;
    if (newidleSuccess !== null) sd.newidleSuccess[lowest] = newidleSuccess;
  }
}
