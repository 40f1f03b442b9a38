/**
 * Where the scheduler asks the balancing policy. The policies themselves are in `src/balance`; this is what they have to
 * answer. All calls are made with the simulated kernel in a consistent state.
 *
 * Work that takes simulated time is done in steps: `...Step` returns whether it is finished, having charged the CPU for
 * what it did so far; the CPU loop lets that time pass and calls again.
 */

/** Result of a step that charged time and wants to be called again. */
export const UNFINISHED = -1000;

/** Wake flags. @spec 05 §1 */
export const Wake = { EXEC: 2, FORK: 4, TTWU: 8, SYNC: 16, MIGRATED: 32 } as const;

/** What a stopper thread is asked to do. @spec 08 §5 */
export const StopWork = { MIGRATE: 0, ACTIVE_BALANCE: 1, PUSH: 2 } as const;

/**
 * What a policy wants to be told besides the decisions every policy makes. What nobody watches costs one test of a bit.
 */
export const Watch = {
  /** `fairCountChanged` */
  FAIR_COUNT: 1,
  /** `taskQueued`, `taskDequeued` */
  QUEUE: 2,
  /** `taskPut`, `taskSet` */
  RUN: 4,
  /** `idleEntered`, `idleLeft` */
  IDLE: 8,
  /** Of the scheduler's own: the fair server wants to know of counts and switches. */
  SERVER: 16,
} as const;

export type Counter = readonly [figure: string, value: number];

export interface BalanceHooks {
  /** What its mechanisms have counted so far, by the names of figures (`figure-catalogue.ts`). */
  counters(): readonly Counter[];
  /** What is wrong with the books of its mechanisms, or null; for tests. */
  checkBooks(): string | null;
  /** Bits of `Watch`. */
  readonly watches: number;
  /** The kernel's tables are ready for a machine; nothing has run yet. */
  started(): void;
  /** Placement of a CFS task; `cpu` executes. @spec 05 §3 */
  selectTaskRqFair(task: number, prev: number, flags: number, cpu: number): number;
  /** Begins newidle balance on the CPU; false: nothing to do and `newidleStep` is not called. @spec 07 §2 */
  newidleBegin(cpu: number): boolean;
  /** Goes on with it: UNFINISHED, or > 0 a task is here, 0 nothing, < 0 pick again from the highest class. */
  newidleStep(cpu: number): number;
  /** The end of each tick. @spec 06 §2.1 */
  triggerLoadBalance(cpu: number): void;
  /** The SCHED softirq: 0 when finished, else UNFINISHED. `first` on the first call. @spec 06 §2.2 */
  softirqStep(cpu: number, first: boolean): number;
  /** The first action of each idle iteration: 0 or UNFINISHED. @spec 07 §5 */
  idleIterationStep(cpu: number): number;
  /** The tick of an idle CPU has just been stopped. @spec 07 §3.1 */
  tickStopped(cpu: number): void;
  /** A function call arrives, such as a nohz kick. @spec 07 §4.2 */
  nohzCall(cpu: number): void;
  /** The stopper of the CPU performs an active balance. @spec 06 §11 */
  activeBalanceStop(cpu: number): void;
  /** The stopper of the CPU is to move a waiting task. @spec 21 §5 */
  pushStop(cpu: number, task: number, target: number): void;
  /** The idle task has been picked. @spec 05 §4.1 */
  idleTaskPicked(cpu: number): void;
  /** The current CFS task (-1: none) changed or ticked. @spec 07 §6 */
  updateMisfitStatus(task: number, cpu: number): void;
  /** The CPU's root `h_nr_running` went from `before` to `after`. @spec 20 §3 */
  fairCountChanged(cpu: number, before: number, after: number): void;
  /** A CFS task was queued on the CPU, or is not any more; for a task of a throttled group too. */
  taskQueued(cpu: number, task: number): void;
  taskDequeued(cpu: number, task: number): void;
  /** The current CFS task is put back, still queued, for another to run; a CFS task was chosen to run. @spec 21 §2 */
  taskPut(cpu: number, task: number): void;
  taskSet(cpu: number, task: number): void;
  /** The CPU switched to its idle task, or is about to leave it. */
  idleEntered(cpu: number): void;
  idleLeft(cpu: number): void;
  /**
   * The end of a switch of a CPU for which `loop.callback` was set, or `Todo.CALLBACK` was: 0 when finished, else
   * UNFINISHED. Interrupts are off. @spec 21 §2
   */
  balanceCallback(cpu: number): number;
}

/** Never balances and never moves anything. */
export class NullHooks implements BalanceHooks {
  readonly watches: number = 0;
  checkBooks(): string | null {
    return null;
  }
  counters(): readonly Counter[] {
    return [];
  }
  started(): void {}
  selectTaskRqFair(_task: number, prev: number): number {
    return prev;
  }
  newidleBegin(): boolean {
    return false;
  }
  newidleStep(): number {
    return 0;
  }
  triggerLoadBalance(): void {}
  softirqStep(): number {
    return 0;
  }
  idleIterationStep(_cpu: number): number {
    return 0;
  }
  tickStopped(): void {}
  nohzCall(): void {}
  activeBalanceStop(): void {}
  pushStop(): void {}
  idleTaskPicked(): void {}
  updateMisfitStatus(): void {}
  fairCountChanged(): void {}
  taskQueued(): void {}
  taskDequeued(): void {}
  taskPut(): void {}
  taskSet(): void {}
  idleEntered(): void {}
  idleLeft(): void {}
  balanceCallback(_cpu: number): number {
    return 0;
  }
}
