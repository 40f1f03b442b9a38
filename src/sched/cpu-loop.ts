/**
 * What a CPU does next. Each CPU is a small machine that is given control when an event of its own is due or an interrupt
 * reaches it, and goes on until it computes, waits, or is busy in the kernel for a while. In this order (`Todo`):
 *
 *   pay for kernel work done  ─►  finish schedule() (interrupts off)  ─►  interrupts  ─►  softirq
 *        ─►  schedule() if something better should run  ─►  idle loop, stopper, or the current task's program
 *
 * CPUs never call into each other: what one does to another is an interrupt, that is, an event. @spec 01 §2-6
 */
import { Ev } from '../trace/events.ts';
import { periodTimerExpired, slackTimerExpired } from './bandwidth.ts';
import { UNFINISHED } from './hooks.ts';
import { IdlePhase, idleStep, leaveIdle } from './idle.ts';
import { type Kernel, TODO_IRQS, Todo } from './kernel.ts';
import { runProgram } from './program-step.ts';
import { record } from './record.ts';
import { rtPeriodExpired } from './rt.ts';
import { scheduleBegin, scheduleStep } from './schedule.ts';
import { pauseSegment } from './segment.ts';
import { SCHED_SOFTIRQ } from './softirq.ts';
import { stopperStep } from './stopper.ts';
import { schedulerTick } from './tick.ts';
import { schedTtwuPending } from './wakeup.ts';

const RESCHEDULE_VECTOR = 253;
const CALL_FUNCTION_SINGLE_VECTOR = 251;

/** The event of `slot` is due. */
export function dispatch(k: Kernel, slot: number): void {
  if (slot >= k.slotTimer) {
    timerInterrupt(k, slot - k.slotTimer);
  } else if (slot >= k.slotGlobal) {
    globalTimer(k, slot - k.slotGlobal);
  } else if (slot >= k.slotRun) {
    runEvent(k, slot - k.slotRun);
  } else if (slot >= k.slotCall) {
    const cpu = slot - k.slotCall;
    interrupt(k, cpu, k.polling(cpu) ? Todo.POLL : Todo.CALL);
  } else {
    interrupt(k, slot, Todo.RESCHEDULE_IPI);
  }
}

/** The tick of a CPU is due. */
export function tickInterrupt(k: Kernel, cpu: number): void {
  const { loop } = k;
  if (loop.busy[cpu] !== 0) {
    loop.todo[cpu]! |= Todo.TICK;
    return;
  }
  k.thisCpu = cpu;
  tick(k, cpu);
  // The common case: a task computes on and nothing is to be done.
  if (loop.todo[cpu] !== 0 || loop.segmentActive[cpu] === 0) runCpu(k, cpu);
}

/** A kernel stretch or the current task's user segment has ended. */
function runEvent(k: Kernel, cpu: number): void {
  const { loop } = k;
  if (loop.busy[cpu] !== 0) {
    loop.busy[cpu] = 0;
  } else {
    loop.segmentActive[cpu] = 0;
    k.programs.workDone(k.rq.curr[cpu]!);
  }
  runCpu(k, cpu);
}

function interrupt(k: Kernel, cpu: number, bit: number): void {
  k.loop.todo[cpu]! |= bit;
  if (k.loop.busy[cpu] === 0) runCpu(k, cpu);
}

function timerInterrupt(k: Kernel, task: number): void {
  const cpu = k.programs.timerDue(k, task);
  interrupt(k, cpu, Todo.TIMER);
}

/** Timers of no CPU in particular run on whichever is active first. */
function globalTimer(k: Kernel, index: number): void {
  k.thisCpu = k.firstActiveCpu();
  const nrGroups = k.groups.count;
  if (index === 2 * nrGroups) rtPeriodExpired(k);
  else if ((index & 1) === 0) periodTimerExpired(k, index >>> 1);
  else slackTimerExpired(k, index >>> 1);
  if (k.loop.busy[k.thisCpu] === 0) runCpu(k, k.thisCpu);
}

/** Gives control to a CPU that is not busy. */
export function runCpu(k: Kernel, cpu: number): void {
  const { loop, rq, nrCpus } = k;
  k.thisCpu = cpu;
  for (;;) {
    const todo = loop.todo[cpu]!;
    if (todo !== 0) {
      if ((todo & Todo.PAY) !== 0) {
        beBusy(k, cpu);
        return;
      }
      if ((todo & Todo.SCHEDULE) !== 0) scheduleStep(k, cpu);
      else if ((todo & TODO_IRQS) !== 0) handleIrq(k, cpu, todo & TODO_IRQS);
      else if ((todo & Todo.SOFTIRQ) !== 0) handleSoftirq(k, cpu);
      else if (loop.idlePhase[cpu] !== IdlePhase.BUSY) leaveIdle(k, cpu);
      else scheduleBegin(k, cpu);
      continue;
    }
    const curr = rq.curr[cpu]!;
    if (curr >= 2 * nrCpus) {
      if (loop.segmentActive[cpu] !== 0 || !runProgram(k, cpu, curr)) return;
    } else if (curr < nrCpus) {
      if (!idleStep(k, cpu)) return;
    } else {
      stopperStep(k, cpu);
    }
  }
}

/** Lets the time of the kernel work just done pass. */
function beBusy(k: Kernel, cpu: number): void {
  const { loop } = k;
  if (loop.segmentActive[cpu] !== 0) k.programs.saveWork(k.rq.curr[cpu]!, pauseSegment(k, cpu));
  loop.busy[cpu] = 1;
  loop.todo[cpu]! &= ~Todo.PAY;
  k.queue.schedule(k.slotRun + cpu, k.now + loop.debt[cpu]!);
  loop.debt[cpu] = 0;
}

/** Handles the first of the interrupts in `pending`. */
function handleIrq(k: Kernel, cpu: number, pending: number): void {
  const { loop, rq } = k;
  const bit = pending & -pending;
  loop.todo[cpu]! &= ~bit;
  if (bit === Todo.TICK) {
    tick(k, cpu);
    return;
  }
  if (loop.idlePhase[cpu] === IdlePhase.WAIT) loop.idlePhase[cpu] = IdlePhase.ITERATE;
  k.inInterrupt = true;
  if (bit !== Todo.POLL) k.charge(cpu, k.costs.irqNs);
  if (bit === Todo.TIMER) {
    k.programs.timersExpired(k, cpu);
  } else if (bit === Todo.RESCHEDULE_IPI) {
    if (k.tracing) record(k, Ev.RESCHEDULE_ENTRY, cpu, RESCHEDULE_VECTOR);
  } else {
    if (k.tracing && bit === Todo.CALL) record(k, Ev.CALL_FUNCTION_SINGLE_ENTRY, cpu, CALL_FUNCTION_SINGLE_VECTOR);
    // Function calls come before queued wakeups. @spec 01 §4
    k.hooks.nohzCall(k, cpu);
    if (rq.ttwuPending[cpu] !== 0) schedTtwuPending(k, cpu);
  }
  k.inInterrupt = false;
}

function tick(k: Kernel, cpu: number): void {
  const { loop, costs } = k;
  if (loop.idlePhase[cpu] === IdlePhase.WAIT) loop.idlePhase[cpu] = IdlePhase.ITERATE;
  k.inInterrupt = true;
  k.charge(cpu, costs.irqNs + costs.tickNs);
  k.programs.timersSoftExpired(k, cpu);
  schedulerTick(k, cpu);
  k.inInterrupt = false;
}

function handleSoftirq(k: Kernel, cpu: number): void {
  const { loop } = k;
  const first = loop.inSoftirq[cpu] === 0;
  if (first) {
    loop.inSoftirq[cpu] = 1;
    k.charge(cpu, k.costs.softirqNs);
    if (k.tracing) record(k, Ev.SOFTIRQ_ENTRY, cpu, SCHED_SOFTIRQ);
  }
  if (k.hooks.softirqStep(k, cpu, first) === UNFINISHED) return;
  if (k.tracing) record(k, Ev.SOFTIRQ_EXIT, cpu, SCHED_SOFTIRQ);
  loop.inSoftirq[cpu] = 0;
  loop.todo[cpu]! &= ~Todo.SOFTIRQ;
}
