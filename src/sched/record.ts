/** Recording of the wide events: one small function an event, so that the scheduler's own code stays readable. */
import { Ev } from '../trace/events.ts';
import * as avg from './averages.ts';
import { AVG_SE, PERIOD_CONTRIB, SUM_ROW } from './averages.ts';
import * as cfs from './cfs-rq.ts';
import * as se from './entity.ts';
import { k } from './kernel.ts';
import * as loop from './loop.ts';
import { isTask } from './predicates.ts';
import * as rq from './rq.ts';
import * as tasks from './tasks.ts';

/** Trace id of a task slot; the idle tasks are -1. */
export function traceId(task: number): number {
  return task < k.nrCpus ? -1 : tasks.traceId[task]!;
}

/** An event about nobody, with up to five arguments. */
export function record(kind: (typeof Ev)[keyof typeof Ev], cpu: number, a = 0, b = 0, c = 0, d = 0, e = 0): void {
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
  recorder.emit(kind, k.now, cpu, traceId(task));
}

/** The probe takes its time, where a profile says so; charged as `signals.ts` would. */
function chargeProbe(): void {
  const cpu = k.thisCpu;
  loop.debt[cpu]! += k.costs.peltProbeNs;
  loop.todo[cpu]! |= loop.Todo.PAY;
}

function putAverage(at: number, i: number): void {
  const { args } = k.recorder;
  const row = i * SUM_ROW;
  for (let field = 0; field <= PERIOD_CONTRIB; field++) args[at + field] = avg.sums[row + field]!;
  args[at + 5] = avg.loadAvg[i]!;
  args[at + 6] = avg.runnableAvg[i]!;
  args[at + 7] = avg.utilAvg[i]!;
}

/** State of an entity before an update of its averages. */
export function recordPeltSe(q: number, e: number): void {
  if (k.costs.peltProbeNs > 0) chargeProbe();
  const { args } = k.recorder;
  const cpu = cfs.cpu[q]!;
  args[0] = avg.now[0]!;
  args[1] = cpu;
  args[2] = rq.clock[cpu]!;
  args[3] = cfs.curr[q] === e ? 1 : 0;
  args[4] = e;
  args[5] = se.onRq[e]!;
  args[6] = se.weight[e]!;
  args[7] = se.vruntime[e]!;
  args[8] = se.sumExec[e]!;
  putAverage(9, AVG_SE + e);
  k.recorder.emit(Ev.PELT_SE, k.now, cpu, isTask(e) ? traceId(e) : -1);
}

/** State of a runqueue before an update of its averages. */
export function recordPeltCfs(q: number): void {
  if (k.costs.peltProbeNs > 0) chargeProbe();
  const { args } = k.recorder;
  args[0] = avg.now[0]!;
  args[1] = cfs.cpu[q]!;
  args[2] = q;
  args[3] = cfs.hNrRunning[q]!;
  args[4] = cfs.load[q]!;
  args[5] = cfs.minVruntime[q]!;
  args[6] = cfs.curr[q]! >= 0 ? 1 : 0;
  putAverage(7, q);
  k.recorder.emit(Ev.PELT_CFS, k.now, cfs.cpu[q]!, -1);
}

/** State of a sleeping entity before it is decayed. */
export function recordPeltBlocked(e: number): void {
  if (k.costs.peltProbeNs > 0) chargeProbe();
  const { args } = k.recorder;
  args[0] = avg.now[0]!;
  args[1] = e;
  args[2] = se.weight[e]!;
  args[3] = se.vruntime[e]!;
  args[4] = se.sumExec[e]!;
  putAverage(5, AVG_SE + e);
  k.recorder.emit(Ev.PELT_BLOCKED, k.now, cfs.cpu[se.cfsRq[e]!]!, isTask(e) ? traceId(e) : -1);
}
