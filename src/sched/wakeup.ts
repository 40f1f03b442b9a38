/**
 * Waking a task: where it goes, who enqueues it, and what is counted. Everything happens on `k.thisCpu` at `k.now`.
 * @spec 05 §1-2
 */
import { Ev, MigrateCause } from '../trace/events.ts';
import { activateTask, checkPreemptCurr, setTaskCpu } from './activate.ts';
import { updateRqClock } from './clock.ts';
import { DOMAIN_COUNTERS, Ttwu } from './domain-state.ts';
import { Enqueue } from './fair-entity.ts';
import { Wake } from './hooks.ts';
import type { Kernel } from './kernel.ts';
import { taskUtil } from './load-avg.ts';
import { record, recordTask } from './record.ts';
import { selectTaskRqRt } from './rt.ts';
import { pushRtTasks } from './rt-balance.ts';
import { Class, OnRq, State } from './tables.ts';

// ---- placement

/** The CPU a task should run on next; charges the search to this CPU. @spec 05 §2 */
export function selectTaskRq(k: Kernel, task: number, prev: number, flags: number): number {
  let cpu: number;
  if (k.task.nrAllowed[task]! > 1) {
    switch (k.task.schedClass[task]) {
      case Class.FAIR:
        cpu = selectFair(k, task, prev, flags);
        break;
      case Class.RT:
      case Class.DL:
        cpu = (flags & (Wake.TTWU | Wake.FORK)) !== 0 ? selectTaskRqRt(k, task, prev) : prev;
        break;
      default:
        cpu = k.task.cpu[task]!;
    }
  } else {
    cpu = k.affinity.list(k.task.allowed[task]!)[0]!;
  }
  if (!k.allowed(task, cpu) || k.cpuActive[cpu] === 0) cpu = selectFallbackRq(k, task);
  return cpu;
}

function selectFair(k: Kernel, task: number, prev: number, flags: number): number {
  if (k.recorder.on[Ev.SELECT]) {
    const recent = k.task.recentUsedCpu[task]!;
    if (k.tracing) recordTask(k, Ev.SELECT, k.thisCpu, task, prev, flags, recent, taskUtil(k, task));
  }
  const cpu = k.hooks.selectTaskRqFair(k, task, prev, flags, k.thisCpu);
  if (k.tracing) record(k, Ev.SELECT_RET, k.thisCpu, cpu);
  return cpu;
}

/** First allowed active CPU of the task's node, else of the machine. @spec 05 §2 */
function selectFallbackRq(k: Kernel, task: number): number {
  const list = k.affinity.list(k.task.allowed[task]!);
  const { node } = k.topology;
  const home = node[k.task.cpu[task]!];
  let first = -1;
  for (const cpu of list) {
    if (k.cpuActive[cpu] === 0) continue;
    if (node[cpu] === home) return cpu;
    if (first < 0) first = cpu;
  }
  return first >= 0 ? first : k.firstActiveCpu();
}

// ---- waking

/**
 * Wakes a sleeping task. `flags` may have SYNC. False if the task does not sleep in one of the states of `mask`.
 * @spec 05 §2
 */
export function tryToWakeUp(k: Kernel, task: number, mask: number, flags: number): boolean {
  const { task: t, rq } = k;
  const here = k.thisCpu;
  if ((t.state[task]! & mask) === 0) return false;
  const old = t.cpu[task]!;
  if (k.tracing) recordTask(k, Ev.SCHED_WAKING, here, task, old, k.tracePrio(task));
  k.charge(here, k.costs.wakeupNs);
  if (task === rq.curr[here]) {
    t.state[task] = State.RUNNING;
    if (k.tracing) recordTask(k, Ev.SCHED_WAKEUP, here, task, old, k.tracePrio(task));
    ttwuStat(k, old);
    return true;
  }
  if (t.onRq[task] !== OnRq.NO) {
    updateRqClock(k, old);
    checkPreemptCurr(k, old, task, flags | Wake.TTWU);
    ttwuDoWakeup(k, old, task);
    ttwuStat(k, old);
    return true;
  }
  t.state[task] = State.WAKING;
  if (t.onCpu[task] !== 0) {
    // Its CPU is in the middle of switching away from it. @deviates 05 §2 step 5: where the kernel would spin until the
    // switch is over, the wakeup is queued on that CPU too.
    queueWakeup(k, task, old, flags);
    ttwuStat(k, old);
    return true;
  }
  const cpu = selectTaskRq(k, task, t.wakeCpu[task]!, flags | Wake.TTWU);
  if (cpu !== old) {
    flags |= Wake.MIGRATED;
    setTaskCpu(k, task, cpu, MigrateCause.WAKEUP, -1);
  }
  if (wantsWakeList(k, task, cpu)) {
    queueWakeup(k, task, cpu, flags);
  } else {
    updateRqClock(k, cpu);
    ttwuDoActivate(k, cpu, task, flags);
  }
  ttwuStat(k, cpu);
  return true;
}

/** Should the target itself do the enqueueing? @spec 05 §2.1 */
function wantsWakeList(k: Kernel, task: number, cpu: number): boolean {
  if (!k.features.TTWU_QUEUE) return false;
  if (k.cpuActive[cpu] === 0 || !k.allowed(task, cpu)) return false;
  if (k.sd.tree.llcId[cpu] !== k.sd.tree.llcId[k.thisCpu] && cpu !== k.thisCpu) return true;
  if (cpu === k.thisCpu) return false;
  return k.rq.nrRunning[cpu] === 0 && k.task.schedClass[task] !== Class.STOP;
}

/** Puts the wakeup on the target's call queue; the target looks busy from now on. @spec 05 §2.1 */
function queueWakeup(k: Kernel, task: number, cpu: number, flags: number): void {
  const { rq, task: t } = k;
  t.remoteWakeup[task] = (flags & Wake.MIGRATED) !== 0 ? 1 : 0;
  rq.ttwuPending[cpu] = 1;
  t.wakeNext[task] = -1;
  const tail = rq.wakeListTail[cpu]!;
  if (tail < 0) rq.wakeListHead[cpu] = task;
  else t.wakeNext[tail] = task;
  rq.wakeListTail[cpu] = task;
  k.sendCall(cpu);
}

/** The target's half: everything on the call queue is activated here. @spec 05 §2.1 */
export function schedTtwuPending(k: Kernel, cpu: number): void {
  const { rq, task: t } = k;
  let task = rq.wakeListHead[cpu]!;
  rq.wakeListHead[cpu] = -1;
  rq.wakeListTail[cpu] = -1;
  rq.ttwuPending[cpu] = 0;
  if (task < 0) return;
  updateRqClock(k, cpu);
  while (task >= 0) {
    const next = t.wakeNext[task]!;
    t.wakeNext[task] = -1;
    if (t.cpu[task] !== cpu) setTaskCpu(k, task, cpu, MigrateCause.WAKEUP, -1);
    ttwuDoActivate(k, cpu, task, t.remoteWakeup[task] !== 0 ? Wake.MIGRATED : 0);
    task = next;
  }
}

function ttwuDoActivate(k: Kernel, cpu: number, task: number, flags: number): void {
  activateTask(k, cpu, task, (flags & Wake.MIGRATED) !== 0 ? Enqueue.WAKEUP | Enqueue.MIGRATED : Enqueue.WAKEUP);
  checkPreemptCurr(k, cpu, task, flags);
  ttwuDoWakeup(k, cpu, task);
}

/** The task is runnable; and its CPU's idle time ends here. @spec 05 §2.2, 07 §1 */
function ttwuDoWakeup(k: Kernel, cpu: number, task: number): void {
  const { rq, task: t } = k;
  t.state[task] = State.RUNNING;
  if (k.tracing) recordTask(k, Ev.SCHED_WAKEUP, k.thisCpu, task, cpu, k.tracePrio(task));
  if (t.schedClass[task] === Class.RT) taskWokenRt(k, cpu, task);
  if (rq.idleStamp[cpu] !== 0) {
    const delta = rq.clock[cpu]! - rq.idleStamp[cpu]!;
    const most = 2 * rq.maxIdleBalanceCost[cpu]!;
    rq.avgIdle[cpu] = Math.min(rq.avgIdle[cpu]! + Math.trunc((delta - rq.avgIdle[cpu]!) / 8), most);
    rq.idleStamp[cpu] = 0;
  }
}

/** An RT task that did not preempt an RT task may be better off elsewhere. @spec 08 §3 */
function taskWokenRt(k: Kernel, cpu: number, task: number): void {
  const curr = k.rq.curr[cpu]!;
  if (curr === task || k.needResched(cpu) || k.task.nrAllowed[task]! < 2) return;
  if (k.task.schedClass[curr] !== Class.RT && k.task.schedClass[curr] !== Class.DL) return;
  if (k.task.nrAllowed[curr]! < 2 || k.task.prio[curr]! <= k.task.prio[task]!) pushRtTasks(k, cpu);
}

/** @spec 05 §2.3 */
function ttwuStat(k: Kernel, cpu: number): void {
  const here = k.thisCpu;
  const { counters, sd } = k;
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
