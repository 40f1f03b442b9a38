/** Placement of CFS tasks: select_task_rq_fair(). @spec 05 §3 */
import { fact, forget, lookedAt } from '../sched/decide.ts';
import { SD } from '../sched/domains.ts';
import { Wake } from '../sched/hooks.ts';
import { k } from '../sched/kernel.ts';
import { allowed } from '../sched/predicates.ts';
import * as rq from '../sched/rq.ts';
import * as tasks from '../sched/tasks.ts';
import { State } from '../sched/tasks.ts';
import type { EnergyPlacement } from './energy.ts';
import { because, decidePlacement } from './explain-placement.ts';
import type { IdlestSearch } from './find-idlest.ts';
import type { IdleSearch } from './select-idle-sibling.ts';
import { recordWakee, wakeAffine, wakeWide } from './wake-affine.ts';

export function selectTaskRqFair(
  idle: IdleSearch,
  idlest: IdlestSearch,
  task: number,
  prev: number,
  flags: number,
  cpu: number,
  energy: EnergyPlacement | null = null,
): number {
  if (k.deciding) forget();
  const chosen = select(idle, idlest, task, prev, flags, cpu, energy);
  if (k.deciding) decidePlacement(task, prev, chosen, flags);
  return chosen;
}

function select(
  idle: IdleSearch,
  idlest: IdlestSearch,
  task: number,
  prev: number,
  flags: number,
  cpu: number,
  energy: EnergyPlacement | null,
): number {
  const { sd } = k;
  const waker = rq.curr[cpu]!;
  const sync = (flags & Wake.SYNC) !== 0 && tasks.state[waker] !== State.DEAD;
  const sdFlag = flags & 15;
  let chosen = prev;
  let wantAffine = false;
  if ((flags & Wake.TTWU) !== 0) {
    recordWakee(waker, task);
    if (energy !== null) {
      const efficient = energy.place(task, prev);
      if (efficient >= 0) return because(efficient, 'find_energy_efficient_cpu: the least energy more, prev if equal');
      if (k.deciding && k.overutilized) fact('overutilized', 1);
    }
    wantAffine = !wakeWide(waker, task, cpu) && allowed(task, cpu);
    if (k.deciding && !wantAffine)
      lookedAt(allowed(task, cpu) ? 'not affine: wake_wide' : 'not affine: not allowed', [cpu]);
  }
  let slow = -1;
  for (let d = sd.lowest[cpu]!; d >= 0; d = sd.parent[d]!) {
    if (wantAffine && (sd.flags[d]! & SD.WAKE_AFFINE) !== 0 && sd.spans(d, prev)) {
      if (cpu !== prev) chosen = wakeAffine(d, task, cpu, prev, sync);
      slow = -1;
      break;
    }
    if ((sd.flags[d]! & sdFlag) !== 0) slow = d;
    else if (!wantAffine) break;
  }
  if (slow >= 0) return idlest.findIdlestCpu(slow, task, cpu, prev, sdFlag);
  if ((flags & Wake.TTWU) !== 0) return idle.selectIdleSibling(task, prev, chosen);
  return because(chosen, 'no domain balances such placements: it stays');
}
