/**
 * What CPUs do to each other and to their own time: marking the current task for rescheduling, interrupts between CPUs,
 * and charging kernel work. @spec 01 §4, 24 §8
 */
import { Ev } from '../trace/events.ts';
import { k } from './kernel.ts';
import * as loop from './loop.ts';
import { Todo } from './loop.ts';
import { record } from './record.ts';
import * as rq from './rq.ts';
import { active, lineTransferNs } from './shared-lines.ts';

/** Charges kernel work to a CPU; it is paid for before the CPU does anything else. */
export function charge(cpu: number, ns: number): void {
  if (ns === 0) return;
  loop.debt[cpu]! += ns;
  loop.todo[cpu]! |= Todo.PAY;
}

/** Does the CPU owe time, so that what it is in the middle of has to wait? */
export function owes(cpu: number): boolean {
  return (loop.todo[cpu]! & Todo.PAY) !== 0;
}

export function needResched(cpu: number): boolean {
  return (loop.todo[cpu]! & Todo.RESCHED) !== 0;
}

export function setNeedResched(cpu: number): void {
  loop.todo[cpu]! |= Todo.RESCHED;
}

/**
 * The current task of the CPU has to give way. A remote CPU is told by interrupt, unless it idles and watches the flag.
 * @spec 01 §4
 */
export function reschedCurr(cpu: number): void {
  if (needResched(cpu)) return;
  setNeedResched(cpu);
  if (cpu === k.thisCpu) return;
  if (polling(cpu)) {
    if (k.tracing) record(Ev.SCHED_WAKE_IDLE_WITHOUT_IPI, k.thisCpu, cpu);
    raiseIrq(k.slotCall + cpu, flagWakeNs(cpu));
  } else {
    raiseIrq(cpu, k.costs.ipiDeliverNs + idleExitNs(cpu));
    charge(k.thisCpu, k.costs.ipiSendNs);
  }
}

/** Tells a CPU that there is something on its call queue. @spec 01 §4 */
export function sendCall(cpu: number): void {
  if (polling(cpu)) {
    setNeedResched(cpu);
    raiseIrq(k.slotCall + cpu, flagWakeNs(cpu));
  } else {
    raiseIrq(k.slotCall + cpu, k.costs.ipiDeliverNs + idleExitNs(cpu));
    charge(k.thisCpu, k.costs.ipiSendNs);
  }
}

/** Does the CPU sit in the idle loop watching need_resched? */
export function polling(cpu: number): boolean {
  return k.costs.idlePolls && loop.idlePhase[cpu] === 2;
}

/**
 * An interrupt line is raised, once the CPU has done what it owes; one already on its way is the same interrupt. In an
 * emulator that is when it has its turn.
 */
function raiseIrq(slot: number, latencyNs: number): void {
  if (k.queue.isPending(slot)) return;
  if (k.emulator === null) k.queue.schedule(slot, k.now + loop.debt[k.thisCpu]! + latencyNs);
  else k.emulator.send(slot, latencyNs);
}

/** ns until a CPU that watches a flag has seen it and left its idle state, which the write itself ends. @spec 24 §6 */
function flagWakeNs(cpu: number): number {
  const seen = k.costs.pollWakeNs + (active ? lineTransferNs(k.thisCpu, cpu) : 0);
  return Math.max(seen, idleExitNs(cpu));
}

/** ns to leave the idle state the CPU is in; 0 for one that is not idle. @spec 24 §6 */
export function idleExitNs(cpu: number): number {
  if (loop.idlePhase[cpu] !== 2) return 0;
  const { costs } = k;
  if (costs.haltPollNs > 0 && k.now - loop.idleSince[cpu]! < costs.haltPollNs) return 0;
  if (k.governor === null) return costs.haltExitNs;
  const state = rq.idleState[cpu]!;
  return state < 0 ? 0 : costs.idleStates[state]!.exitNs;
}
