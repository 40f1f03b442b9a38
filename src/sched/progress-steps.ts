/** Steps within instructions. @see program-step.ts */
import * as progress from './progress.ts';

/** Parts of an instruction. `COMPUTE` becomes `COMPUTED` when its work is done. */
export const Phase = { START: 0, COMPUTE: 1, COMPUTED: 2, ASLEEP: 3 } as const;

/** On to the next instruction. */
export function nextInstruction(task: number): true {
  progress.pc[task]! += 1;
  progress.phase[task] = Phase.START;
  return true;
}

/** The instruction needs `work` ns of computing. */
export function beginWork(task: number, work: number): true {
  progress.work[task] = work;
  progress.wallClock[task] = 0;
  progress.counted[task] = 0;
  progress.phase[task] = work > 0 ? Phase.COMPUTE : Phase.COMPUTED;
  return true;
}

/** As `beginWork`, for the kernel's work in a call: so many instructions, of `work` ns. */
export function beginCall(task: number, work: number): true {
  beginWork(task, work);
  progress.counted[task] = 1;
  return true;
}
