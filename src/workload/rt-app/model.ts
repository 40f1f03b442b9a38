/**
 * What an rt-app file says, in its own terms and units (microseconds), before it is made into a workload. @spec 25 §11
 *
 * `at` fields are offsets into the text, for messages.
 */

export type RtAppPolicy = 'SCHED_OTHER' | 'SCHED_BATCH' | 'SCHED_IDLE' | 'SCHED_RR' | 'SCHED_FIFO' | 'SCHED_DEADLINE';

export const RT_APP_POLICIES: readonly RtAppPolicy[] = [
  'SCHED_OTHER',
  'SCHED_BATCH',
  'SCHED_IDLE',
  'SCHED_RR',
  'SCHED_FIFO',
  'SCHED_DEADLINE',
];

/** @spec 25 §11.3; what only concerns rt-app's own log files and buffers is checked when read and not kept. */
export interface RtAppGlobal {
  /** Seconds; -1: until all tasks have ended. */
  readonly durationS: number;
  /** ns of one loop of `run`, or the CPU that `run` was calibrated on. */
  readonly calibration: { readonly nsPerLoop: number } | { readonly cpu: number };
  readonly calibrationAt: number;
  readonly defaultPolicy: RtAppPolicy;
  readonly priorityInheritance: boolean;
  /** Categories of trace markers. */
  readonly ftrace: readonly string[];
  readonly ioDevice: string;
  readonly memBufferSize: number;
}

/** The scheduling keys of a task or phase; present only if one of them is. @spec 25 §11.5 */
export interface RtAppSched {
  readonly policy?: RtAppPolicy;
  readonly priority?: number;
  readonly dlRuntimeUs?: number;
  readonly dlPeriodUs?: number;
  readonly dlDeadlineUs?: number;
}

/** What both tasks and phases may say. @spec 25 §11.5 */
export interface RtAppProperties {
  readonly sched?: RtAppSched;
  readonly cpus?: readonly number[];
  readonly membind?: readonly number[];
  readonly utilMin?: number;
  readonly utilMax?: number;
  readonly taskgroup?: string;
}

export type MemrunType = 'read' | 'write' | 'chase';

/** @spec 25 §11.6 */
export type RtAppEventBody =
  | { readonly type: 'run' | 'runtime' | 'sleep'; readonly us: number }
  | {
      readonly type: 'timer';
      readonly ref: string;
      readonly periodUs: number;
      readonly mode: 'relative' | 'absolute';
    }
  | { readonly type: 'lock' | 'unlock'; readonly mutex: string }
  | { readonly type: 'wait' | 'sync'; readonly condition: string; readonly mutex: string }
  | { readonly type: 'signal' | 'broad'; readonly condition: string }
  | { readonly type: 'barrier'; readonly barrier: string }
  /** Without a name: the task's own. */
  | { readonly type: 'suspend'; readonly name?: string }
  | { readonly type: 'resume'; readonly name: string }
  | { readonly type: 'sem_post' | 'sem_wait'; readonly semaphore: string }
  | { readonly type: 'mem' | 'iorun'; readonly bytes: number }
  | {
      readonly type: 'memrun';
      readonly access: MemrunType;
      readonly size: number;
      readonly count: number;
      readonly stride: number;
      readonly pattern: 'random' | 'sequential';
      readonly ref: string;
    }
  | { readonly type: 'yield' }
  | { readonly type: 'fork'; readonly task: string };

export type RtAppEvent = RtAppEventBody & { readonly at: number };

export interface RtAppPhase extends RtAppProperties {
  readonly name: string;
  readonly at: number;
  /** Passes through the phase before the next one; -1: for ever. */
  readonly loop: number;
  readonly events: readonly RtAppEvent[];
}

export interface RtAppTask extends RtAppProperties {
  readonly name: string;
  readonly at: number;
  /** Threads started at the beginning; 0: a template, for `fork` alone. */
  readonly instance: number;
  readonly delayUs: number;
  /** Passes through all phases; -1: for ever. What a file leaves out has been decided. @spec 25 §11.4 */
  readonly loop: number;
  readonly phases: readonly RtAppPhase[];
}

export interface RtAppModel {
  readonly global: RtAppGlobal;
  readonly tasks: readonly RtAppTask[];
}

/** How to take a file. */
export interface RtAppOptions {
  readonly name: string;
  readonly nrCpus: number;
  /** Capacity of each CPU, 1024 the greatest; absent: all 1024. For calibrations that name a CPU. */
  readonly capacities?: readonly number[] | undefined;
  /** `value`: suspend on the name given; `own_name`: always on the task's own, as newer rt-app does. @spec 25 §11.6 */
  readonly suspend?: 'value' | 'own_name' | undefined;
}
