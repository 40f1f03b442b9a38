/** Works waiting for the stopper threads. @spec 08 §5 */

export interface Work {
  readonly kind: number;
  /** Task to move (MIGRATE), and where to. */
  readonly task: number;
  readonly cpu: number;
  /** Cause shown in the trace. */
  readonly cause: number;
  /** Task that waits for the work to be done, or -1. */
  readonly waiter: number;
}

/** Works queued on each CPU's stopper, first to be done first. */
export class Stoppers {
  readonly queues: Work[][];

  constructor(nrCpus: number) {
    this.queues = Array.from({ length: nrCpus }, () => []);
  }
}
