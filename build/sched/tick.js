/** The tick: on, off, and what it does. When it comes is in `tick-cursor.ts`. @spec 01 §2 */
import { updateRqClock } from "./clock.js";
import { taskTickFair } from "./fair.js";
import { k } from "./kernel.js";
import * as loop from "./loop.js";
import { idleCpu } from "./predicates.js";
import * as rq from "./rq.js";
import { taskTickRt } from "./rt.js";
import * as tasks from "./tasks.js";
import { Class } from "./tasks.js";
/** Switches a CPU's tick on. */
export function startTick(cpu) {
    const word = cpu >>> 5;
    const bit = 1 << (cpu & 31);
    if ((loop.tickOn[word] & bit) !== 0)
        return;
    loop.tickOn[word] |= bit;
    loop.tickOnSince[cpu] = k.now;
    k.ticks.changed(k.now);
}
export function stopTick(cpu) {
    loop.tickOn[cpu >>> 5] &= ~(1 << (cpu & 31));
    k.ticks.changed(k.now);
}
/** The tick interrupt of a CPU. @spec 01 §2 */
export function schedulerTick(cpu) {
    const curr = rq.curr[cpu];
    updateRqClock(cpu);
    switch (tasks.schedClass[curr]) {
        case Class.FAIR:
            taskTickFair(cpu, curr);
            break;
        case Class.RT:
        case Class.DL:
            taskTickRt(cpu, curr);
            break;
        case Class.IDLE:
            loop.gotIdleTick[cpu] = 1;
            break;
        default:
            break;
    }
    rq.idleBalance[cpu] = idleCpu(cpu) ? 1 : 0;
    k.hooks.triggerLoadBalance(cpu);
}
