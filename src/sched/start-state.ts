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
