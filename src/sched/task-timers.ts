/**
 * Timers of sleeping tasks. Each belongs to the CPU it was armed on. An ordinary task's may fire a little late
 * (`timer_slack`), so that several can be served by one interrupt: every interrupt of the timer hardware, the tick
 * included, serves all whose time has come. @spec 01 §2
 */
import { ColumnSet, MAX_CPUS } from './columns.ts';
import { k } from './kernel.ts';
import * as progress from './progress.ts';
import * as tasks from './tasks.ts';
import { Class, TASK_NORMAL } from './tasks.ts';
import { tryToWakeUp } from './wakeup.ts';

const columns = new ColumnSet(MAX_CPUS);
/** Timers armed on the CPU, in no order, and a time before which none of them may fire. */
const armedHead = columns.i32(-1);
const soonest = columns.f64(Number.POSITIVE_INFINITY);
/** Timers that are due but not served yet, in order. */
const dueHead = columns.i32(-1);
const dueTail = columns.i32(-1);

/** For the next simulation. */
export function reset(nrCpus: number): void {
  columns.reset(nrCpus);
}

/** The task, current on the CPU, will be woken at `time`. */
export function armTimer(cpu: number, task: number, time: number): void {
  const slack = tasks.schedClass[task] === Class.FAIR ? k.timerSlackNs : 0;
  progress.timerCpu[task] = cpu;
  progress.timerSoft[task] = time;
  const head = armedHead[cpu]!;
  progress.timerNext[task] = head;
  progress.timerPrev[task] = -1;
  if (head >= 0) progress.timerPrev[head] = task;
  armedHead[cpu] = task;
  if (time < soonest[cpu]!) soonest[cpu] = time;
  k.queue.schedule(k.slotTimer + task, time + slack);
}

function disarm(cpu: number, task: number): void {
  const before = progress.timerPrev[task]!;
  const after = progress.timerNext[task]!;
  if (before < 0) armedHead[cpu] = after;
  else progress.timerNext[before] = after;
  if (after >= 0) progress.timerPrev[after] = before;
}

/** A timer has reached its last moment: returns its CPU, which serves it as soon as it takes the interrupt. */
export function timerDue(task: number): number {
  const cpu = progress.timerCpu[task]!;
  disarm(cpu, task);
  progress.timerNext[task] = -1;
  const tail = dueTail[cpu]!;
  if (tail < 0) dueHead[cpu] = task;
  else progress.timerNext[tail] = task;
  dueTail[cpu] = task;
  return cpu;
}

/** The timer interrupt: wakes those whose timers are due, and those who may be woken early. */
export function serveTimers(cpu: number): void {
  let task = dueHead[cpu]!;
  dueHead[cpu] = -1;
  dueTail[cpu] = -1;
  while (task >= 0) {
    const next = progress.timerNext[task]!;
    tryToWakeUp(task, TASK_NORMAL, 0);
    task = next;
  }
  serveEarlyTimers(cpu);
}

/** Wakes everybody whose timer may fire by now, the earliest first. */
export function serveEarlyTimers(cpu: number): void {
  if (soonest[cpu]! > k.now || k.timerSlackNs === 0) return;
  for (;;) {
    let earliest = -1;
    let time = Number.POSITIVE_INFINITY;
    for (let task = armedHead[cpu]!; task >= 0; task = progress.timerNext[task]!) {
      if (progress.timerSoft[task]! < time) {
        time = progress.timerSoft[task]!;
        earliest = task;
      }
    }
    soonest[cpu] = time;
    if (time > k.now) return;
    k.queue.cancel(k.slotTimer + earliest);
    disarm(cpu, earliest);
    tryToWakeUp(earliest, TASK_NORMAL, 0);
  }
}

/** When the next timer of the CPU may fire; Infinity if none is armed. */
export function nextTimer(cpu: number): number {
  let time = Number.POSITIVE_INFINITY;
  for (let task = armedHead[cpu]!; task >= 0; task = progress.timerNext[task]!) {
    if (progress.timerSoft[task]! < time) time = progress.timerSoft[task]!;
  }
  return time;
}
