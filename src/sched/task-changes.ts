/**
 * What can be changed about a task while it lives: affinity, nice level, policy, control group. A queued task is taken off
 * and put back, the running one is put and set again. @spec 02 §11, 08 §5
 */
import { Ev, MigrateCause } from '../trace/events.ts';
import { checkPreemptCurr, dequeueTask, enqueueTask, moveQueuedTask, setTaskRq } from './activate.ts';
import * as avg from './averages.ts';
import { AVG_SE } from './averages.ts';
import * as cfs from './cfs-rq.ts';
import { updateRqClock } from './clock.ts';
import * as se from './entity.ts';
import { finishDelayed, setLoadWeight } from './fair.ts';
import { Dequeue, Enqueue, updateCurr } from './fair-entity.ts';
import { putPrevTaskFair, setNextTaskFair } from './fair-pick.ts';
import { k } from './kernel.ts';
import {
  attachEntityLoadAvg,
  detachEntityLoadAvg,
  propagateToGroups,
  syncEntityLoadAvg,
  updateLoadAvg,
  updateRtLoadAvg,
  updateTgLoadAvg,
} from './load-avg.ts';
import { firstActiveCpu } from './predicates.ts';
import { recordTask } from './record.ts';
import * as rq from './rq.ts';
import { putPrevTaskRt, rrTimeslice, setNextTaskRt } from './rt.ts';
import { reschedCurr } from './signals.ts';
import { stopAndMigrate } from './stopper.ts';
import * as tasks from './tasks.ts';
import { Class, OnRq, Policy, State } from './tasks.ts';

/** Runs `change` with the task off its runqueue. @spec 02 §11 */
function changeQueued(task: number, change: () => void): void {
  const cpu = tasks.cpu[task]!;
  const running = rq.curr[cpu] === task;
  updateRqClock(cpu);
  const queued = awakeOnQueue(task);
  if (queued) dequeueTask(cpu, task, Dequeue.SAVE);
  if (running) putPrev(cpu, task);
  change();
  if (queued) enqueueTask(cpu, task, Enqueue.RESTORE);
  if (running) setNext(cpu, task);
}

/** Is the task queued? One that only stays in the queue while it sleeps leaves it now. @deviates 22 §2: changed, it would stay. */
function awakeOnQueue(task: number): boolean {
  if (tasks.onRq[task] !== OnRq.QUEUED) return false;
  if (se.delayed[task] === 0) return true;
  finishDelayed(task);
  return false;
}

function putPrev(cpu: number, task: number): void {
  if (tasks.schedClass[task] === Class.FAIR) putPrevTaskFair(task);
  else putPrevTaskRt(cpu);
}

function setNext(cpu: number, task: number): void {
  if (tasks.schedClass[task] === Class.FAIR) setNextTaskFair(cpu, task);
  else setNextTaskRt(cpu, task);
}

/** sched_setaffinity: the new set is a number of the pool. @spec 08 §5 */
export function setAffinity(task: number, allowed: number): void {
  const { affinity } = k;
  if (tasks.allowed[task] !== allowed) {
    changeQueued(task, () => {
      tasks.allowed[task] = allowed;
      tasks.nrAllowed[task] = affinity.weight(allowed);
    });
    if (k.recorder.on[Ev.AFFINITY]) {
      recordTask(Ev.AFFINITY, k.thisCpu, task, k.recorder.mask([...affinity.list(allowed)]));
    }
  }
  const cpu = tasks.cpu[task]!;
  if (affinity.has(allowed, cpu) && k.cpuActive[cpu] !== 0) return;
  const to = nextAllowed(allowed);
  if (tasks.onCpu[task] !== 0 || tasks.state[task] === State.WAKING) {
    stopAndMigrate(task, to, MigrateCause.AFFINITY, -1);
  } else if (tasks.onRq[task] === OnRq.QUEUED) {
    moveQueuedTask(task, to, MigrateCause.AFFINITY);
  }
}

/** Destinations rotate over the allowed CPUs. */
function nextAllowed(allowed: number): number {
  const list = k.affinity.list(allowed);
  for (let i = 0; i < list.length; i++) {
    const cpu = list[(k.affinityRotor + i) % list.length]!;
    if (k.cpuActive[cpu] === 0) continue;
    k.affinityRotor = (k.affinityRotor + i + 1) % list.length;
    return cpu;
  }
  return firstActiveCpu();
}

export function setNice(task: number, nice: number): void {
  if (tasks.nice[task] === nice) return;
  if (tasks.schedClass[task] !== Class.FAIR) {
    tasks.nice[task] = nice;
    return;
  }
  const before = tasks.prio[task]!;
  changeQueued(task, () => {
    tasks.nice[task] = nice;
    tasks.prio[task] = 120 + nice;
    setLoadWeight(task, true);
  });
  const cpu = tasks.cpu[task]!;
  if (tasks.onRq[task] !== OnRq.QUEUED) return;
  if (rq.curr[cpu] === task) {
    if (tasks.prio[task]! > before) reschedCurr(cpu);
  } else {
    checkPreemptCurr(cpu, task, 0);
  }
}

/** What the scheduler makes of a policy. `priority` is 1..99 for the real-time policies. */
export function setPolicyFields(task: number, policy: number, priority: number): void {
  tasks.policy[task] = policy;
  if (policy === Policy.FIFO || policy === Policy.RR) {
    tasks.schedClass[task] = Class.RT;
    tasks.prio[task] = 99 - priority;
    tasks.timeSlice[task] = rrTimeslice();
  } else if (policy === Policy.DEADLINE) {
    tasks.schedClass[task] = Class.DL;
    tasks.prio[task] = -1;
  } else {
    tasks.schedClass[task] = Class.FAIR;
    tasks.prio[task] = 120 + tasks.nice[task]!;
  }
}

export function setPolicy(task: number, policy: number, priority: number): void {
  const cpu = tasks.cpu[task]!;
  const oldPrio = tasks.prio[task]!;
  const wasFair = tasks.schedClass[task] === Class.FAIR;
  changeQueued(task, () => {
    if (wasFair) updateCurr(se.cfsRq[task]!);
    // Up to now the CPU ran no real-time task: without this all the time since the last one would count as theirs.
    if (wasFair && rq.curr[cpu] === task) updateRtLoadAvg(cpu, 0);
    setPolicyFields(task, policy, priority);
    setLoadWeight(task, wasFair);
  });
  const isFair = tasks.schedClass[task] === Class.FAIR;
  if (wasFair && !isFair) switchedFromFair(task);
  if (!wasFair && isFair) switchedToFair(task);
  if (tasks.onRq[task] !== OnRq.QUEUED) return;
  if (rq.curr[cpu] === task) {
    if (tasks.prio[task]! > oldPrio) reschedCurr(cpu);
  } else {
    checkPreemptCurr(cpu, task, 0);
  }
}

/** CFS forgets the task's load; its vruntime becomes relative while it is away. */
function switchedFromFair(task: number): void {
  const e = task;
  const q = se.cfsRq[e]!;
  if (!k.eevdf && tasks.onRq[task] === OnRq.NO) se.vruntime[e]! -= cfs.minVruntime[q]!;
  updateLoadAvg(q, e, 0);
  detachEntityLoadAvg(q, e);
  updateTgLoadAvg(q);
  propagateToGroups(e);
}

function switchedToFair(task: number): void {
  const e = task;
  const q = se.cfsRq[e]!;
  updateLoadAvg(q, e, 0);
  attachEntityLoadAvg(q, e);
  updateTgLoadAvg(q);
  propagateToGroups(e);
  if (!k.eevdf && tasks.onRq[task] === OnRq.NO) se.vruntime[e]! += cfs.minVruntime[q]!;
}

/** The task moves to another control group. */
export function setGroup(task: number, group: number): void {
  if (tasks.group[task] === group) return;
  const e = task;
  const fair = tasks.schedClass[task] === Class.FAIR;
  changeQueued(task, () => {
    const cpu = tasks.cpu[task]!;
    if (fair) {
      const from = se.cfsRq[e]!;
      if (tasks.onRq[task] === OnRq.NO) {
        if (!k.eevdf) se.vruntime[e]! -= cfs.minVruntime[from]!;
        syncEntityLoadAvg(e);
      }
      updateLoadAvg(from, e, 0);
      detachEntityLoadAvg(from, e);
      updateTgLoadAvg(from);
      propagateToGroups(e);
      avg.setLastUpdate(AVG_SE + e, 0);
    }
    tasks.group[task] = group;
    setTaskRq(task, cpu);
    if (fair) {
      const to = se.cfsRq[e]!;
      updateLoadAvg(to, e, 0);
      attachEntityLoadAvg(to, e);
      updateTgLoadAvg(to);
      propagateToGroups(e);
      if (!k.eevdf && tasks.onRq[task] === OnRq.NO) se.vruntime[e]! += cfs.minVruntime[to]!;
    }
  });
}
