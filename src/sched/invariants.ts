/**
 * The books of the scheduler must agree after every event: counts, list membership, weights, load sums, every task in
 * exactly one place and on a CPU it may run on. Slow, and therefore only for tests and fuzzing.
 */

import * as avg from './averages.ts';
import { AVG_SE, SUM_ROW } from './averages.ts';
import * as cfs from './cfs-rq.ts';
import { checkEevdf } from './eevdf-invariants.ts';
import * as se from './entity.ts';
import { k } from './kernel.ts';
import { utilEst } from './load-avg.ts';
import { allowed, isTask } from './predicates.ts';
import * as rq from './rq.ts';
import * as tasks from './tasks.ts';
import { Class, OnRq, State } from './tasks.ts';
import { PENDING_WAKEUP } from './wakeup.ts';

/** What is wrong, or null. */
export function checkInvariants(): string | null {
  for (let cpu = 0; cpu < k.nrCpus; cpu++) {
    const wrong = checkCpu(cpu);
    if (wrong !== null) return `CPU ${cpu}: ${wrong}`;
  }
  for (let q = 0; q < k.nrCpus * k.groups.count; q++) {
    const wrong = checkCfsRq(q);
    if (wrong !== null) return `cfs_rq ${q} of CPU ${cfs.cpu[q]}: ${wrong}`;
  }
  return checkTasks() ?? checkNohz() ?? k.hooks.checkBooks();
}

function checkCpu(cpu: number): string | null {
  const curr = rq.curr[cpu]!;
  if (tasks.alive[curr] === 0) return `current task ${curr} does not live`;
  if (tasks.cpu[curr] !== cpu) return `current task ${curr} belongs to CPU ${tasks.cpu[curr]}`;
  if (tasks.onCpu[curr] !== 1) return `current task ${curr} is not marked as running`;
  const stopper = tasks.onRq[k.nrCpus + cpu] !== 0 ? 1 : 0;
  const rt = rq.rtThrottled[cpu] === 0 ? rq.rtNrRunning[cpu]! : 0;
  const total = cfs.hNrRunning[cpu]! + rt + stopper;
  if (rq.nrRunning[cpu] !== total) return `nr_running is ${rq.nrRunning[cpu]}, but ${total} tasks are queued`;
  if (((rq.ttwuPending[cpu]! & PENDING_WAKEUP) !== 0) !== rq.wakeListHead[cpu]! >= 0)
    return 'ttwu_pending and the wake list disagree';

  let listed = 0;
  let before = -1;
  let est = 0;
  for (let t = rq.cfsTasksHead[cpu]!; t >= 0; t = tasks.listNext[t]!) {
    if (tasks.listPrev[t] !== before) return `cfs_tasks is not linked both ways at task ${t}`;
    if (tasks.cpu[t] !== cpu) return `task ${t} of CPU ${tasks.cpu[t]} is in cfs_tasks`;
    if (se.onRq[t] === 0) return `task ${t} is in cfs_tasks but not queued`;
    if (se.delayed[t] === 0) est += utilEst(t);
    before = t;
    if (++listed > k.nrTasks) return 'cfs_tasks is a circle';
  }
  if (rq.cfsTasksTail[cpu] !== before) return 'the tail of cfs_tasks is wrong';
  if (!k.hasGroups) {
    if (listed !== cfs.hNrRunning[cpu]) return `cfs_tasks has ${listed} tasks, h_nr_running is ${cfs.hNrRunning[cpu]}`;
    if (cfs.utilEstEnqueued[cpu] !== est) return `util_est is ${cfs.utilEstEnqueued[cpu]}, its tasks' sum ${est}`;
  }
  const k2 = rq.clock[cpu]!;
  if (k2 > k.now) return `the clock ${k2} is ahead of the time ${k.now}`;
  return null;
}

function checkCfsRq(q: number): string | null {
  const curr = cfs.curr[q]!;
  let nr = 0;
  let load = 0;
  let tasks = 0;
  let previous = -1;
  let delayed = 0;
  const count = (e: number): string | null => {
    if (se.onRq[e] === 0) return `entity ${e} is queued but says it is not`;
    if (se.cfsRq[e] !== q) return `entity ${e} says it is on cfs_rq ${se.cfsRq[e]}`;
    nr++;
    load += se.weight[e]!;
    const below = isTask(e) ? -1 : se.myQ[e]!;
    tasks += below < 0 ? 1 : cfs.throttled[below] !== 0 ? 0 : cfs.hNrRunning[below]!;
    delayed += below < 0 ? se.delayed[e]! : cfs.throttled[below] !== 0 ? 0 : cfs.hNrDelayed[below]!;
    return null;
  };
  if (k.eevdf) {
    const wrong = checkEevdf(q, count);
    if (wrong !== null) return wrong;
  }
  for (let e = cfs.leftmost[q]!; e >= 0; e = se.next[e]!) {
    if (e === curr) return `the running entity ${e} is in the queue`;
    if (se.prev[e] !== previous) return `the queue is not linked both ways at entity ${e}`;
    if (previous >= 0 && se.vruntime[previous]! > se.vruntime[e]!)
      return `entities ${previous} and ${e} are out of order`;
    const wrong = count(e);
    if (wrong !== null) return wrong;
    previous = e;
    if (nr > se.onRq.length) return 'the queue is a circle';
  }
  if (cfs.rightmost[q] !== previous) return 'the right end of the queue is wrong';
  if (curr >= 0 && se.onRq[curr] !== 0) {
    const wrong = count(curr);
    if (wrong !== null) return wrong;
  }
  if (cfs.hNrDelayed[q] !== delayed)
    return `h_nr_delayed is ${cfs.hNrDelayed[q]}, but ${delayed} tasks below are delayed`;
  if (cfs.nrRunning[q] !== nr) return `nr_running is ${cfs.nrRunning[q]}, but ${nr} entities are queued`;
  if (cfs.load[q] !== load) return `load is ${cfs.load[q]}, the entities' sum ${load}`;
  if (cfs.hNrRunning[q] !== tasks) return `h_nr_running is ${cfs.hNrRunning[q]}, but ${tasks} tasks are below`;
  const row = avg.sums.subarray(q * SUM_ROW, (q + 1) * SUM_ROW);
  for (const value of [avg.loadAvg[q]!, avg.utilAvg[q]!, avg.runnableAvg[q]!, ...row.subarray(avg.LOAD_SUM)]) {
    if (!(value >= 0) || !Number.isInteger(value)) return `a load average is ${value}`;
  }
  return null;
}

function checkTasks(): string | null {
  const running = new Uint8Array(k.nrTasks);
  for (let cpu = 0; cpu < k.nrCpus; cpu++) running[rq.curr[cpu]!]! += 1;
  const waking = new Uint8Array(k.nrTasks);
  for (let cpu = 0; cpu < k.nrCpus; cpu++) {
    for (let t = rq.wakeListHead[cpu]!; t >= 0; t = tasks.wakeNext[t]!) waking[t]! += 1;
  }
  for (let t = 2 * k.nrCpus; t < k.nrTasks; t++) {
    if (tasks.alive[t] === 0) continue;
    const name = `task ${t}`;
    if (running[t]! > 1) return `${name} is current on ${running[t]} CPUs`;
    if (waking[t]! > 1) return `${name} is in ${waking[t]} wake lists`;
    const queued = tasks.onRq[t] === OnRq.QUEUED;
    if (tasks.onRq[t] === OnRq.MIGRATING) return `${name} is left in the air`;
    const fair = tasks.schedClass[t] === Class.FAIR;
    if (fair && queued !== (se.onRq[t] !== 0)) return `${name} and its entity disagree about being queued`;
    if (waking[t] === 1 && (queued || tasks.state[t] !== State.WAKING)) return `${name} is being woken and queued`;
    if (queued && tasks.state[t] === State.WAKING) return `${name} is queued while waking`;
    const delayed = se.delayed[t] !== 0;
    if (delayed && !queued) return `${name} is delayed but queued nowhere`;
    if (delayed && tasks.state[t] === State.RUNNING) return `${name} is delayed but awake`;
    if (!queued && tasks.state[t] === State.RUNNING) return `${name} should run but is queued nowhere`;
    if (queued && !allowed(t, tasks.cpu[t]!) && !movesSoon(t))
      return `${name} is on CPU ${tasks.cpu[t]}, where it may not run`;
    const i = AVG_SE + t;
    if (!(avg.utilAvg[i]! >= 0 && avg.loadAvg[i]! >= 0)) return `${name} has a negative average`;
  }
  return null;
}

/** A stopper has been asked to take the task to where it may run. */
function movesSoon(task: number): boolean {
  return k.stoppers.queues[tasks.cpu[task]!]!.some((work) => work.task === task);
}

function checkNohz(): string | null {
  let n = 0;
  for (let cpu = 0; cpu < k.nrCpus; cpu++) {
    const inMask = (k.nohz.idleCpusMask[cpu >>> 5]! & (1 << (cpu & 31))) !== 0;
    if (inMask !== (rq.nohzTickStopped[cpu] !== 0)) return `CPU ${cpu} and the nohz mask disagree`;
    if (inMask) n++;
  }
  if (n !== k.nohz.nrCpus) return `nohz.nr_cpus is ${k.nohz.nrCpus}, but ${n} CPUs are in the mask`;
  return null;
}
