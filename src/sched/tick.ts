/** The tick: on, off, and what it does. When it comes is in `tick-cursor.ts`. @spec 01 §2 */
import { updateRqClock } from './clock.ts';
import { taskTickFair } from './fair.ts';
import type { Kernel } from './kernel.ts';
import { taskTickRt } from './rt.ts';
import { Class } from './tables.ts';

/** Switches a CPU's tick on. */
export function startTick(k: Kernel, cpu: number): void {
  const word = cpu >>> 5;
  const bit = 1 << (cpu & 31);
  if ((k.loop.tickOn[word]! & bit) !== 0) return;
  k.loop.tickOn[word]! |= bit;
  k.loop.tickOnSince[cpu] = k.now;
  k.ticks.changed(k.now);
}

export function stopTick(k: Kernel, cpu: number): void {
  k.loop.tickOn[cpu >>> 5]! &= ~(1 << (cpu & 31));
  k.ticks.changed(k.now);
}

/** The tick interrupt of a CPU. @spec 01 §2 */
export function schedulerTick(k: Kernel, cpu: number): void {
  const { rq, loop } = k;
  const curr = rq.curr[cpu]!;
  updateRqClock(k, cpu);
  switch (k.task.schedClass[curr]) {
    case Class.FAIR:
      taskTickFair(k, cpu, curr);
      break;
    case Class.RT:
    case Class.DL:
      taskTickRt(k, cpu, curr);
      break;
    case Class.IDLE:
      loop.gotIdleTick[cpu] = 1;
      break;
    default:
      break;
  }
  rq.idleBalance[cpu] = k.idleCpu(cpu) ? 1 : 0;
  k.hooks.triggerLoadBalance(k, cpu);
}
