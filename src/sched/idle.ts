/**
 * The idle loop: what an idle CPU does between interrupts, which idle state it is in and whether its tick goes on.
 * @spec 01 §3, 24 §6
 *
 *   enter ─► top of iteration ─► wait ─► (interrupt) ─► top of iteration ... ─► leave when there is something to run
 */
import { UNFINISHED, Watch } from './hooks.ts';
import { k } from './kernel.ts';
import * as loop from './loop.ts';
import { Todo } from './loop.ts';
import * as rq from './rq.ts';
import { charge } from './signals.ts';
import { startTick, stopTick } from './tick.ts';
import { schedTtwuPending } from './wakeup.ts';

/** CpuLoop.idlePhase */
export const IdlePhase = { BUSY: 0, ITERATE: 1, WAIT: 2 } as const;

/** The idle task has just been switched to. */
export function enterIdle(cpu: number): void {
  loop.idlePhase[cpu] = IdlePhase.ITERATE;
  loop.gotIdleTick[cpu] = 0;
  loop.idleSince[cpu] = k.now;
  if ((k.watch & Watch.IDLE) !== 0) k.hooks.idleEntered(cpu);
}

/** One step of the loop; false when the CPU now waits for an interrupt. */
export function idleStep(cpu: number): boolean {
  if (loop.idlePhase[cpu] === IdlePhase.WAIT) return false;
  if (k.hooks.idleIterationStep(cpu) === UNFINISHED) return true;
  if ((loop.todo[cpu]! & (Todo.RESCHED | Todo.PAY)) !== 0) return true;
  if (wantsTickStopped(cpu) && tickRuns(cpu)) {
    stopTick(cpu);
    charge(cpu, k.costs.tickStopNs);
    k.hooks.tickStopped(cpu);
    if ((loop.todo[cpu]! & Todo.PAY) !== 0) return true;
  }
  loop.idlePhase[cpu] = IdlePhase.WAIT;
  return false;
}

/** need_resched is set: the tick runs again, and what was sent to this CPU meanwhile is taken in. */
export function leaveIdle(cpu: number): void {
  k.governor?.observe(cpu, k.now - loop.idleSince[cpu]!);
  loop.idlePhase[cpu] = IdlePhase.BUSY;
  rq.idleState[cpu] = -1;
  if ((k.watch & Watch.IDLE) !== 0) k.hooks.idleLeft(cpu);
  if (!tickRuns(cpu)) {
    charge(cpu, k.costs.tickRestartNs);
    startTick(cpu);
  }
  if (rq.ttwuPending[cpu] !== 0) schedTtwuPending(cpu);
}

/** Does the CPU have a tick? */
export function tickRuns(cpu: number): boolean {
  return (loop.tickOn[cpu >>> 5]! & (1 << (cpu & 31))) !== 0;
}

/**
 * Chooses the idle state, and whether the tick may stop. Without an idle driver the tick stops once an idle tick was seen;
 * the menu governor stops it when it expects to sleep through the next one. @spec 01 §3
 */
function wantsTickStopped(cpu: number): boolean {
  if (k.now < k.rcuBusyUntil) return false;
  if (k.governor === null) return loop.gotIdleTick[cpu] !== 0;
  return k.governor.choose(cpu, !tickRuns(cpu));
}
