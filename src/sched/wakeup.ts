/**
 * Waking a task: where it goes, who enqueues it, and what is counted. Everything happens on `k.thisCpu` at `k.now`.
 * @spec 05 §1-2
 */
import { Ev, MigrateCause } from '../trace/events.ts';
import { activateTask, checkPreemptCurr, enqueueTask, setTaskCpu } from './activate.ts';
import { updateRqClock } from './clock.ts';
import * as counters from './counters.ts';
import { DOMAIN_COUNTERS, Ttwu } from './domain-state.ts';
import * as se from './entity.ts';
import { Enqueue } from './fair-entity.ts';
import { Wake } from './hooks.ts';
import { k } from './kernel.ts';
import { atomicOn, lockRq } from './line-access.ts';
import { taskUtil } from './load-avg.ts';
import { allowed, firstActiveCpu, tracePrio } from './predicates.ts';
import * as progress from './progress.ts';
import { record, recordTask } from './record.ts';
import * as rq from './rq.ts';
import { selectTaskRqRt } from './rt.ts';
import { pushRtTasks } from './rt-balance.ts';
import { Line } from './shared-lines.ts';
import { charge, needResched, sendCall } from './signals.ts';
import * as tasks from './tasks.ts';
import { Class, OnRq, State } from './tasks.ts';

/** What `rq.ttwuPending` says is on its way: queued wakeups; a task that somebody pushes. @spec 05 §2.1, 21 §5 Q2 */
export const PENDING_WAKEUP = 1;
export const PENDING_PUSH = 2;

// ---- placement

/** The CPU a task should run on next; charges the search to this CPU. @spec 05 §2 */
export function selectTaskRq(task: number, prev: number, flags: number): number {
  let cpu: number;
  if (tasks.nrAllowed[task]! > 1) {
    switch (tasks.schedClass[task]) {
      case Class.FAIR:
        cpu = selectFair(task, prev, flags);
        break;
      case Class.RT:
      case Class.DL:
        cpu = (flags & (Wake.TTWU | Wake.FORK)) !== 0 ? selectTaskRqRt(task, prev) : prev;
        break;
      default:
        cpu = tasks.cpu[task]!;
    }
  } else {
    cpu = k.affinity.list(tasks.allowed[task]!)[0]!;
  }
  if (!allowed(task, cpu) || k.cpuActive[cpu] === 0) cpu = selectFallbackRq(task);
  return cpu;
}

function selectFair(task: number, prev: number, flags: number): number {
  if (k.recorder.on[Ev.SELECT]) {
    const recent = tasks.recentUsedCpu[task]!;
    if (k.tracing) recordTask(Ev.SELECT, k.thisCpu, task, prev, flags, recent, taskUtil(task));
  }
  const cpu = k.hooks.selectTaskRqFair(task, prev, flags, k.thisCpu);
  if (k.tracing) record(Ev.SELECT_RET, k.thisCpu, cpu);
  return cpu;
}

/** First allowed active CPU of the task's node, else of the machine. @spec 05 §2 */
function selectFallbackRq(task: number): number {
  const list = k.affinity.list(tasks.allowed[task]!);
  const { node } = k.topology;
  const home = node[tasks.cpu[task]!];
  let first = -1;
  for (const cpu of list) {
    if (k.cpuActive[cpu] === 0) continue;
    if (node[cpu] === home) return cpu;
    if (first < 0) first = cpu;
  }
  return first >= 0 ? first : firstActiveCpu();
}

// ---- waking

/**
 * Wakes a sleeping task. `flags` may have SYNC. False if the task does not sleep in one of the states of `mask`.
 * @spec 05 §2
 */
export function tryToWakeUp(task: number, mask: number, flags: number): boolean {
  const here = k.thisCpu;
  if ((tasks.state[task]! & mask) === 0) return false;
  progress.wokenAt[task] = k.now;
  const old = tasks.cpu[task]!;
  if (k.tracing) recordTask(Ev.SCHED_WAKING, here, task, old, tracePrio(task));
  charge(here, k.costs.wakeupNs);
  if (task === rq.curr[here]) {
    tasks.state[task] = State.RUNNING;
    if (k.tracing) recordTask(Ev.SCHED_WAKEUP, here, task, old, tracePrio(task));
    ttwuStat(old);
    return true;
  }
  if (tasks.onRq[task] !== OnRq.NO) {
    lockRq(old, k.costs.lockEnqueueNs);
    updateRqClock(old);
    if (se.delayed[task] !== 0) enqueueTask(old, task, Enqueue.DELAYED);
    checkPreemptCurr(old, task, flags | Wake.TTWU);
    ttwuDoWakeup(old, task);
    ttwuStat(old);
    return true;
  }
  tasks.state[task] = State.WAKING;
  if (tasks.onCpu[task] !== 0) {
    // Its CPU is in the middle of switching away from it. @deviates 05 §2 step 5: where the kernel would spin until the
    // switch is over, the wakeup is queued on that CPU too.
    queueWakeup(task, old, flags);
    ttwuStat(old);
    return true;
  }
  const cpu = selectTaskRq(task, tasks.wakeCpu[task]!, flags | Wake.TTWU);
  if (cpu !== old) {
    flags |= Wake.MIGRATED;
    setTaskCpu(task, cpu, MigrateCause.WAKEUP, -1);
  }
  if (wantsWakeList(task, cpu)) {
    queueWakeup(task, cpu, flags);
  } else {
    lockRq(cpu, k.costs.lockEnqueueNs);
    updateRqClock(cpu);
    ttwuDoActivate(cpu, task, flags);
  }
  ttwuStat(cpu);
  return true;
}

/** Should the target itself do the enqueueing? @spec 05 §2.1 */
function wantsWakeList(task: number, cpu: number): boolean {
  if (!k.features.TTWU_QUEUE) return false;
  if (k.cpuActive[cpu] === 0 || !allowed(task, cpu)) return false;
  if (k.sd.tree.llcId[cpu] !== k.sd.tree.llcId[k.thisCpu] && cpu !== k.thisCpu) return true;
  if (cpu === k.thisCpu) return false;
  return rq.nrRunning[cpu] === 0 && tasks.schedClass[task] !== Class.STOP;
}

/** Puts the wakeup on the target's call queue; the target looks busy from now on. @spec 05 §2.1 */
function queueWakeup(task: number, cpu: number, flags: number): void {
  tasks.remoteWakeup[task] = (flags & Wake.MIGRATED) !== 0 ? 1 : 0;
  rq.ttwuPending[cpu]! |= PENDING_WAKEUP;
  tasks.wakeNext[task] = -1;
  const tail = rq.wakeListTail[cpu]!;
  if (tail < 0) rq.wakeListHead[cpu] = task;
  else tasks.wakeNext[tail] = task;
  rq.wakeListTail[cpu] = task;
  atomicOn(Line.CALLS + cpu);
  sendCall(cpu);
}

/** The target's half: everything on the call queue is activated here. @spec 05 §2.1 */
export function schedTtwuPending(cpu: number): void {
  let task = rq.wakeListHead[cpu]!;
  rq.wakeListHead[cpu] = -1;
  rq.wakeListTail[cpu] = -1;
  rq.ttwuPending[cpu]! &= ~PENDING_WAKEUP;
  if (task < 0) return;
  atomicOn(Line.CALLS + cpu);
  lockRq(cpu, k.costs.lockEnqueueNs);
  updateRqClock(cpu);
  while (task >= 0) {
    const next = tasks.wakeNext[task]!;
    tasks.wakeNext[task] = -1;
    if (tasks.cpu[task] !== cpu) setTaskCpu(task, cpu, MigrateCause.WAKEUP, -1);
    ttwuDoActivate(cpu, task, tasks.remoteWakeup[task] !== 0 ? Wake.MIGRATED : 0);
    task = next;
  }
}

function ttwuDoActivate(cpu: number, task: number, flags: number): void {
  activateTask(cpu, task, (flags & Wake.MIGRATED) !== 0 ? Enqueue.WAKEUP | Enqueue.MIGRATED : Enqueue.WAKEUP);
  checkPreemptCurr(cpu, task, flags);
  ttwuDoWakeup(cpu, task);
}

/** The task is runnable; and its CPU's idle time ends here. @spec 05 §2.2, 07 §1 */
function ttwuDoWakeup(cpu: number, task: number): void {
  tasks.state[task] = State.RUNNING;
  if (k.tracing) recordTask(Ev.SCHED_WAKEUP, k.thisCpu, task, cpu, tracePrio(task));
  if (tasks.schedClass[task] === Class.RT) taskWokenRt(cpu, task);
  if (rq.idleStamp[cpu]! >= 0) {
    const delta = rq.clock[cpu]! - rq.idleStamp[cpu]!;
    const most = 2 * rq.maxIdleBalanceCost[cpu]!;
    rq.avgIdle[cpu] = Math.min(rq.avgIdle[cpu]! + Math.trunc((delta - rq.avgIdle[cpu]!) / 8), most);
    rq.wakeStamp[cpu] = k.jiffies;
    rq.wakeAvgIdle[cpu] = Math.floor(rq.avgIdle[cpu]! / 2);
    rq.idleStamp[cpu] = -1;
  }
}

/** An RT task that did not preempt an RT task may be better off elsewhere. @spec 08 §3 */
function taskWokenRt(cpu: number, task: number): void {
  const curr = rq.curr[cpu]!;
  if (curr === task || needResched(cpu) || tasks.nrAllowed[task]! < 2) return;
  if (tasks.schedClass[curr] !== Class.RT && tasks.schedClass[curr] !== Class.DL) return;
  if (tasks.nrAllowed[curr]! < 2 || tasks.prio[curr]! <= tasks.prio[task]!) pushRtTasks(cpu);
}

/** @spec 05 §2.3 */
function ttwuStat(cpu: number): void {
  const here = k.thisCpu;
  const { sd } = k;
  counters.ttwu[here]! += 1;
  if (cpu === here) {
    counters.ttwuLocal[here]! += 1;
    return;
  }
  for (let d = sd.lowest[here]!; d >= 0; d = sd.parent[d]!) {
    if (!sd.spans(d, cpu)) continue;
    sd.counters[d * DOMAIN_COUNTERS + Ttwu.WAKE_REMOTE]! += 1;
    return;
  }
}
