/**
 * Threads of a core share it: while so many are busy, each works at a part of the core's speed. @spec 24 §5
 *
 * Of two busy threads each gets the profile's share of a whole core (0.6-0.65), of n busy ones each the n-th part of twice
 * that. A thread is busy when its current task is not the idle task. Kernel work is not slowed: its costs wait for
 * cache lines, and were measured on machines whose threads were busy.
 */
import { k } from './kernel.ts';
import * as loop from './loop.ts';
import { saveWork } from './programs.ts';
import * as progress from './progress.ts';
import * as rq from './rq.ts';
import { pauseSegment } from './segment.ts';

/** The CPU has become busy, or idle; `resume` starts the segment of a task that has been stopped for the change. */
export function shareCore(cpu: number, resume: (cpu: number, task: number) => void): void {
  const siblings = k.siblings[cpu]!;
  let busy = 0;
  for (const sibling of siblings) if (rq.curr[sibling] !== sibling) busy++;
  const share = busy < 2 ? 1024 : Math.floor((2 * k.costs.smtShare) / busy);
  for (const sibling of siblings) {
    if (loop.coreShare[sibling] === share) continue;
    loop.coreShare[sibling] = share;
    const task = rq.curr[sibling]!;
    const computes =
      loop.segmentActive[sibling] !== 0 && progress.wallClock[task] === 0 && progress.refillNs[task] === 0;
    if (computes) saveWork(task, pauseSegment(sibling));
    loop.speed[sibling] = Math.floor((k.topology.capacity[sibling]! * share) / 1024);
    if (computes) resume(sibling, task);
  }
}
