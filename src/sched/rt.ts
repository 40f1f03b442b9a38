/**
 * The real-time class: per CPU one FIFO list a priority, round robin, throttling, and pushing and pulling between CPUs
 * so that the highest priorities run. @spec 08 §2-3
 *
 * A running RT task stays in its list. Deadline tasks are kept here too, at a priority above all others.
 */
import { Ev } from '../trace/events.ts';
import { SD } from './domains.ts';
import * as se from './entity.ts';
import { addNrRunning, k, msecsToJiffies, subNrRunning } from './kernel.ts';
import { updateRtLoadAvg } from './load-avg.ts';
import { allowed } from './predicates.ts';
import { recordTask } from './record.ts';
import * as rq from './rq.ts';
import { NO_RT_PRIO, NR_RT_LISTS } from './rt-lists.ts';
import { needResched, reschedCurr } from './signals.ts';
import * as tasks from './tasks.ts';
import { Class, Policy } from './tasks.ts';

/** Index of the list of a task: deadline first, then by priority. */
function listOf(cpu: number, task: number): number {
  return cpu * NR_RT_LISTS + Math.max(0, tasks.prio[task]! + 1);
}

export function enqueueTaskRt(cpu: number, task: number, atHead: boolean): void {
  addToList(listOf(cpu, task), task, atHead);
  rq.rtNrRunning[cpu]! += 1;
  if (tasks.nrAllowed[task]! > 1) rq.rtNrMigratory[cpu]! += 1;
  if (tasks.prio[task]! < rq.rtHighestPrio[cpu]!) rq.rtHighestPrio[cpu] = tasks.prio[task]!;
  if (rq.rtThrottled[cpu] === 0) addNrRunning(cpu, 1);
  startRtPeriod();
}

export function dequeueTaskRt(cpu: number, task: number): void {
  updateCurrRt(cpu);
  removeFromList(listOf(cpu, task), task);
  rq.rtNrRunning[cpu]! -= 1;
  if (tasks.nrAllowed[task]! > 1) rq.rtNrMigratory[cpu]! -= 1;
  const best = bestQueued(cpu);
  rq.rtHighestPrio[cpu] = best < 0 ? NO_RT_PRIO : tasks.prio[best]!;
  if (rq.rtThrottled[cpu] === 0) subNrRunning(cpu, 1);
}

function addToList(list: number, task: number, atHead: boolean): void {
  const { head, tail } = k.rt;
  const { listNext, listPrev } = tasks;
  const before = atHead ? -1 : tail[list]!;
  const after = atHead ? head[list]! : -1;
  listPrev[task] = before;
  listNext[task] = after;
  if (before < 0) head[list] = task;
  else listNext[before] = task;
  if (after < 0) tail[list] = task;
  else listPrev[after] = task;
}

function removeFromList(list: number, task: number): void {
  const { head, tail } = k.rt;
  const { listNext, listPrev } = tasks;
  const before = listPrev[task]!;
  const after = listNext[task]!;
  if (before < 0) head[list] = after;
  else listNext[before] = after;
  if (after < 0) tail[list] = before;
  else listPrev[after] = before;
}

/** First task of the best list, running or not; -1 if there is none. */
function bestQueued(cpu: number): number {
  if (rq.rtNrRunning[cpu] === 0) return -1;
  const { head } = k.rt;
  for (let p = cpu * NR_RT_LISTS; p < (cpu + 1) * NR_RT_LISTS; p++) if (head[p]! >= 0) return head[p]!;
  return -1;
}

export function rtRunnable(cpu: number): boolean {
  return rq.rtNrRunning[cpu]! > 0 && rq.rtThrottled[cpu] === 0;
}

/** Chooses the next RT task and makes it current. */
export function pickNextTaskRt(cpu: number): number {
  if (!rtRunnable(cpu)) return -1;
  const task = bestQueued(cpu);
  setNextTaskRt(cpu, task);
  return task;
}

export function setNextTaskRt(cpu: number, task: number): void {
  se.execStart[task] = rq.clock[cpu]!;
  if (tasks.schedClass[rq.curr[cpu]!] !== Class.RT) updateRtLoadAvg(cpu, 0);
}

export function putPrevTaskRt(cpu: number): void {
  updateCurrRt(cpu);
  updateRtLoadAvg(cpu, 1);
}

/** Charges the running RT task; too much of it within a period throttles the class. @spec 08 §2 */
export function updateCurrRt(cpu: number): void {
  const curr = rq.curr[cpu]!;
  if (tasks.schedClass[curr] !== Class.RT) return;
  const e = curr;
  const now = rq.clock[cpu]!;
  const delta = now - se.execStart[e]!;
  if (delta <= 0) return;
  se.sumExec[e]! += delta;
  se.execStart[e] = now;
  if (k.recorder.on[Ev.SCHED_STAT_RUNTIME]) recordTask(Ev.SCHED_STAT_RUNTIME, k.thisCpu, curr, delta, 0);
  if (k.tunables.rtRuntimeNs < 0) return;
  rq.rtTime[cpu]! += delta;
  if (rq.rtTime[cpu]! <= k.tunables.rtRuntimeNs || rq.rtThrottled[cpu] !== 0) return;
  subNrRunning(cpu, rq.rtNrRunning[cpu]!);
  rq.rtThrottled[cpu] = 1;
  reschedCurr(cpu);
}

/** Gives RT tasks their runtime back each period, while there are any. */
function startRtPeriod(): void {
  if (k.rtPeriodActive || k.tunables.rtRuntimeNs < 0) return;
  k.rtPeriodActive = true;
  k.queue.schedule(k.slotGlobal + 2 * k.groups.count, k.now + k.tunables.rtPeriodNs);
}

/** The period is over: every CPU gets its runtime back. */
export function rtPeriodExpired(): void {
  let active = false;
  for (let cpu = 0; cpu < k.nrCpus; cpu++) {
    rq.rtTime[cpu] = Math.max(0, rq.rtTime[cpu]! - k.tunables.rtRuntimeNs);
    if (rq.rtThrottled[cpu] !== 0 && rq.rtTime[cpu]! < k.tunables.rtRuntimeNs) {
      rq.rtThrottled[cpu] = 0;
      addNrRunning(cpu, rq.rtNrRunning[cpu]!);
      if (rq.rtNrRunning[cpu]! > 0) reschedCurr(cpu);
    }
    if (rq.rtTime[cpu]! > 0 || rq.rtNrRunning[cpu]! > 0) active = true;
  }
  k.rtPeriodActive = false;
  if (active) startRtPeriod();
}

export function taskTickRt(cpu: number, task: number): void {
  updateCurrRt(cpu);
  updateRtLoadAvg(cpu, 1);
  if (tasks.policy[task] !== Policy.RR) return;
  if (--tasks.timeSlice[task]! > 0) return;
  tasks.timeSlice[task] = rrTimeslice();
  if (tasks.listNext[task]! >= 0 || tasks.listPrev[task]! >= 0) {
    requeueTaskRt(cpu, task, false);
    reschedCurr(cpu);
  }
}

/** Ticks of a round-robin slice. */
export function rrTimeslice(): number {
  return msecsToJiffies(k.tunables.rrTimesliceMs);
}

export function requeueTaskRt(cpu: number, task: number, atHead: boolean): void {
  const list = listOf(cpu, task);
  removeFromList(list, task);
  addToList(list, task, atHead);
}

/** An RT task became runnable while an RT task is current. @spec 08 §2 */
export function checkPreemptCurrRt(cpu: number, task: number): void {
  const curr = rq.curr[cpu]!;
  if (tasks.prio[task]! < tasks.prio[curr]!) {
    reschedCurr(cpu);
    return;
  }
  if (tasks.prio[task] !== tasks.prio[curr] || needResched(cpu)) return;
  // Equal: worth it only if current could go elsewhere and the newcomer could not.
  if (tasks.nrAllowed[curr] === 1 || findLowestRq(curr) < 0) return;
  if (tasks.nrAllowed[task] !== 1 && findLowestRq(task) >= 0) return;
  requeueTaskRt(cpu, task, true);
  reschedCurr(cpu);
}

// ---- placement, push and pull: @spec 08 §3

/** Priority level of a CPU for placement: that of its best RT task. */
function levelOf(cpu: number): number {
  return rq.rtHighestPrio[cpu]!;
}

/** The CPU with the lowest priority that the task may run on and beats; -1 if there is none. */
export function findLowestRq(task: number): number {
  const { nrCpus, sd } = k;
  if (tasks.nrAllowed[task] === 1) return -1;
  const prio = tasks.prio[task]!;
  let worst = prio;
  for (let cpu = 0; cpu < nrCpus; cpu++) {
    if (k.cpuActive[cpu] !== 0 && levelOf(cpu) > worst && allowed(task, cpu)) worst = levelOf(cpu);
  }
  if (worst === prio) return -1;
  const eligible = (cpu: number) => k.cpuActive[cpu] !== 0 && rq.rtHighestPrio[cpu] === worst && allowed(task, cpu);
  const own = tasks.cpu[task]!;
  if (eligible(own)) return own;
  const here = k.thisCpu;
  for (let d = sd.lowest[own]!; d >= 0; d = sd.parent[d]!) {
    if ((sd.flags[d]! & SD.WAKE_AFFINE) === 0) continue;
    if (eligible(here) && sd.spans(d, here)) return here;
    const found = rotate((cpu) => eligible(cpu) && sd.spans(d, cpu));
    if (found >= 0) return found;
  }
  return eligible(here) ? here : rotate(eligible);
}

/** The next CPU after the one chosen last. */
function rotate(eligible: (cpu: number) => boolean): number {
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
export function selectTaskRqRt(task: number, prev: number): number {
  const curr = rq.curr[prev]!;
  const currRt = tasks.schedClass[curr] === Class.RT;
  if (!currRt || !(tasks.nrAllowed[curr]! < 2 || tasks.prio[curr]! <= tasks.prio[task]!)) return prev;
  const target = findLowestRq(task);
  return target >= 0 && tasks.prio[task]! < rq.rtHighestPrio[target]! ? target : prev;
}

/** The best task of the CPU that could run elsewhere: queued, not running, not pinned. */
export function highestPushable(cpu: number): number {
  return bestPushable(cpu, -1);
}

/** The same among those that may run on CPU `to`, if that is not -1. */
export function bestPushable(cpu: number, to: number): number {
  const { rt } = k;
  if (rq.rtNrRunning[cpu]! < 2 || rq.rtNrMigratory[cpu] === 0) return -1;
  for (let list = cpu * NR_RT_LISTS; list < (cpu + 1) * NR_RT_LISTS; list++) {
    for (let t = rt.head[list]!; t >= 0; t = tasks.listNext[t]!) {
      if (t !== rq.curr[cpu] && tasks.onCpu[t] === 0 && tasks.nrAllowed[t]! > 1 && (to < 0 || allowed(t, to))) return t;
    }
  }
  return -1;
}
