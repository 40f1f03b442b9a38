/**
 * How a balance pass ends, and what the domain remembers of it: the number of failures in a row, and the interval until
 * the next pass. @spec 06 §3
 *
 *   moved something       failures 0       interval the least
 *   failed                failures + 1     interval the least, unless the stopper has just been started
 *   found balance         failures 0       interval doubles up to its maximum
 *   all tasks pinned      failures 0       interval doubles, far beyond its maximum
 *
 * Newidle passes neither count as failures nor double the interval.
 */
import { k } from '../sched/kernel.ts';
import { Idle, LbFlag } from './env.ts';

/** While every task of a source is pinned the interval may grow up to this, ms. */
const MAX_PINNED_INTERVAL = 512;

/** Nothing to do: no busier group or queue, or not this CPU's turn. */
export function passBalanced(domain: number, idle: number, flags: number): void {
  const { sd } = k;
  const parent = sd.parent[domain]!;
  if (parent >= 0 && (flags & LbFlag.ALL_PINNED) === 0) {
    const sgc = sd.groupSgc[sd.localGroup(parent)]!;
    if (sd.sgcImbalance[sgc] !== 0) sd.sgcImbalance[sgc] = 0;
  }
  passAllPinned(domain, idle, flags);
}

/** No task of any source may come here. */
export function passAllPinned(domain: number, idle: number, flags: number): void {
  k.sd.nrBalanceFailed[domain] = 0;
  passOnePinned(domain, idle, flags);
}

/** The same, or the stopper was wanted for a running task that may not come here: failures stay counted. */
export function passOnePinned(domain: number, idle: number, flags: number): void {
  if (idle === Idle.NEWLY_IDLE) return;
  const { balanceInterval, maxInterval } = k.sd;
  const pinned = (flags & LbFlag.ALL_PINNED) !== 0 && balanceInterval[domain]! < MAX_PINNED_INTERVAL;
  if (pinned || balanceInterval[domain]! < maxInterval[domain]!) balanceInterval[domain]! *= 2;
}

export function passMoved(domain: number): void {
  k.sd.nrBalanceFailed[domain] = 0;
}

/** There was something to pull, and nothing came. */
export function passFailed(domain: number, idle: number): void {
  if (idle !== Idle.NEWLY_IDLE) k.sd.nrBalanceFailed[domain]! += 1;
}

/** The end of a pass that moved something or failed: the next one is soon. */
export function passSoonAgain(domain: number): void {
  k.sd.balanceInterval[domain] = k.sd.minInterval[domain]!;
}
