/**
 * schedule(): the previous task leaves, another is chosen, and the CPU switches. Because choosing may search other CPUs
 * for work, and all of it may cost time, it is a sequence of stages; interrupts are off throughout. @spec 01 §6
 *
 *   BEGIN ─► PICK ─► (NEWIDLE ─► PICK) ─► switch ─► FINISH
 *               └──► SLOW, when tasks of other classes are about
 */
import { Ev, TaskState } from '../trace/events.ts';
import { deactivateTask } from './activate.ts';
import * as cfs from './cfs-rq.ts';
import { updateIdleRqClockPelt, updateRqClock } from './clock.ts';
import * as counters from './counters.ts';
import * as se from './entity.ts';
import { Dequeue } from './fair-entity.ts';
import { pickNextTaskFair, putPrevTaskFair } from './fair-pick.ts';
import { UNFINISHED, Watch } from './hooks.ts';
import { enterIdle } from './idle.ts';
import { k } from './kernel.ts';
import { lockRq } from './line-access.ts';
import * as loop from './loop.ts';
import { Todo } from './loop.ts';
import { isIdleTask, tracePrio } from './predicates.ts';
import { compute } from './program-step.ts';
import { releaseTask, sameAddressSpace, saveWork } from './programs.ts';
import { recordTask, traceId } from './record.ts';
import { switchCaches } from './refill.ts';
import * as rq from './rq.ts';
import { highestPushable, pickNextTaskRt, putPrevTaskRt, rtRunnable } from './rt.ts';
import { pullRtTask, pushRtTasks } from './rt-balance.ts';
import { pauseSegment } from './segment.ts';
import { charge } from './signals.ts';
import { shareCore } from './smt-speed.ts';
import * as tasks from './tasks.ts';
import { Class, OnRq, State } from './tasks.ts';

const Stage = { NONE: 0, PICK: 1, NEWIDLE: 2, SLOW: 3, SLOW_NEWIDLE: 4, GO_IDLE: 5, FINISH: 6 } as const;

/** The CPU enters schedule(). */
export function scheduleBegin(cpu: number): void {
  const prev = rq.curr[cpu]!;
  if (loop.segmentActive[cpu] !== 0) saveWork(prev, pauseSegment(cpu));
  counters.sched[cpu]! += 1;
  if (rq.clockSkip[cpu] === 1) rq.clockSkip[cpu] = 2;
  updateRqClock(cpu);
  loop.voluntary[cpu] = 0;
  if (tasks.state[prev] !== State.RUNNING) {
    deactivateTask(cpu, prev, tasks.state[prev] === State.DEAD ? Dequeue.SLEEP | Dequeue.SPECIAL : Dequeue.SLEEP);
    loop.voluntary[cpu] = 1;
  }
  loop.scheduleStage[cpu] = Stage.PICK;
  loop.todo[cpu]! |= Todo.SCHEDULE;
  lockRq(cpu, k.costs.lockPickNs);
  if (k.costs.pickNs === 0) pick(cpu);
  else charge(cpu, k.costs.pickNs);
}

/** Goes on with schedule() until it is done or has charged time. */
export function scheduleStep(cpu: number): void {
  switch (loop.scheduleStage[cpu]) {
    case Stage.PICK:
      pick(cpu);
      break;
    case Stage.NEWIDLE:
      newidle(cpu);
      break;
    case Stage.GO_IDLE:
      if (rq.nrRunning[cpu] === 0) switchToIdle(cpu);
      else pick(cpu);
      break;
    case Stage.SLOW:
      slowBalance(cpu);
      break;
    case Stage.SLOW_NEWIDLE:
      if (k.hooks.newidleStep(cpu) !== UNFINISHED) slowPick(cpu);
      break;
    default:
      finish(cpu);
  }
}

/** The usual case: previous task and all others are CFS (or idle). */
function pick(cpu: number): void {
  const prev = rq.curr[cpu]!;
  if (tasks.schedClass[prev]! < Class.FAIR || rq.nrRunning[cpu] !== cfs.hNrRunning[cpu]) {
    loop.scheduleStage[cpu] = Stage.SLOW;
    return;
  }
  const next = pickNextTaskFair(cpu, prev, true);
  if (next >= 0) {
    switchTo(cpu, next);
    return;
  }
  charge(cpu, k.costs.newidleNs);
  if (k.hooks.newidleBegin(cpu)) {
    loop.scheduleStage[cpu] = Stage.NEWIDLE;
  } else if (k.costs.newidleNs > 0) {
    loop.scheduleStage[cpu] = Stage.GO_IDLE;
  } else {
    switchToIdle(cpu);
  }
}

function newidle(cpu: number): void {
  const pulled = k.hooks.newidleStep(cpu);
  if (pulled === UNFINISHED) return;
  if (pulled === 0) switchToIdle(cpu);
  else loop.scheduleStage[cpu] = pulled > 0 ? Stage.PICK : Stage.SLOW;
}

function switchToIdle(cpu: number): void {
  const prev = rq.curr[cpu]!;
  updateIdleRqClockPelt(cpu);
  if (tasks.schedClass[prev] === Class.FAIR) putPrevTaskFair(prev);
  pickIdle(cpu);
}

function pickIdle(cpu: number): void {
  counters.goidle[cpu]! += 1;
  k.hooks.idleTaskPicked(cpu);
  switchTo(cpu, cpu);
}

/** Each class from the previous task's downwards may pull, until one has something to run. @spec 01 §6 */
function slowBalance(cpu: number): void {
  const prev = rq.curr[cpu]!;
  const klass = tasks.schedClass[prev]!;
  if (klass <= Class.RT) {
    if (klass === Class.STOP && stopRunnable(cpu)) {
      slowPick(cpu);
      return;
    }
    const queued = klass === Class.RT && tasks.onRq[prev] !== 0;
    if (!queued && tasks.prio[prev]! < rq.rtHighestPrio[cpu]!) pullRtTask(cpu);
    if (stopRunnable(cpu) || rtRunnable(cpu)) {
      slowPick(cpu);
      return;
    }
  }
  if (rq.nrRunning[cpu] === 0) charge(cpu, k.costs.newidleNs);
  if (rq.nrRunning[cpu] === 0 && k.hooks.newidleBegin(cpu)) {
    loop.scheduleStage[cpu] = Stage.SLOW_NEWIDLE;
    return;
  }
  slowPick(cpu);
}

function stopRunnable(cpu: number): boolean {
  return tasks.onRq[k.nrCpus + cpu] !== 0;
}

/** Puts the previous task and asks the classes in order. */
function slowPick(cpu: number): void {
  const prev = rq.curr[cpu]!;
  switch (tasks.schedClass[prev]) {
    case Class.FAIR:
      putPrevTaskFair(prev);
      break;
    case Class.RT:
    case Class.DL:
      putPrevTaskRt(cpu);
      break;
    default:
      break;
  }
  if (stopRunnable(cpu)) {
    const stopper = k.nrCpus + cpu;
    se.execStart[stopper] = rq.clock[cpu]!;
    switchTo(cpu, stopper);
    return;
  }
  let next = -1;
  if (k.fairServer?.isAtWork(cpu) === true) next = pickNextTaskFair(cpu, prev, false);
  if (next < 0) next = pickNextTaskRt(cpu);
  if (next < 0) next = pickNextTaskFair(cpu, prev, false);
  if (next >= 0) {
    switchTo(cpu, next);
    return;
  }
  updateIdleRqClockPelt(cpu);
  pickIdle(cpu);
}

/** The choice is made. */
function switchTo(cpu: number, next: number): void {
  const prev = rq.curr[cpu]!;
  loop.todo[cpu]! &= ~Todo.RESCHED;
  loop.previous[cpu] = prev;
  loop.scheduleStage[cpu] = Stage.FINISH;
  if (prev === next) {
    finish(cpu);
    return;
  }
  counters.switches[cpu]! += 1;
  if (loop.voluntary[cpu] !== 0) tasks.nrVoluntary[prev]! += 1;
  else tasks.nrInvoluntary[prev]! += 1;
  schedInfoSwitch(cpu, prev, next);
  if (k.recorder.on[Ev.SCHED_SWITCH]) {
    recordTask(Ev.SCHED_SWITCH, cpu, prev, traceId(next), shownState(prev), tracePrio(prev), tracePrio(next));
  }
  if ((k.watch & (Watch.RUN | Watch.SERVER)) !== 0) tellSwitch(cpu, prev, next);
  rq.curr[cpu] = next;
  if (k.refills) switchCaches(cpu, prev, next);
  if (k.smtSlows && (prev === cpu || next === cpu)) shareCore(cpu, compute);
  tasks.onCpu[next] = 1;
  const cost = switchCost(cpu, prev, next);
  if (cost === 0) finish(cpu);
  else charge(cpu, cost);
}

function tellSwitch(cpu: number, prev: number, next: number): void {
  k.fairServer?.switched(cpu, next);
  if ((k.watch & Watch.RUN) === 0) return;
  if (tasks.schedClass[prev] === Class.FAIR && tasks.onRq[prev] === OnRq.QUEUED) k.hooks.taskPut(cpu, prev);
  if (tasks.schedClass[next] === Class.FAIR) k.hooks.taskSet(cpu, next);
}

/**
 * prev_state as a trace shows it. A kernel thread that has to give way does so at cond_resched, for it never returns to user
 * mode, where the others do. @spec 09 §3
 */
function shownState(prev: number): number {
  const state = tasks.state[prev]!;
  if (state === State.RUNNING && tasks.kthread[prev] !== 0) return TaskState.PREEMPTED;
  if (state === State.IDLE) return TaskState.IDLE;
  return state === State.WAKING ? TaskState.RUNNING : state;
}

function switchCost(cpu: number, prev: number, next: number): number {
  if (next === cpu || prev === cpu) return k.costs.switchIdleNs;
  return sameAddressSpace(prev, next) ? k.costs.switchSameMmNs : k.costs.switchOtherMmNs;
}

/** The switch is over: the previous task is free to run elsewhere, and queued balance callbacks run. */
function finish(cpu: number): void {
  const prev = loop.previous[cpu]!;
  const curr = rq.curr[cpu]!;
  loop.scheduleStage[cpu] = Stage.NONE;
  loop.todo[cpu]! &= ~Todo.SCHEDULE;
  rq.clockSkip[cpu] = 0;
  if (prev !== curr) {
    tasks.onCpu[prev] = 0;
    if (tasks.state[prev] === State.DEAD) releaseTask(prev);
  }
  if (curr === cpu) enterIdle(cpu);
  if (tasks.schedClass[curr] === Class.RT && highestPushable(cpu) >= 0) pushRtTasks(cpu);
  if (loop.callback[cpu] !== 0) {
    loop.callback[cpu] = 0;
    loop.todo[cpu]! |= Todo.CALLBACK;
  }
}

/** Times of the cpu lines of schedstat. @spec 09 §1 */
function schedInfoSwitch(cpu: number, prev: number, next: number): void {
  const now = rq.clock[cpu]!;
  if (!isIdleTask(prev)) {
    counters.rqCpuTime[cpu]! += now - tasks.lastArrival[prev]!;
    if (tasks.state[prev] === State.RUNNING && tasks.lastQueued[prev]! < 0) tasks.lastQueued[prev] = now;
  }
  if (isIdleTask(next)) return;
  if (tasks.lastQueued[next]! >= 0) {
    const delay = now - tasks.lastQueued[next]!;
    tasks.lastQueued[next] = -1;
    tasks.runDelay[next]! += delay;
    counters.runDelay[cpu]! += delay;
    counters.pcount[cpu]! += 1;
  }
  tasks.lastArrival[next] = now;
}
