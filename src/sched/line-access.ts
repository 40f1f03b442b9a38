/**
 * Accesses to shared cache lines by the CPU that executes, charged to it: what mechanisms call. Each returns the ns charged,
 * 0 with a cost profile in which lines cost nothing.
 *
 *   readonly #mask = allocateLines(chunks);            // in the constructor of the hooks
 *   atomicOn(this.#mask + chunk);                      // where the kernel sets or clears a bit
 *   readFrom(this.#mask + chunk);                      // where it looks
 *
 * @spec 24 §2-3, §8
 */
import { k } from './kernel.ts';
import * as loop from './loop.ts';
import { active, atomicAt, Line, lockAt, readAt, writeAt } from './shared-lines.ts';
import { charge } from './signals.ts';

/** When what the CPU does now really happens: after the work it has not paid for yet. */
function ownTime(cpu: number): number {
  return k.now + loop.debt[cpu]!;
}

/** A locked operation: set or clear a bit, count up, compare and exchange. */
export function atomicOn(line: number): number {
  if (!active) return 0;
  const cpu = k.thisCpu;
  const ns = atomicAt(line, cpu, ownTime(cpu));
  charge(cpu, ns);
  return ns;
}

/** A plain load. */
export function readFrom(line: number): number {
  if (!active) return 0;
  const cpu = k.thisCpu;
  const ns = readAt(line, cpu, ownTime(cpu));
  charge(cpu, ns);
  return ns;
}

/** A plain store. */
export function writeTo(line: number): number {
  if (!active) return 0;
  const cpu = k.thisCpu;
  const ns = writeAt(line, cpu, ownTime(cpu));
  charge(cpu, ns);
  return ns;
}

/**
 * Takes a lock (a line of its own) and holds it for `holdNs`; what is done under it is charged by whoever does it. The wait is
 * spinning, and so charged.
 */
export function takeLock(line: number, holdNs: number): number {
  if (!active) return 0;
  const cpu = k.thisCpu;
  const ns = lockAt(line, cpu, ownTime(cpu), holdNs);
  charge(cpu, ns);
  return ns;
}

/** Takes the lock of a CPU's runqueue; `holdNs` as for `takeLock`. @spec 24 §3 */
export function lockRq(rqCpu: number, holdNs: number): number {
  return active ? takeLock(Line.RQ_LOCK + rqCpu, holdNs) : 0;
}
