/**
 * Short names for writing programs: `[...loop(10, run(fixed(1000)), sleep(fixed(500)))]`.
 */
import type { Duration, Instruction, Ref } from './program.ts';

export function run(work: Duration): Instruction {
  return { op: 'run', work };
}

export function sleep(time: Duration): Instruction {
  return { op: 'sleep', time, state: 'S' };
}

/** Sleep as a task does that waits for a disk. */
export function ioSleep(time: Duration): Instruction {
  return { op: 'sleep', time, state: 'D', io: true };
}

/** Wake as writing to a pipe or socket does: the waker is taken to be about to sleep. */
export function wakeSync(semaphore: Ref, count = 1): Instruction {
  return { op: 'wake', semaphore, count, sync: true };
}

/** Wake as a futex does. */
export function wake(semaphore: Ref, count = 1): Instruction {
  return { op: 'wake', semaphore, count, sync: false };
}

export function wait(semaphore: Ref): Instruction {
  return { op: 'wait', semaphore };
}

export function fork(kind: number, count: number): Instruction {
  return { op: 'fork', kind, count };
}

export const waitChildren: Instruction = { op: 'waitChildren' };

/** A request begins: its clock runs from the wakeup that brought it. */
export const unitBegin: Instruction = { op: 'unitBegin', sinceWake: true };

/** A request begins now. */
export const unitBeginNow: Instruction = { op: 'unitBegin' };

/** A request is done, and its latency known. */
export const unitDone: Instruction = { op: 'unitDone', units: 1, timed: true };

/** The body `count` times, 0: for ever. */
export function loop(count: number, ...body: readonly Instruction[]): Instruction[] {
  return count === 1 ? [...body] : [{ op: 'loop', count }, ...body, { op: 'end' }];
}
