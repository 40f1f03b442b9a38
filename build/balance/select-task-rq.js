/** Placement of CFS tasks: select_task_rq_fair(). @spec 05 §3 */
import { SD } from "../sched/domains.js";
import { Wake } from "../sched/hooks.js";
import { k } from "../sched/kernel.js";
import { allowed } from "../sched/predicates.js";
import * as rq from "../sched/rq.js";
import * as tasks from "../sched/tasks.js";
import { State } from "../sched/tasks.js";
import { recordWakee, wakeAffine, wakeWide } from "./wake-affine.js";
export function selectTaskRqFair(idle, idlest, task, prev, flags, cpu) {
    const { sd } = k;
    const waker = rq.curr[cpu];
    const sync = (flags & Wake.SYNC) !== 0 && tasks.state[waker] !== State.DEAD;
    const sdFlag = flags & 15;
    let chosen = prev;
    let wantAffine = false;
    if ((flags & Wake.TTWU) !== 0) {
        recordWakee(waker, task);
        wantAffine = !wakeWide(waker, task, cpu) && allowed(task, cpu);
    }
    let slow = -1;
    for (let d = sd.lowest[cpu]; d >= 0; d = sd.parent[d]) {
        if (wantAffine && (sd.flags[d] & SD.WAKE_AFFINE) !== 0 && sd.spans(d, prev)) {
            if (cpu !== prev)
                chosen = wakeAffine(d, task, cpu, prev, sync);
            slow = -1;
            break;
        }
        if ((sd.flags[d] & sdFlag) !== 0)
            slow = d;
        else if (!wantAffine)
            break;
    }
    if (slow >= 0)
        return idlest.findIdlestCpu(slow, task, cpu, prev, sdFlag);
    if ((flags & Wake.TTWU) !== 0)
        return idle.selectIdleSibling(task, prev, chosen);
    return chosen;
}
