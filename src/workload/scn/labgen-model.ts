/**
 * What a spec of the kernel lab's load generator says, in its own terms (microseconds).
 */
import type { Place } from '../../base/errors.ts';

export type LabgenAction =
  | { readonly op: 'hog' | 'yield' | 'exit' }
  /** Uniform in a..b; both the same: no random number is drawn. */
  | { readonly op: 'run' | 'sleep'; readonly a: number; readonly b: number }
  | { readonly op: 'period'; readonly us: number }
  | { readonly op: 'wake' | 'wait'; readonly pipe: string; readonly place: Place }
  | { readonly op: 'fork'; readonly task: string; readonly count: number; readonly place: Place }
  /** null: a list that the kernel refuses, which changes nothing. */
  | { readonly op: 'cpus'; readonly cpus: readonly number[] | null }
  | { readonly op: 'nice'; readonly nice: number }
  /** Times, 0: for ever. */
  | { readonly op: 'loop'; readonly count: number }
  | { readonly op: 'end' };

export interface LabgenTask {
  readonly name: string;
  readonly place: Place;
  readonly n: number;
  readonly nice: number;
  readonly policy: 'other' | 'batch' | 'idle' | 'fifo' | 'rr';
  readonly priority: number;
  readonly cpus: readonly number[] | null;
  readonly atUs: number;
  readonly stepUs: number;
  readonly jitterUs: number;
  /** Folder below the root of the control groups, or empty. */
  readonly cgroup: string;
  /** Started at the beginning; else only by another task's fork action. */
  readonly born: boolean;
  readonly actions: readonly LabgenAction[];
}

export interface LabgenCtl {
  readonly us: number;
  readonly place: Place;
  readonly what:
    | { readonly op: 'cpus'; readonly task: string; readonly cpus: readonly number[] | null; readonly list: string }
    | { readonly op: 'nice'; readonly task: string; readonly nice: number }
    | { readonly op: 'mark'; readonly text: string };
}

export interface LabgenSample {
  readonly task: string;
  readonly count: number;
  readonly periodUs: number;
  readonly place: Place;
}

export interface LabgenSpec {
  readonly durationUs: number;
  readonly seed: number | undefined;
  readonly tasks: readonly LabgenTask[];
  readonly ctls: readonly LabgenCtl[];
  readonly sample: LabgenSample | undefined;
}
