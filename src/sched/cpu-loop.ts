/**
 * What a CPU does next. Each CPU is a small machine that is given control when an event of its own is due or an interrupt
 * reaches it, and goes on until it computes, waits, or is busy in the kernel for a while. In this order (`Todo`):
 *
 *   pay for kernel work done  ─►  finish schedule() and the balance callback (interrupts off)  ─►  interrupts
 *        ─►  softirq  ─►  schedule() if something better should run  ─►  idle loop, stopper, or the task's program
 *
 * CPUs never call into each other: what one does to another is an interrupt, that is, an event. @spec 01 §2-6
 */
import { Ev } from '../trace/events.ts';
import { periodTimerExpired, slackTimerExpired } from './bandwidth.ts';
import type { Emulator } from './emulator.ts';
import { UNFINISHED } from './hooks.ts';
import { IdlePhase, idleStep, leaveIdle } from './idle.ts';
import { k } from './kernel.ts';
import * as loop from './loop.ts';
import { TODO_IRQS, Todo } from './loop.ts';
import { firstActiveCpu } from './predicates.ts';
import { runProgram } from './program-step.ts';
import { saveWork, workDone } from './programs.ts';
import { record } from './record.ts';
import * as rq from './rq.ts';
import { rtPeriodExpired } from './rt.ts';
import { scheduleBegin, scheduleStep } from './schedule.ts';
import { pauseSegment } from './segment.ts';
import { charge, idleExitNs, polling } from './signals.ts';
import { SCHED_SOFTIRQ, softirqDone } from './softirq.ts';
import { stopperStep } from './stopper.ts';
import { serveEarlyTimers, serveTimers, timerDue } from './task-timers.ts';
import { schedulerTick } from './tick.ts';
import { schedTtwuPending } from './wakeup.ts';

const RESCHEDULE_VECTOR = 253;
const CALL_FUNCTION_SINGLE_VECTOR = 251;

/** The event of `slot` is due. */
export function dispatch(slot: number): void {
  handle(slot);
  if (k.emulator !== null) takeTurns(k.emulator, k.emulator.settle());
}

function handle(slot: number): void {
  if (slot >= k.slotTimer) {
    interrupt(timerDue(slot - k.slotTimer), Todo.TIMER);
  } else if (slot === k.slotTurn) {
    takeTurns(k.emulator!, k.emulator!.turn());
  } else if (slot >= k.slotGlobal) {
    globalTimer(slot - k.slotGlobal);
  } else if (slot >= k.slotRun) {
    runEvent(slot - k.slotRun);
  } else if (slot >= k.slotCall) {
    const cpu = slot - k.slotCall;
    interrupt(cpu, polling(cpu) ? Todo.POLL : Todo.CALL);
  } else {
    interrupt(slot, Todo.RESCHEDULE_IPI);
  }
}

/** The tick of a CPU is due. */
export function tickInterrupt(cpu: number): void {
  if (loop.busy[cpu] !== 0 || k.emulator !== null) {
    interrupt(cpu, Todo.TICK);
    if (k.emulator !== null) takeTurns(k.emulator, k.emulator.settle());
    return;
  }
  k.thisCpu = cpu;
  tick(cpu);
  // The common case: a task computes on and nothing is to be done.
  if (loop.todo[cpu] !== 0 || loop.segmentActive[cpu] === 0) runCpu(cpu);
}

/** A kernel stretch or the current task's user segment has ended. */
function runEvent(cpu: number): void {
  const { emulator } = k;
  if (loop.busy[cpu] !== 0) {
    loop.busy[cpu] = 0;
    emulator?.done(cpu);
  } else {
    loop.segmentActive[cpu] = 0;
    workDone(rq.curr[cpu]!);
    if (emulator !== null) {
      // A task that waits for the clock looks at it in its turn.
      if (loop.segmentSpins[cpu] === 0) emulator.done(cpu);
      else if (!emulator.ask(cpu)) return;
    }
  }
  runCpu(cpu);
}

function interrupt(cpu: number, bit: number): void {
  loop.todo[cpu]! |= bit;
  if (loop.busy[cpu] === 0 && (k.emulator === null || k.emulator.ask(cpu))) runCpu(cpu);
}

/** Gives control to those whose turn it is, from `cpu` on (-1: nobody), until one needs time. */
function takeTurns(emulator: Emulator, cpu: number): void {
  for (let next = cpu; next >= 0; next = emulator.settle()) runCpu(next);
}

/** The timer of the fair server of a CPU, to be served by that CPU. */
function serverInterrupt(cpu: number): void {
  k.thisCpu = cpu;
  k.fairServer!.timer(cpu);
  interrupt(cpu, Todo.TIMER);
}

/** Timers of no CPU in particular run on whichever is active first. */
function globalTimer(index: number): void {
  const nrGroups = k.groups.count;
  if (index > 2 * nrGroups) {
    serverInterrupt(index - 2 * nrGroups - 1);
    return;
  }
  k.thisCpu = firstActiveCpu();
  if (index === 2 * nrGroups) rtPeriodExpired();
  else if ((index & 1) === 0) periodTimerExpired(index >>> 1);
  else slackTimerExpired(index >>> 1);
  interrupt(k.thisCpu, 0);
}

/** Gives control to a CPU that is not busy. */
export function runCpu(cpu: number): void {
  const { nrCpus } = k;
  k.thisCpu = cpu;
  for (;;) {
    const todo = loop.todo[cpu]!;
    if (todo !== 0) {
      if ((todo & Todo.PAY) !== 0) {
        beBusy(cpu);
        return;
      }
      if ((todo & Todo.SCHEDULE) !== 0) scheduleStep(cpu);
      else if ((todo & Todo.CALLBACK) !== 0) balanceCallback(cpu);
      else if ((todo & TODO_IRQS) !== 0) handleIrq(cpu, todo & TODO_IRQS);
      else if ((todo & Todo.SOFTIRQ) !== 0) handleSoftirq(cpu);
      else if (loop.idlePhase[cpu] !== IdlePhase.BUSY) leaveIdle(cpu);
      else scheduleBegin(cpu);
      continue;
    }
    const curr = rq.curr[cpu]!;
    if (curr >= 2 * nrCpus) {
      if (loop.segmentActive[cpu] !== 0 || !runProgram(cpu, curr)) return;
    } else if (curr < nrCpus) {
      if (!idleStep(cpu)) return;
    } else {
      stopperStep(cpu);
    }
  }
}

function balanceCallback(cpu: number): void {
  loop.todo[cpu]! &= ~Todo.CALLBACK;
  if (k.hooks.balanceCallback(cpu) === UNFINISHED) loop.todo[cpu]! |= Todo.CALLBACK;
}

/** Lets the time of the kernel work just done pass. */
function beBusy(cpu: number): void {
  if (loop.segmentActive[cpu] !== 0) saveWork(rq.curr[cpu]!, pauseSegment(cpu));
  loop.busy[cpu] = 1;
  loop.todo[cpu]! &= ~Todo.PAY;
  const work = loop.debt[cpu]!;
  loop.debt[cpu] = 0;
  if (k.emulator === null) k.queue.schedule(k.slotRun + cpu, k.now + work);
  else k.emulator.work(cpu, work);
}

/** Handles the first of the interrupts in `pending`. */
function handleIrq(cpu: number, pending: number): void {
  const bit = pending & -pending;
  if (k.emulator !== null && entersInTime(cpu, bit)) return;
  loop.todo[cpu]! &= ~bit;
  if (bit === Todo.TICK) {
    tick(cpu);
    return;
  }
  if (loop.idlePhase[cpu] === IdlePhase.WAIT) {
    // How long it takes to leave idle is part of the way of what others send; the CPU's own timers find it asleep.
    if (bit === Todo.TIMER && !k.costs.takesTurns) charge(cpu, idleExitNs(cpu));
    loop.idlePhase[cpu] = IdlePhase.ITERATE;
  }
  k.inInterrupt = true;
  if (bit !== Todo.POLL && k.emulator === null) charge(cpu, k.costs.irqNs);
  if (bit === Todo.TIMER) {
    serveTimers(cpu);
  } else if (bit === Todo.RESCHEDULE_IPI) {
    if (k.tracing) record(Ev.RESCHEDULE_ENTRY, cpu, RESCHEDULE_VECTOR);
  } else {
    if (k.tracing && bit === Todo.CALL) record(Ev.CALL_FUNCTION_SINGLE_ENTRY, cpu, CALL_FUNCTION_SINGLE_VECTOR);
    // Function calls come before queued wakeups. @spec 01 §4
    k.hooks.nohzCall(cpu);
    if (rq.ttwuPending[cpu] !== 0) schedTtwuPending(cpu);
  }
  k.inInterrupt = false;
}

/**
 * Where instructions are counted, what comes before a wakeup in an interrupt is no part of its latency, and what a tick
 * decides is decided at its end: both are paid for first. True if that has just begun.
 */
function entersInTime(cpu: number, bit: number): boolean {
  if ((loop.entered[cpu]! & bit) !== 0) {
    loop.entered[cpu]! &= ~bit;
    return false;
  }
  loop.entered[cpu]! |= bit;
  const { irqNs, tickNs, wakeFirstNs, callNs } = k.costs;
  const first = bit === Todo.TIMER ? wakeFirstNs : bit === Todo.TICK ? tickNs : bit === Todo.CALL ? callNs : 0;
  // A tick's interrupt is left after it has charged who runs: the next one to run is charged from then on.
  charge(cpu, bit === Todo.TICK ? first : irqNs + first);
  return true;
}

function tick(cpu: number): void {
  const { costs } = k;
  if (loop.idlePhase[cpu] === IdlePhase.WAIT) {
    if (!costs.takesTurns) charge(cpu, idleExitNs(cpu));
    loop.idlePhase[cpu] = IdlePhase.ITERATE;
  }
  k.inInterrupt = true;
  if (k.emulator === null) charge(cpu, costs.irqNs + costs.tickNs);
  serveEarlyTimers(cpu);
  schedulerTick(cpu);
  if (k.emulator !== null) charge(cpu, costs.irqNs);
  k.inInterrupt = false;
}

function handleSoftirq(cpu: number): void {
  let first = loop.inSoftirq[cpu] === 0;
  if (first) {
    loop.inSoftirq[cpu] = 1;
    charge(cpu, k.costs.softirqNs);
    if (k.tracing) record(Ev.SOFTIRQ_ENTRY, cpu, SCHED_SOFTIRQ);
    // Others may raise it again before it is over, which takes time even if there is nothing to do.
    if (k.emulator !== null) {
      loop.softirqBegins[cpu] = 1;
      return;
    }
  } else if (loop.softirqBegins[cpu] !== 0) {
    loop.softirqBegins[cpu] = 0;
    first = true;
  }
  if (k.hooks.softirqStep(cpu, first) === UNFINISHED) return;
  if (k.tracing) record(Ev.SOFTIRQ_EXIT, cpu, SCHED_SOFTIRQ);
  softirqDone(cpu);
}
