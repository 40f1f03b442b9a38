/**
 * What the kernel lab's guest adds to a load: before a repetition it has been idle for some time, so ticks, intervals and
 * clocks stand anywhere when the load begins.
 */
import type { Workload } from '../../workload/program.ts';

/** The guest has been idle this long when a repetition begins, ns. */
const IDLE_NS = { kind: 'uniform', minNs: 40_000_000, maxNs: 120_000_000, stepNs: 1 } as const;

/** The load as the lab starts it. */
export function inGuest(workload: Workload): Workload {
  const [main, ...others] = workload.kinds;
  const program = [{ op: 'sleep', time: IDLE_NS, state: 'S' } as const, ...main!.program];
  return {
    ...workload,
    kinds: [{ ...main!, program }, ...others],
    durationNs: workload.durationNs === null ? null : workload.durationNs + IDLE_NS.maxNs,
  };
}
