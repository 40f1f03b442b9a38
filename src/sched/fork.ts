/**
 * Tasks come and go: fork, first wakeup, exec, exit. @spec 05 §6-7
 */
import { Ev, MigrateCause } from '../trace/events.ts';
import { activateTask, checkPreemptCurr, setTaskRq } from './activate.ts';
import { updateRqClock } from './clock.ts';
import { setLoadWeight, taskForkFair } from './fair.ts';
import { Wake } from './hooks.ts';
import type { Kernel } from './kernel.ts';
import { postInitEntityUtilAvg } from './load-avg.ts';
import { affinityNumber, policyNumber } from './program-code.ts';
import { TASK_NORMAL } from './programs.ts';
import { recordTask } from './record.ts';
import { stopAndMigrate } from './stopper.ts';
import { Class, State } from './tables.ts';
import { setPolicyFields } from './task-changes.ts';
import { selectTaskRq, tryToWakeUp } from './wakeup.ts';
import { scaleDown } from './weight.ts';

/** pids of workload tasks count from here. */
const FIRST_PID = 1000;

/** Takes a slot and fills in a task of a kind, not yet runnable, on the executing CPU. */
export function createTask(k: Kernel, kind: number, parent: number): number {
  const task = k.allocateTask();
  const { task: t, programs } = k;
  const spec = programs.workload.kinds[kind]!;
  const e = k.entityOf(task);
  t.alive[task] = 1;
  t.state[task] = State.NEW;
  t.onCpu[task] = 0;
  t.onRq[task] = 0;
  t.nice[task] = spec.nice;
  const inherited = parent >= 0 ? t.allowed[parent]! : 0;
  t.allowed[task] = spec.cpus === null ? inherited : affinityNumber(k, spec.cpus);
  t.nrAllowed[task] = k.affinity.weight(t.allowed[task]!);
  t.perCpuKthread[task] = spec.kthread && t.nrAllowed[task] === 1 ? 1 : 0;
  t.group[task] = spec.group >= 0 ? spec.group + 1 : parent >= 0 ? t.group[parent]! : 0;
  t.lastWakee[task] = parent >= 0 ? t.lastWakee[parent]! : -1;
  t.wakeeFlips[task] = parent >= 0 ? t.wakeeFlips[parent]! : 0;
  t.wakeeFlipDecay[task] = parent >= 0 ? t.wakeeFlipDecay[parent]! : k.jiffies;
  t.hot[task] = 0;
  t.numaPreferred[task] = -1;
  clearAccounting(k, task);
  clearEntity(k, e);
  setPolicyFields(k, task, policyNumber(spec.policy), spec.priority);
  setLoadWeight(k, task, false);
  k.avg.loadAvg[k.avgSe + e] = scaleDown(k.se.weight[e]!);
  programs.start(k, task, kind, parent);
  const index = programs.state.index[task]!;
  t.traceId[task] = k.recorder.addTask({
    pid: FIRST_PID + k.nextPid++,
    comm: spec.comm.replace('%d', `${index}`).slice(0, 15),
    kind: spec.name,
    kthread: spec.kthread,
  });
  setTaskRq(k, task, k.thisCpu);
  if (t.schedClass[task] === Class.FAIR) taskForkFair(k, task);
  return task;
}

function clearAccounting(k: Kernel, task: number): void {
  const { task: t } = k;
  t.nrMigrations[task] = 0;
  t.nrFailedAffine[task] = 0;
  t.nrFailedRunning[task] = 0;
  t.nrFailedHot[task] = 0;
  t.nrForced[task] = 0;
  t.nrVoluntary[task] = 0;
  t.nrInvoluntary[task] = 0;
  t.lastQueued[task] = 0;
  t.lastArrival[task] = 0;
  t.runDelay[task] = 0;
}

function clearEntity(k: Kernel, e: number): void {
  const { se, avg } = k;
  se.vruntime[e] = 0;
  se.execStart[e] = 0;
  se.sumExec[e] = 0;
  se.prevSumExec[e] = 0;
  se.onRq[e] = 0;
  se.utilEstEnqueued[e] = 0;
  se.utilEstEwma[e] = 0;
  se.utilEstUnchanged[e] = 0;
  avg.clear(k.avgSe + e);
}

/** One child of the current task. @spec 05 §6 */
export function doFork(k: Kernel, parent: number, kind: number): void {
  const child = createTask(k, kind, parent);
  if (k.tracing) recordTask(k, Ev.SCHED_PROCESS_FORK, k.thisCpu, parent, k.task.traceId[child]!);
  announceAffinity(k, child);
  wakeUpNewTask(k, child);
}

/** The trace says where a task may run from its birth, if that is not everywhere. */
export function announceAffinity(k: Kernel, task: number): void {
  const allowed = k.task.allowed[task]!;
  if (allowed === 0 || k.recorder.on[Ev.AFFINITY] === 0) return;
  if (k.tracing) recordTask(k, Ev.AFFINITY, k.thisCpu, task, k.recorder.mask([...k.affinity.list(allowed)]));
}

/** A new task is placed and queued, always by its parent. */
export function wakeUpNewTask(k: Kernel, task: number): void {
  const { task: t } = k;
  t.state[task] = State.RUNNING;
  t.recentUsedCpu[task] = t.cpu[task]!;
  const cpu = selectTaskRq(k, task, t.cpu[task]!, Wake.FORK);
  setTaskRq(k, task, cpu);
  updateRqClock(k, cpu);
  postInitEntityUtilAvg(k, task);
  activateTask(k, cpu, task, 0);
  if (k.tracing) recordTask(k, Ev.SCHED_WAKEUP_NEW, k.thisCpu, task, cpu, k.tracePrio(task));
  checkPreemptCurr(k, cpu, task, Wake.FORK);
}

/** The current task replaces its program: a chance to go somewhere better. @spec 05 §7 */
export function schedExec(k: Kernel, cpu: number, task: number): void {
  const to = selectTaskRq(k, task, k.task.cpu[task]!, Wake.EXEC);
  if (to !== cpu && k.cpuActive[to] !== 0) stopAndMigrate(k, task, to, MigrateCause.EXEC, -1);
}

/** The current task ends; its slot is free once its CPU has switched away. */
export function doExit(k: Kernel, cpu: number, task: number): void {
  const { programs, task: t } = k;
  if (k.tracing) recordTask(k, Ev.SCHED_PROCESS_EXIT, cpu, task, k.tracePrio(task));
  k.charge(cpu, k.costs.exitNs);
  const s = programs.state;
  programs.alive--;
  const parent = s.parent[task]!;
  if (parent >= 0 && t.alive[parent] !== 0) {
    s.children[parent]! -= 1;
    if (s.waitsForChildren[parent] !== 0 && s.children[parent] === 0) {
      s.waitsForChildren[parent] = 0;
      tryToWakeUp(k, parent, TASK_NORMAL, 0);
    }
  }
  orphan(k, task);
  t.state[task] = State.DEAD;
  k.setNeedResched(cpu);
}

/** Children outlive their parent: nobody waits for them any more. */
function orphan(k: Kernel, parent: number): void {
  const s = k.programs.state;
  if (s.children[parent] === 0) return;
  for (let task = 2 * k.nrCpus; task < k.nrTasks; task++) if (s.parent[task] === parent) s.parent[task] = -1;
}
