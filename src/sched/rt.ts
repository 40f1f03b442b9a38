/**
 * The real-time class: per CPU one FIFO list a priority, round robin, throttling, and pushing and pulling between CPUs
 * so that the highest priorities run. @spec 08 §2-3
 *
 * A running RT task stays in its list. Deadline tasks are kept here too, at a priority above all others.
 */
import { Ev } from '../trace/events.ts';
import { SD } from './domains.ts';
import type { Kernel } from './kernel.ts';
import { updateRtLoadAvg } from './load-avg.ts';
import { recordTask } from './record.ts';
import { NO_RT_PRIO, NR_RT_LISTS } from './rt-lists.ts';
import { Class, Policy } from './tables.ts';

/** Index of the list of a task: deadline first, then by priority. */
function listOf(k: Kernel, cpu: number, task: number): number {
  return cpu * NR_RT_LISTS + Math.max(0, k.task.prio[task]! + 1);
}

export function enqueueTaskRt(k: Kernel, cpu: number, task: number, atHead: boolean): void {
  addToList(k, listOf(k, cpu, task), task, atHead);
  const { rq } = k;
  rq.rtNrRunning[cpu]! += 1;
  if (k.task.nrAllowed[task]! > 1) rq.rtNrMigratory[cpu]! += 1;
  if (k.task.prio[task]! < rq.rtHighestPrio[cpu]!) rq.rtHighestPrio[cpu] = k.task.prio[task]!;
  if (rq.rtThrottled[cpu] === 0) k.addNrRunning(cpu, 1);
  k.startRtPeriod();
}

export function dequeueTaskRt(k: Kernel, cpu: number, task: number): void {
  const { rq } = k;
  updateCurrRt(k, cpu);
  removeFromList(k, listOf(k, cpu, task), task);
  rq.rtNrRunning[cpu]! -= 1;
  if (k.task.nrAllowed[task]! > 1) rq.rtNrMigratory[cpu]! -= 1;
  const best = bestQueued(k, cpu);
  rq.rtHighestPrio[cpu] = best < 0 ? NO_RT_PRIO : k.task.prio[best]!;
  if (rq.rtThrottled[cpu] === 0) k.subNrRunning(cpu, 1);
}

function addToList(k: Kernel, list: number, task: number, atHead: boolean): void {
  const { head, tail } = k.rt;
  const { listNext, listPrev } = k.task;
  const before = atHead ? -1 : tail[list]!;
  const after = atHead ? head[list]! : -1;
  listPrev[task] = before;
  listNext[task] = after;
  if (before < 0) head[list] = task;
  else listNext[before] = task;
  if (after < 0) tail[list] = task;
  else listPrev[after] = task;
}

function removeFromList(k: Kernel, list: number, task: number): void {
  const { head, tail } = k.rt;
  const { listNext, listPrev } = k.task;
  const before = listPrev[task]!;
  const after = listNext[task]!;
  if (before < 0) head[list] = after;
  else listNext[before] = after;
  if (after < 0) tail[list] = before;
  else listPrev[after] = before;
}

/** First task of the best list, running or not; -1 if there is none. */
function bestQueued(k: Kernel, cpu: number): number {
  if (k.rq.rtNrRunning[cpu] === 0) return -1;
  const { head } = k.rt;
  for (let p = cpu * NR_RT_LISTS; p < (cpu + 1) * NR_RT_LISTS; p++) if (head[p]! >= 0) return head[p]!;
  return -1;
}

export function rtRunnable(k: Kernel, cpu: number): boolean {
  return k.rq.rtNrRunning[cpu]! > 0 && k.rq.rtThrottled[cpu] === 0;
}

/** Chooses the next RT task and makes it current. */
export function pickNextTaskRt(k: Kernel, cpu: number): number {
  if (!rtRunnable(k, cpu)) return -1;
  const task = bestQueued(k, cpu);
  setNextTaskRt(k, cpu, task);
  return task;
}

export function setNextTaskRt(k: Kernel, cpu: number, task: number): void {
  k.se.execStart[k.entityOf(task)] = k.rq.clock[cpu]!;
  if (k.task.schedClass[k.rq.curr[cpu]!] !== Class.RT) updateRtLoadAvg(k, cpu, 0);
}

export function putPrevTaskRt(k: Kernel, cpu: number): void {
  updateCurrRt(k, cpu);
  updateRtLoadAvg(k, cpu, 1);
}

/** Charges the running RT task; too much of it within a period throttles the class. @spec 08 §2 */
export function updateCurrRt(k: Kernel, cpu: number): void {
  const { rq, se } = k;
  const curr = rq.curr[cpu]!;
  if (k.task.schedClass[curr] !== Class.RT) return;
  const e = k.entityOf(curr);
  const now = rq.clock[cpu]!;
  const delta = now - se.execStart[e]!;
  if (delta <= 0) return;
  se.sumExec[e]! += delta;
  se.execStart[e] = now;
  if (k.recorder.on[Ev.SCHED_STAT_RUNTIME]) recordTask(k, Ev.SCHED_STAT_RUNTIME, k.thisCpu, curr, delta, 0);
  if (k.tunables.rtRuntimeNs < 0) return;
  rq.rtTime[cpu]! += delta;
  if (rq.rtTime[cpu]! <= k.tunables.rtRuntimeNs || rq.rtThrottled[cpu] !== 0) return;
  k.subNrRunning(cpu, rq.rtNrRunning[cpu]!);
  rq.rtThrottled[cpu] = 1;
  k.reschedCurr(cpu);
}

/** The period is over: every CPU gets its runtime back. */
export function rtPeriodExpired(k: Kernel): void {
  const { rq } = k;
  let active = false;
  for (let cpu = 0; cpu < k.nrCpus; cpu++) {
    rq.rtTime[cpu] = Math.max(0, rq.rtTime[cpu]! - k.tunables.rtRuntimeNs);
    if (rq.rtThrottled[cpu] !== 0 && rq.rtTime[cpu]! < k.tunables.rtRuntimeNs) {
      rq.rtThrottled[cpu] = 0;
      k.addNrRunning(cpu, rq.rtNrRunning[cpu]!);
      if (rq.rtNrRunning[cpu]! > 0) k.reschedCurr(cpu);
    }
    if (rq.rtTime[cpu]! > 0 || rq.rtNrRunning[cpu]! > 0) active = true;
  }
  k.rtPeriodActive = false;
  if (active) k.startRtPeriod();
}

export function taskTickRt(k: Kernel, cpu: number, task: number): void {
  updateCurrRt(k, cpu);
  updateRtLoadAvg(k, cpu, 1);
  if (k.task.policy[task] !== Policy.RR) return;
  if (--k.task.timeSlice[task]! > 0) return;
  k.task.timeSlice[task] = rrTimeslice(k);
  if (k.task.listNext[task]! >= 0 || k.task.listPrev[task]! >= 0) {
    requeueTaskRt(k, cpu, task, false);
    k.reschedCurr(cpu);
  }
}

/** Ticks of a round-robin slice. */
export function rrTimeslice(k: Kernel): number {
  return k.msecsToJiffies(k.tunables.rrTimesliceMs);
}

export function requeueTaskRt(k: Kernel, cpu: number, task: number, atHead: boolean): void {
  const list = listOf(k, cpu, task);
  removeFromList(k, list, task);
  addToList(k, list, task, atHead);
}

/** An RT task became runnable while an RT task is current. @spec 08 §2 */
export function checkPreemptCurrRt(k: Kernel, cpu: number, task: number): void {
  const curr = k.rq.curr[cpu]!;
  if (k.task.prio[task]! < k.task.prio[curr]!) {
    k.reschedCurr(cpu);
    return;
  }
  if (k.task.prio[task] !== k.task.prio[curr] || k.needResched(cpu)) return;
  // Equal: worth it only if current could go elsewhere and the newcomer could not.
  if (k.task.nrAllowed[curr] === 1 || findLowestRq(k, curr) < 0) return;
  if (k.task.nrAllowed[task] !== 1 && findLowestRq(k, task) >= 0) return;
  requeueTaskRt(k, cpu, task, true);
  k.reschedCurr(cpu);
}

// ---- placement, push and pull: @spec 08 §3

/** Priority level of a CPU for placement: that of its best RT task. */
function levelOf(k: Kernel, cpu: number): number {
  return k.rq.rtHighestPrio[cpu]!;
}

/** The CPU with the lowest priority that the task may run on and beats; -1 if there is none. */
export function findLowestRq(k: Kernel, task: number): number {
  const { nrCpus, rq, sd } = k;
  if (k.task.nrAllowed[task] === 1) return -1;
  const prio = k.task.prio[task]!;
  let worst = prio;
  for (let cpu = 0; cpu < nrCpus; cpu++) {
    if (k.cpuActive[cpu] !== 0 && levelOf(k, cpu) > worst && k.allowed(task, cpu)) worst = levelOf(k, cpu);
  }
  if (worst === prio) return -1;
  const eligible = (cpu: number) => k.cpuActive[cpu] !== 0 && rq.rtHighestPrio[cpu] === worst && k.allowed(task, cpu);
  const own = k.task.cpu[task]!;
  if (eligible(own)) return own;
  const here = k.thisCpu;
  for (let d = sd.lowest[own]!; d >= 0; d = sd.parent[d]!) {
    if ((sd.flags[d]! & SD.WAKE_AFFINE) === 0) continue;
    if (eligible(here) && sd.spans(d, here)) return here;
    const found = rotate(k, (cpu) => eligible(cpu) && sd.spans(d, cpu));
    if (found >= 0) return found;
  }
  return eligible(here) ? here : rotate(k, eligible);
}

/** The next CPU after the one chosen last. */
function rotate(k: Kernel, eligible: (cpu: number) => boolean): number {
  for (let i = 1; i <= k.nrCpus; i++) {
    const cpu = (k.rt.distribute + i) % k.nrCpus;
    if (eligible(cpu)) {
      k.rt.distribute = cpu;
      return cpu;
    }
  }
  return -1;
}

/** Where a woken or new RT task should go. */
export function selectTaskRqRt(k: Kernel, task: number, prev: number): number {
  const curr = k.rq.curr[prev]!;
  const currRt = k.task.schedClass[curr] === Class.RT;
  if (!currRt || !(k.task.nrAllowed[curr]! < 2 || k.task.prio[curr]! <= k.task.prio[task]!)) return prev;
  const target = findLowestRq(k, task);
  return target >= 0 && k.task.prio[task]! < k.rq.rtHighestPrio[target]! ? target : prev;
}

/** The best task of the CPU that could run elsewhere: queued, not running, not pinned. */
export function highestPushable(k: Kernel, cpu: number): number {
  const { rq, rt, task } = k;
  if (rq.rtNrRunning[cpu]! < 2 || rq.rtNrMigratory[cpu] === 0) return -1;
  for (let list = cpu * NR_RT_LISTS; list < (cpu + 1) * NR_RT_LISTS; list++) {
    for (let t = rt.head[list]!; t >= 0; t = task.listNext[t]!) {
      if (t !== rq.curr[cpu] && task.nrAllowed[t]! > 1) return t;
    }
  }
  return -1;
}
