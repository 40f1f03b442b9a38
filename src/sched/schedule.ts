/**
 * schedule(): the previous task leaves, another is chosen, and the CPU switches. Because choosing may search other CPUs
 * for work, and all of it may cost time, it is a sequence of stages; interrupts are off throughout. @spec 01 §6
 *
 *   BEGIN ─► PICK ─► (NEWIDLE ─► PICK) ─► switch ─► FINISH
 *               └──► SLOW, when tasks of other classes are about
 */
import { Ev, TaskState } from '../trace/events.ts';
import { deactivateTask } from './activate.ts';
import { updateIdleRqClockPelt, updateRqClock } from './clock.ts';
import { Dequeue } from './fair-entity.ts';
import { pickNextTaskFair, putPrevTaskFair } from './fair-pick.ts';
import { UNFINISHED } from './hooks.ts';
import { enterIdle } from './idle.ts';
import { type Kernel, Todo } from './kernel.ts';
import { recordTask, traceId } from './record.ts';
import { highestPushable, pickNextTaskRt, putPrevTaskRt, rtRunnable } from './rt.ts';
import { pullRtTask, pushRtTasks } from './rt-balance.ts';
import { pauseSegment } from './segment.ts';
import { Class, State } from './tables.ts';

const Stage = { NONE: 0, PICK: 1, NEWIDLE: 2, SLOW: 3, SLOW_NEWIDLE: 4, FINISH: 5 } as const;

/** The CPU enters schedule(). */
export function scheduleBegin(k: Kernel, cpu: number): void {
  const { rq, loop, task } = k;
  const prev = rq.curr[cpu]!;
  if (loop.segmentActive[cpu] !== 0) k.programs.saveWork(prev, pauseSegment(k, cpu));
  k.counters.sched[cpu]! += 1;
  if (rq.clockSkip[cpu] === 1) rq.clockSkip[cpu] = 2;
  updateRqClock(k, cpu);
  loop.voluntary[cpu] = 0;
  if (task.state[prev] !== State.RUNNING) {
    deactivateTask(k, cpu, prev, Dequeue.SLEEP);
    loop.voluntary[cpu] = 1;
  }
  loop.scheduleStage[cpu] = Stage.PICK;
  loop.todo[cpu]! |= Todo.SCHEDULE;
  if (k.costs.pickNs === 0) pick(k, cpu);
  else k.charge(cpu, k.costs.pickNs);
}

/** Goes on with schedule() until it is done or has charged time. */
export function scheduleStep(k: Kernel, cpu: number): void {
  const { loop } = k;
  switch (loop.scheduleStage[cpu]) {
    case Stage.PICK:
      pick(k, cpu);
      break;
    case Stage.NEWIDLE:
      newidle(k, cpu);
      break;
    case Stage.SLOW:
      slowBalance(k, cpu);
      break;
    case Stage.SLOW_NEWIDLE:
      if (k.hooks.newidleStep(k, cpu) !== UNFINISHED) slowPick(k, cpu);
      break;
    default:
      finish(k, cpu);
  }
}

/** The usual case: previous task and all others are CFS (or idle). */
function pick(k: Kernel, cpu: number): void {
  const { rq, loop, task } = k;
  const prev = rq.curr[cpu]!;
  if (task.schedClass[prev]! < Class.FAIR || rq.nrRunning[cpu] !== k.cfs.hNrRunning[cpu]) {
    loop.scheduleStage[cpu] = Stage.SLOW;
    return;
  }
  const next = pickNextTaskFair(k, cpu, prev, true);
  if (next >= 0) {
    switchTo(k, cpu, next);
  } else if (k.hooks.newidleBegin(k, cpu)) {
    loop.scheduleStage[cpu] = Stage.NEWIDLE;
  } else {
    switchToIdle(k, cpu);
  }
}

function newidle(k: Kernel, cpu: number): void {
  const pulled = k.hooks.newidleStep(k, cpu);
  if (pulled === UNFINISHED) return;
  if (pulled === 0) switchToIdle(k, cpu);
  else k.loop.scheduleStage[cpu] = pulled > 0 ? Stage.PICK : Stage.SLOW;
}

function switchToIdle(k: Kernel, cpu: number): void {
  const prev = k.rq.curr[cpu]!;
  updateIdleRqClockPelt(k, cpu);
  if (k.task.schedClass[prev] === Class.FAIR) putPrevTaskFair(k, prev);
  pickIdle(k, cpu);
}

function pickIdle(k: Kernel, cpu: number): void {
  k.counters.goidle[cpu]! += 1;
  k.hooks.idleTaskPicked(k, cpu);
  switchTo(k, cpu, cpu);
}

/** Each class from the previous task's downwards may pull, until one has something to run. @spec 01 §6 */
function slowBalance(k: Kernel, cpu: number): void {
  const { rq, task, loop } = k;
  const prev = rq.curr[cpu]!;
  const klass = task.schedClass[prev]!;
  if (klass <= Class.RT) {
    if (klass === Class.STOP && stopRunnable(k, cpu)) {
      slowPick(k, cpu);
      return;
    }
    const queued = klass === Class.RT && task.onRq[prev] !== 0;
    if (!queued && task.prio[prev]! < rq.rtHighestPrio[cpu]!) pullRtTask(k, cpu);
    if (stopRunnable(k, cpu) || rtRunnable(k, cpu)) {
      slowPick(k, cpu);
      return;
    }
  }
  if (rq.nrRunning[cpu] === 0 && k.hooks.newidleBegin(k, cpu)) {
    loop.scheduleStage[cpu] = Stage.SLOW_NEWIDLE;
    return;
  }
  slowPick(k, cpu);
}

function stopRunnable(k: Kernel, cpu: number): boolean {
  return k.task.onRq[k.nrCpus + cpu] !== 0;
}

/** Puts the previous task and asks the classes in order. */
function slowPick(k: Kernel, cpu: number): void {
  const { rq, task } = k;
  const prev = rq.curr[cpu]!;
  switch (task.schedClass[prev]) {
    case Class.FAIR:
      putPrevTaskFair(k, prev);
      break;
    case Class.RT:
    case Class.DL:
      putPrevTaskRt(k, cpu);
      break;
    default:
      break;
  }
  if (stopRunnable(k, cpu)) {
    const stopper = k.nrCpus + cpu;
    k.se.execStart[k.entityOf(stopper)] = rq.clock[cpu]!;
    switchTo(k, cpu, stopper);
    return;
  }
  let next = pickNextTaskRt(k, cpu);
  if (next < 0) next = pickNextTaskFair(k, cpu, prev, false);
  if (next >= 0) {
    switchTo(k, cpu, next);
    return;
  }
  updateIdleRqClockPelt(k, cpu);
  pickIdle(k, cpu);
}

/** The choice is made. */
function switchTo(k: Kernel, cpu: number, next: number): void {
  const { rq, loop, task, counters } = k;
  const prev = rq.curr[cpu]!;
  loop.todo[cpu]! &= ~Todo.RESCHED;
  loop.previous[cpu] = prev;
  loop.scheduleStage[cpu] = Stage.FINISH;
  if (prev === next) {
    finish(k, cpu);
    return;
  }
  counters.switches[cpu]! += 1;
  if (loop.voluntary[cpu] !== 0) task.nrVoluntary[prev]! += 1;
  else task.nrInvoluntary[prev]! += 1;
  schedInfoSwitch(k, cpu, prev, next);
  if (k.recorder.on[Ev.SCHED_SWITCH]) {
    const state = task.state[prev]!;
    recordTask(
      k,
      Ev.SCHED_SWITCH,
      cpu,
      prev,
      traceId(k, next),
      shownState(state),
      k.tracePrio(prev),
      k.tracePrio(next),
    );
  }
  rq.curr[cpu] = next;
  task.onCpu[next] = 1;
  const cost = switchCost(k, cpu, prev, next);
  if (cost === 0) finish(k, cpu);
  else k.charge(cpu, cost);
}

/** prev_state as a trace shows it. */
function shownState(state: number): number {
  return state === State.WAKING ? TaskState.RUNNING : state;
}

function switchCost(k: Kernel, cpu: number, prev: number, next: number): number {
  if (next === cpu || prev === cpu) return k.costs.switchIdleNs;
  return k.programs.sameAddressSpace(prev, next) ? k.costs.switchSameMmNs : k.costs.switchOtherMmNs;
}

/** The switch is over: the previous task is free to run elsewhere, and queued balance callbacks run. */
function finish(k: Kernel, cpu: number): void {
  const { rq, loop, task } = k;
  const prev = loop.previous[cpu]!;
  const curr = rq.curr[cpu]!;
  loop.scheduleStage[cpu] = Stage.NONE;
  loop.todo[cpu]! &= ~Todo.SCHEDULE;
  rq.clockSkip[cpu] = 0;
  if (prev !== curr) {
    task.onCpu[prev] = 0;
    if (task.state[prev] === State.DEAD) k.programs.release(k, prev);
  }
  if (curr === cpu) enterIdle(k, cpu);
  if (task.schedClass[curr] === Class.RT && highestPushable(k, cpu) >= 0) pushRtTasks(k, cpu);
}

/** Times of the cpu lines of schedstat. @spec 09 §1 */
function schedInfoSwitch(k: Kernel, cpu: number, prev: number, next: number): void {
  const { counters, task, rq } = k;
  const now = rq.clock[cpu]!;
  if (!k.isIdleTask(prev)) {
    counters.rqCpuTime[cpu]! += now - task.lastArrival[prev]!;
    if (task.state[prev] === State.RUNNING && task.lastQueued[prev] === 0) task.lastQueued[prev] = now;
  }
  if (k.isIdleTask(next)) return;
  if (task.lastQueued[next] !== 0) {
    const delay = now - task.lastQueued[next]!;
    task.lastQueued[next] = 0;
    task.runDelay[next]! += delay;
    counters.runDelay[cpu]! += delay;
    counters.pcount[cpu]! += 1;
  }
  task.lastArrival[next] = now;
}
