/** A worker thread: takes plans, simulates them, sends figures back. Spoken to by `pool.ts` alone. */
import { parentPort } from 'node:worker_threads';
import { type Place, UserError, type UserErrorCode } from '../base/errors.ts';
import { discardUnfinished } from './output-file.ts';
import { type RunPlan, type RunResult, simulate } from './simulate.ts';
import { openTraceFile } from './trace-file.ts';

/** To a worker: simulate this, and keep its trace if a file is named. */
export interface Job {
  readonly plan: RunPlan;
  readonly traceFile: string | null;
}

/** From a worker: how far it is, what came out, or what went wrong. */
export type Answer =
  | { readonly kind: 'progress'; readonly nowNs: number }
  | { readonly kind: 'result'; readonly result: RunResult }
  | {
      readonly kind: 'refused';
      readonly code: UserErrorCode;
      readonly what: string;
      readonly place: Place;
      readonly hint: string;
    }
  | { readonly kind: 'failed'; readonly message: string; readonly stack: string };

/** Time between two reports of progress, ms. */
const REPORT_MS = 100;

const port = parentPort;
port?.on('message', (job: Job) => port.postMessage(answer(job, (progress) => port.postMessage(progress))));

function answer(job: Job, report: (progress: Answer) => void): Answer {
  try {
    return { kind: 'result', result: perform(job, report) };
  } catch (error) {
    discardUnfinished();
    if (error instanceof UserError) {
      const { code, what, place, hint } = error;
      return { kind: 'refused', code, what, place, hint };
    }
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    return { kind: 'failed', message, stack: stack ?? '' };
  }
}

function perform({ plan, traceFile }: Job, report: (progress: Answer) => void): RunResult {
  let reported = performance.now();
  const onProgress = (nowNs: number) => {
    if (performance.now() - reported < REPORT_MS) return;
    reported = performance.now();
    report({ kind: 'progress', nowNs });
  };
  if (traceFile === null) return simulate(plan, { onProgress });
  const { file, sink, record } = openTraceFile(traceFile);
  const result = simulate(plan, { onProgress, sink, record });
  file.commit();
  return result;
}
