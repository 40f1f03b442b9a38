/**
 * What can be changed about a task while it lives: affinity, nice level, policy, control group. A queued task is taken off
 * and put back, the running one is put and set again. @spec 02 §11, 08 §5
 */
import { Ev, MigrateCause } from '../trace/events.ts';
import { checkPreemptCurr, dequeueTask, enqueueTask, moveQueuedTask, setTaskRq } from './activate.ts';
import { updateRqClock } from './clock.ts';
import { setLoadWeight } from './fair.ts';
import { Dequeue, Enqueue, updateCurr } from './fair-entity.ts';
import { putPrevTaskFair, setNextTaskFair } from './fair-pick.ts';
import type { Kernel } from './kernel.ts';
import {
  attachEntityLoadAvg,
  detachEntityLoadAvg,
  syncEntityLoadAvg,
  updateLoadAvg,
  updateTgLoadAvg,
} from './load-avg.ts';
import { recordTask } from './record.ts';
import { putPrevTaskRt, rrTimeslice, setNextTaskRt } from './rt.ts';
import { stopAndMigrate } from './stopper.ts';
import { Class, OnRq, Policy } from './tables.ts';

/** Runs `change` with the task off its runqueue. @spec 02 §11 */
function changeQueued(k: Kernel, task: number, change: () => void): void {
  const cpu = k.task.cpu[task]!;
  const queued = k.task.onRq[task] === OnRq.QUEUED;
  const running = k.rq.curr[cpu] === task;
  updateRqClock(k, cpu);
  if (queued) dequeueTask(k, cpu, task, Dequeue.SAVE);
  if (running) putPrev(k, cpu, task);
  change();
  if (queued) enqueueTask(k, cpu, task, Enqueue.RESTORE);
  if (running) setNext(k, cpu, task);
}

function putPrev(k: Kernel, cpu: number, task: number): void {
  if (k.task.schedClass[task] === Class.FAIR) putPrevTaskFair(k, task);
  else putPrevTaskRt(k, cpu);
}

function setNext(k: Kernel, cpu: number, task: number): void {
  if (k.task.schedClass[task] === Class.FAIR) setNextTaskFair(k, cpu, task);
  else setNextTaskRt(k, cpu, task);
}

/** sched_setaffinity: the new set is a number of the pool. @spec 08 §5 */
export function setAffinity(k: Kernel, task: number, allowed: number): void {
  const { task: t, affinity } = k;
  if (t.allowed[task] !== allowed) {
    changeQueued(k, task, () => {
      t.allowed[task] = allowed;
      t.nrAllowed[task] = affinity.weight(allowed);
    });
    if (k.recorder.on[Ev.AFFINITY]) {
      recordTask(k, Ev.AFFINITY, k.thisCpu, task, k.recorder.mask([...affinity.list(allowed)]));
    }
  }
  const cpu = t.cpu[task]!;
  if (affinity.has(allowed, cpu) && k.cpuActive[cpu] !== 0) return;
  const to = nextAllowed(k, allowed);
  if (k.rq.curr[cpu] === task) {
    stopAndMigrate(k, task, to, MigrateCause.AFFINITY, -1);
  } else if (t.onRq[task] === OnRq.QUEUED) {
    moveQueuedTask(k, task, to, MigrateCause.AFFINITY);
  }
}

/** Destinations rotate over the allowed CPUs. */
function nextAllowed(k: Kernel, allowed: number): number {
  const list = k.affinity.list(allowed);
  for (let i = 0; i < list.length; i++) {
    const cpu = list[(k.affinityRotor + i) % list.length]!;
    if (k.cpuActive[cpu] === 0) continue;
    k.affinityRotor = (k.affinityRotor + i + 1) % list.length;
    return cpu;
  }
  return k.firstActiveCpu();
}

export function setNice(k: Kernel, task: number, nice: number): void {
  const { task: t } = k;
  if (t.nice[task] === nice) return;
  if (t.schedClass[task] !== Class.FAIR) {
    t.nice[task] = nice;
    return;
  }
  const before = t.prio[task]!;
  changeQueued(k, task, () => {
    t.nice[task] = nice;
    t.prio[task] = 120 + nice;
    setLoadWeight(k, task, true);
  });
  const cpu = t.cpu[task]!;
  if (t.onRq[task] !== OnRq.QUEUED) return;
  if (k.rq.curr[cpu] === task) {
    if (t.prio[task]! > before) k.reschedCurr(cpu);
  } else {
    checkPreemptCurr(k, cpu, task, 0);
  }
}

/** What the scheduler makes of a policy. `priority` is 1..99 for the real-time policies. */
export function setPolicyFields(k: Kernel, task: number, policy: number, priority: number): void {
  const { task: t } = k;
  t.policy[task] = policy;
  if (policy === Policy.FIFO || policy === Policy.RR) {
    t.schedClass[task] = Class.RT;
    t.prio[task] = 99 - priority;
    t.timeSlice[task] = rrTimeslice(k);
  } else if (policy === Policy.DEADLINE) {
    t.schedClass[task] = Class.DL;
    t.prio[task] = -1;
  } else {
    t.schedClass[task] = Class.FAIR;
    t.prio[task] = 120 + t.nice[task]!;
  }
}

export function setPolicy(k: Kernel, task: number, policy: number, priority: number): void {
  const { task: t } = k;
  const cpu = t.cpu[task]!;
  const oldPrio = t.prio[task]!;
  const wasFair = t.schedClass[task] === Class.FAIR;
  changeQueued(k, task, () => {
    if (wasFair) updateCurr(k, k.se.cfsRq[k.entityOf(task)]!);
    setPolicyFields(k, task, policy, priority);
    setLoadWeight(k, task, wasFair);
  });
  const isFair = t.schedClass[task] === Class.FAIR;
  if (wasFair && !isFair) switchedFromFair(k, task);
  if (!wasFair && isFair) switchedToFair(k, task);
  if (t.onRq[task] !== OnRq.QUEUED) return;
  if (k.rq.curr[cpu] === task) {
    if (t.prio[task]! > oldPrio) k.reschedCurr(cpu);
  } else {
    checkPreemptCurr(k, cpu, task, 0);
  }
}

/** CFS forgets the task's load; its vruntime becomes relative while it is away. */
function switchedFromFair(k: Kernel, task: number): void {
  const e = k.entityOf(task);
  const q = k.se.cfsRq[e]!;
  if (k.task.onRq[task] === OnRq.NO) k.se.vruntime[e]! -= k.cfs.minVruntime[q]!;
  updateLoadAvg(k, q, e, 0);
  detachEntityLoadAvg(k, q, e);
  updateTgLoadAvg(k, q);
}

function switchedToFair(k: Kernel, task: number): void {
  const e = k.entityOf(task);
  const q = k.se.cfsRq[e]!;
  updateLoadAvg(k, q, e, 0);
  attachEntityLoadAvg(k, q, e);
  updateTgLoadAvg(k, q);
  if (k.task.onRq[task] === OnRq.NO) k.se.vruntime[e]! += k.cfs.minVruntime[q]!;
}

/** The task moves to another control group. */
export function setGroup(k: Kernel, task: number, group: number): void {
  const { task: t, se } = k;
  if (t.group[task] === group) return;
  const e = k.entityOf(task);
  const fair = t.schedClass[task] === Class.FAIR;
  changeQueued(k, task, () => {
    const cpu = t.cpu[task]!;
    if (fair) {
      const from = se.cfsRq[e]!;
      if (t.onRq[task] === OnRq.NO) {
        se.vruntime[e]! -= k.cfs.minVruntime[from]!;
        syncEntityLoadAvg(k, e);
      }
      updateLoadAvg(k, from, e, 0);
      detachEntityLoadAvg(k, from, e);
      updateTgLoadAvg(k, from);
      k.avg.setLastUpdate(k.avgSe + e, 0);
    }
    t.group[task] = group;
    setTaskRq(k, task, cpu);
    if (fair) {
      const to = se.cfsRq[e]!;
      updateLoadAvg(k, to, e, 0);
      attachEntityLoadAvg(k, to, e);
      updateTgLoadAvg(k, to);
      if (t.onRq[task] === OnRq.NO) se.vruntime[e]! += k.cfs.minVruntime[to]!;
    }
  });
}
