/** Recording of the wide events: one small function an event, so that the scheduler's own code stays readable. */
import { Ev } from '../trace/events.ts';
import type { Kernel } from './kernel.ts';
import { SUM_ROW, Sum } from './tables.ts';

/** Trace id of a task slot; the idle tasks are -1. */
export function traceId(k: Kernel, task: number): number {
  return task < k.nrCpus ? -1 : k.task.traceId[task]!;
}

/** An event about nobody, with up to five arguments. */
export function record(
  k: Kernel,
  kind: (typeof Ev)[keyof typeof Ev],
  cpu: number,
  a = 0,
  b = 0,
  c = 0,
  d = 0,
  e = 0,
): void {
  const { recorder } = k;
  if (recorder.on[kind] === 0) return;
  const { args } = recorder;
  args[0] = a;
  args[1] = b;
  args[2] = c;
  args[3] = d;
  args[4] = e;
  recorder.emit(kind, k.now, cpu, -1);
}

/** An event about a task, with up to five arguments. */
export function recordTask(
  k: Kernel,
  kind: (typeof Ev)[keyof typeof Ev],
  cpu: number,
  task: number,
  a = 0,
  b = 0,
  c = 0,
  d = 0,
  e = 0,
): void {
  const { recorder } = k;
  if (recorder.on[kind] === 0) return;
  const { args } = recorder;
  args[0] = a;
  args[1] = b;
  args[2] = c;
  args[3] = d;
  args[4] = e;
  recorder.emit(kind, k.now, cpu, traceId(k, task));
}

function putAverage(k: Kernel, at: number, i: number): void {
  const { args } = k.recorder;
  const { avg } = k;
  const row = i * SUM_ROW;
  for (let field = 0; field <= Sum.PERIOD_CONTRIB; field++) args[at + field] = avg.sums[row + field]!;
  args[at + 5] = avg.loadAvg[i]!;
  args[at + 6] = avg.runnableAvg[i]!;
  args[at + 7] = avg.utilAvg[i]!;
}

/** State of an entity before an update of its averages. */
export function recordPeltSe(k: Kernel, q: number, e: number): void {
  const { se, cfs, rq } = k;
  const { args } = k.recorder;
  const cpu = cfs.cpu[q]!;
  args[0] = k.avg.now[0]!;
  args[1] = cpu;
  args[2] = rq.clock[cpu]!;
  args[3] = cfs.curr[q] === e ? 1 : 0;
  args[4] = e;
  args[5] = se.onRq[e]!;
  args[6] = se.weight[e]!;
  args[7] = se.vruntime[e]!;
  args[8] = se.sumExec[e]!;
  putAverage(k, 9, k.avgSe + e);
  k.recorder.emit(Ev.PELT_SE, k.now, cpu, k.isTask(e) ? traceId(k, k.taskOf(e)) : -1);
}

/** State of a runqueue before an update of its averages. */
export function recordPeltCfs(k: Kernel, q: number): void {
  const { cfs } = k;
  const { args } = k.recorder;
  args[0] = k.avg.now[0]!;
  args[1] = cfs.cpu[q]!;
  args[2] = q;
  args[3] = cfs.hNrRunning[q]!;
  args[4] = cfs.load[q]!;
  args[5] = cfs.minVruntime[q]!;
  args[6] = cfs.curr[q]! >= 0 ? 1 : 0;
  putAverage(k, 7, q);
  k.recorder.emit(Ev.PELT_CFS, k.now, cfs.cpu[q]!, -1);
}

/** State of a sleeping entity before it is decayed. */
export function recordPeltBlocked(k: Kernel, e: number): void {
  const { se } = k;
  const { args } = k.recorder;
  args[0] = k.avg.now[0]!;
  args[1] = e;
  args[2] = se.weight[e]!;
  args[3] = se.vruntime[e]!;
  args[4] = se.sumExec[e]!;
  putAverage(k, 5, k.avgSe + e);
  k.recorder.emit(Ev.PELT_BLOCKED, k.now, k.cfs.cpu[se.cfsRq[e]!]!, k.isTask(e) ? traceId(k, k.taskOf(e)) : -1);
}
