/**
 * Stretches of user code. The current task of a CPU works at the CPU's speed until its work is done or the kernel needs
 * the CPU; one event marks the end, and is only moved when something really takes time away. @spec 25 §11.6 (run)
 */

import type { Emulator } from './emulator.ts';
import { k } from './kernel.ts';
import * as loop from './loop.ts';

/** Work without end: a hog. */
export const ENDLESS = Number.POSITIVE_INFINITY;

/** The current task starts `work` ns of work (at 1024 per `speed`). */
export function startSegment(cpu: number, work: number, speed: number): void {
  loop.segmentActive[cpu] = 1;
  loop.segmentSpins[cpu] = 1;
  loop.segmentStart[cpu] = k.now;
  loop.segmentWork[cpu] = work;
  loop.segmentSpeed[cpu] = speed;
  if (work !== ENDLESS)
    k.queue.schedule(k.slotRun + cpu, k.now + (speed === 1024 ? work : Math.ceil((work * 1024) / speed)));
}

/** As `startSegment`, for instructions of an emulated CPU. */
export function startCode(emulator: Emulator, cpu: number, work: number): void {
  loop.segmentActive[cpu] = 1;
  loop.segmentSpins[cpu] = 0;
  emulator.work(cpu, work);
}

/** The CPU is taken away from user code; returns the work that is left. */
export function pauseSegment(cpu: number): number {
  loop.segmentActive[cpu] = 0;
  if (k.emulator !== null && loop.segmentSpins[cpu] === 0) return k.emulator.stop(cpu);
  const work = loop.segmentWork[cpu]!;
  if (work === ENDLESS) return ENDLESS;
  k.queue.cancel(k.slotRun + cpu);
  const elapsed = k.now - loop.segmentStart[cpu]!;
  const speed = loop.segmentSpeed[cpu]!;
  return Math.max(0, work - (speed === 1024 ? elapsed : Math.floor((elapsed * speed) / 1024)));
}
