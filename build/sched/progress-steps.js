/** Steps within instructions. @see program-step.ts */
import * as progress from "./progress.js";
/** Parts of an instruction. `COMPUTE` becomes `COMPUTED` when its work is done. */
export const Phase = { START: 0, COMPUTE: 1, COMPUTED: 2, ASLEEP: 3 };
/** On to the next instruction. */
export function nextInstruction(task) {
    progress.pc[task] += 1;
    progress.phase[task] = Phase.START;
    return true;
}
/** The instruction needs `work` ns of computing. */
export function beginWork(task, work) {
    progress.work[task] = work;
    progress.wallClock[task] = 0;
    progress.phase[task] = work > 0 ? Phase.COMPUTE : Phase.COMPUTED;
    return true;
}
