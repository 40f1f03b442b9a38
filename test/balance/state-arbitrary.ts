/** Random states of CPUs, as decisions read them. */
import fc from 'fast-check';
import * as avg from '../../src/sched/averages.ts';
import * as cfs from '../../src/sched/cfs-rq.ts';
import { k } from '../../src/sched/kernel.ts';
import * as rq from '../../src/sched/rq.ts';

const few = fc.constantFrom(0, 0, 1, 1, 1, 2, 2, 3, 5);
const amount = fc.oneof(fc.constantFrom(0, 512, 1024), fc.nat({ max: 3000 }));

export const anyCpu = fc.record({
  nr: few,
  /** Tasks of other classes. */
  others: fc.constantFrom(0, 0, 0, 0, 1),
  load: amount,
  util: amount,
  utilEst: amount,
  runnable: amount,
  /** Part of its capacity that the CPU has lost, in 1024ths. */
  lost: fc.constantFrom(0, 0, 0, 0, 100, 149, 500),
  misfit: fc.constantFrom(0, 0, 100, 300),
  pending: fc.constantFrom(false, false, false, false, false, true),
  onlyIdlePolicy: fc.constantFrom(false, false, false, true),
  idleStamp: fc.constantFrom(-1, 5, 7, 9),
  numa: fc.nat({ max: 5 }),
  preferred: fc.nat({ max: 5 }),
});
export type CpuState = typeof anyCpu extends fc.Arbitrary<infer T> ? T : never;

/** More than machines have CPUs. */
export const anyCpus = fc.array(anyCpu, { minLength: 48, maxLength: 48 });

/** Puts the CPUs of the machine into these states. */
export function putCpus(states: readonly CpuState[]): void {
  for (let cpu = 0; cpu < k.nrCpus; cpu++) {
    if (k.cpuActive[cpu] === 0) continue;
    const s = states[cpu % states.length]!;
    const capacity = rq.cpuCapacityOrig[cpu]!;
    cfs.hNrRunning[cpu] = s.nr;
    rq.nrRunning[cpu] = s.nr + s.others;
    cfs.idleHNrRunning[cpu] = s.onlyIdlePolicy ? s.nr : 0;
    avg.loadAvg[cpu] = s.load;
    avg.utilAvg[cpu] = s.util;
    avg.runnableAvg[cpu] = s.runnable;
    cfs.utilEstEnqueued[cpu] = s.utilEst;
    rq.cpuCapacity[cpu] = Math.max(1, capacity - ((capacity * s.lost) >> 10));
    rq.misfitTaskLoad[cpu] = s.misfit;
    rq.ttwuPending[cpu] = s.pending ? 1 : 0;
    rq.idleStamp[cpu] = s.idleStamp;
    rq.numaRunning[cpu] = Math.min(s.numa, s.nr);
    rq.preferredRunning[cpu] = Math.min(s.preferred, s.numa, s.nr);
  }
}

/** One of the CPUs that are online. */
export function someCpu(number: number): number {
  const online = [...k.cpuActive].flatMap((active, cpu) => (active === 1 ? [cpu] : []));
  return online[number % online.length]!;
}
