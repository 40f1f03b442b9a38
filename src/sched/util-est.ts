/** util_est: what a task's utilisation was when it last went to sleep, kept while it does not run. @spec 03 §9.1 */
import type { Kernel } from './kernel.ts';
import { taskUtil, utilEst } from './load-avg.ts';

/** 1 % of 1024: smaller changes are not stored. */
const UTIL_EST_MARGIN = 10;

/** First act of an enqueue. */
export function utilEstEnqueue(k: Kernel, cpu: number, task: number): void {
  if (!k.features.UTIL_EST) return;
  k.cfs.utilEstEnqueued[cpu]! += utilEst(k, task);
}

/** First act of a dequeue. */
export function utilEstDequeue(k: Kernel, cpu: number, task: number): void {
  if (!k.features.UTIL_EST) return;
  const { utilEstEnqueued } = k.cfs;
  utilEstEnqueued[cpu]! -= Math.min(utilEstEnqueued[cpu]!, utilEst(k, task));
}

/** Last act of a dequeue: remembers the utilisation of a task that goes to sleep. */
export function utilEstUpdate(k: Kernel, cpu: number, task: number): void {
  if (!k.features.UTIL_EST) return;
  const { se } = k;
  const e = k.entityOf(task);
  if (se.utilEstUnchanged[e] !== 0) return;
  const previous = se.utilEstEnqueued[e]!;
  const util = taskUtil(k, task);
  const ewma = se.utilEstEwma[e]!;
  if (k.features.UTIL_EST_FASTUP && ewma < util) {
    store(k, e, util, util);
    return;
  }
  const diff = util - ewma;
  if (Math.abs(diff) < UTIL_EST_MARGIN) {
    if (Math.abs(previous - util) < UTIL_EST_MARGIN) return;
    store(k, e, util, ewma);
    return;
  }
  if (util > k.rq.cpuCapacityOrig[cpu]!) return;
  store(k, e, util, Math.floor((4 * ewma + diff) / 4));
}

function store(k: Kernel, e: number, enqueued: number, ewma: number): void {
  k.se.utilEstEnqueued[e] = enqueued;
  k.se.utilEstEwma[e] = ewma;
  k.se.utilEstUnchanged[e] = 1;
}
