/** /proc/PID/sched of a simulated task, from the tables of the scheduler. @spec 09 §2 */
import type { ProcSched, ProcSchedLine } from '../trace/proc-sched.ts';
import * as avg from './averages.ts';
import { AVG_SE, LAST_UPDATE, LOAD_SUM, RUNNABLE_SUM, SUM_ROW, UTIL_SUM } from './averages.ts';
import * as se from './entity.ts';
import { k } from './kernel.ts';
import { tracePrio } from './predicates.ts';
import { sameAddressSpace } from './programs.ts';
import * as tasks from './tasks.ts';

const ns = (label: string, value: number): ProcSchedLine => ({ label, value, unit: 'ns' });
const plain = (label: string, value: number): ProcSchedLine => ({ label, value, unit: 'plain' });

/**
 * A living task as its file would be read at this moment. Left out is what the simulation does not keep: sleeping and
 * waiting times, kinds of wakeups, the cost of reading the clock, and pages of memory.
 */
export function takeProcSched(task: number, comm: string): ProcSched {
  const a = AVG_SE + task;
  const sum = (column: number) => avg.sums[a * SUM_ROW + column]!;
  const voluntary = tasks.nrVoluntary[task]!;
  const involuntary = tasks.nrInvoluntary[task]!;
  const lines = [
    ns('se.exec_start', se.execStart[task]!),
    ns('se.vruntime', se.vruntime[task]!),
    ns('se.sum_exec_runtime', se.sumExec[task]!),
    plain('se.nr_migrations', tasks.nrMigrations[task]!),
    ...(k.config.environment.schedstats ? statistics(task) : []),
    plain('nr_switches', voluntary + involuntary),
    plain('nr_voluntary_switches', voluntary),
    plain('nr_involuntary_switches', involuntary),
    plain('se.load.weight', se.weight[task]!),
    plain('se.avg.load_sum', sum(LOAD_SUM)),
    plain('se.avg.runnable_sum', sum(RUNNABLE_SUM)),
    plain('se.avg.util_sum', sum(UTIL_SUM)),
    plain('se.avg.load_avg', avg.loadAvg[a]!),
    plain('se.avg.runnable_avg', avg.runnableAvg[a]!),
    plain('se.avg.util_avg', avg.utilAvg[a]!),
    plain('se.avg.last_update_time', sum(LAST_UPDATE)),
    plain('se.avg.util_est.ewma', se.utilEstEwma[task]!),
    plain('se.avg.util_est.enqueued', se.utilEstEnqueued[task]!),
    plain('policy', tasks.policy[task]!),
    plain('prio', tracePrio(task)),
    plain('numa_preferred_nid', tasks.numaPreferred[task]!),
  ];
  return { comm, pid: k.recorder.tables.tasks[tasks.traceId[task]!]!.pid, threads: threadsOf(task), lines };
}

/** Lines that need schedstats. The kernel itself never counts three of them. */
function statistics(task: number): ProcSchedLine[] {
  const each = (n: number) => (n === 0 ? -1 : Math.trunc(se.sumExec[task]! / n));
  return [
    plain('nr_migrations_cold', 0),
    plain('nr_failed_migrations_affine', tasks.nrFailedAffine[task]!),
    plain('nr_failed_migrations_running', tasks.nrFailedRunning[task]!),
    plain('nr_failed_migrations_hot', tasks.nrFailedHot[task]!),
    plain('nr_forced_migrations', tasks.nrForced[task]!),
    plain('nr_wakeups_passive', 0),
    plain('nr_wakeups_idle', 0),
    ns('avg_atom', each(tasks.nrVoluntary[task]! + tasks.nrInvoluntary[task]!)),
    ns('avg_per_cpu', each(tasks.nrMigrations[task]!)),
  ];
}

/** Living tasks of its process. */
function threadsOf(task: number): number {
  let n = 0;
  for (let other = k.nrCpus; other < k.nrTasks; other++) {
    if (tasks.alive[other] !== 0 && (other === task || sameAddressSpace(task, other))) n++;
  }
  return n;
}
