/**
 * What reading a workload gives, whatever it was read from.
 */
import type { Warning } from './places.ts';
import type { Workload } from './program.ts';

/** Look at the averages of the first `count` tasks of a kind each period, from the workload's time zero. */
export interface Sample {
  /** Name and index of the kind. */
  readonly task: string;
  readonly kind: number;
  readonly count: number;
  readonly periodNs: number;
}

export interface WorkloadReading {
  readonly workload: Workload;
  readonly warnings: readonly Warning[];
  /** Scheduler features to set or clear (`NO_...`) for the run. */
  readonly features: readonly string[];
  /** How often to run it; repetition r has seed `seed0 + r`. */
  readonly repetitions: number;
  readonly seed0: number;
  readonly samples: readonly Sample[];
}
