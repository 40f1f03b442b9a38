/** The PELT clock of a throttled hierarchy stands still. @spec 03 §7 */
import { rqClockPelt } from './clock.ts';
import type { Kernel } from './kernel.ts';

/** One more throttled ancestor, or the runqueue itself. */
export function startThrottleClock(k: Kernel, q: number): void {
  const { cfs } = k;
  if (cfs.throttleCount[q] === 0) {
    cfs.throttledClockPelt[q] = rqClockPelt(k, cfs.cpu[q]!);
    cfs.onLeafList[q] = 0;
  }
  cfs.throttleCount[q]! += 1;
}

export function clearThrottleClock(k: Kernel, q: number): void {
  const { cfs } = k;
  cfs.throttleCount[q]! -= 1;
  if (cfs.throttleCount[q] !== 0) return;
  cfs.throttledClockPeltTime[q]! += rqClockPelt(k, cfs.cpu[q]!) - cfs.throttledClockPelt[q]!;
  cfs.onLeafList[q] = 1;
}
