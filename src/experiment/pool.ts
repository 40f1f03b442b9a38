/**
 * Runs spread over worker threads. Which worker a run lands on, and when it ends, changes nothing of what comes out: results
 * are in the order of the jobs.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { UserError } from '../base/errors.ts';
import type { Answer, Job, JobResult } from './worker.ts';

export interface PoolOptions {
  /** Worker threads; default: as many as the machine runs at once. */
  readonly threads?: number;
  /** Called with the simulated time of all jobs so far, ns, and the number of jobs done. */
  readonly onProgress?: (simulatedNs: number, done: number) => void;
}

/** Beside this module in the built package. */
const WORKER = new URL('./worker.js', import.meta.url);

/** Performs the jobs. Rejects with the error of the first job, in their order, that has one known when it is noticed. */
export async function runJobs(jobs: readonly Job[], options: PoolOptions = {}): Promise<JobResult[]> {
  const threads = Math.max(1, Math.min(options.threads ?? availableParallelism(), jobs.length));
  const results: JobResult[] = new Array(jobs.length);
  const simulated = new Float64Array(jobs.length);
  let next = 0;
  let done = 0;
  const report = () =>
    options.onProgress?.(
      simulated.reduce((a, b) => a + b, 0),
      done,
    );
  const workers = Array.from({ length: threads }, () => new Worker(WORKER, { execArgv: [] }));

  const serve = (worker: Worker): Promise<void> =>
    new Promise((resolve, reject) => {
      let current = -1;
      const take = () => {
        if (next === jobs.length) return resolve();
        current = next++;
        worker.postMessage(jobs[current]);
      };
      worker.on('error', reject);
      worker.on('exit', () => reject(new Error('a worker thread ended before its work was done')));
      worker.on('message', (answer: Answer) => {
        if (answer.kind === 'refused') return reject(refusal(answer));
        if (answer.kind === 'failed') return reject(Object.assign(new Error(answer.message), { stack: answer.stack }));
        if (answer.kind === 'progress') simulated[current] = answer.nowNs;
        else {
          results[current] = answer.result;
          simulated[current] = answer.result.simulatedNs;
          done++;
          take();
        }
        report();
      });
      take();
    });

  try {
    await Promise.all(workers.map(serve));
    return results;
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

function refusal({ code, what, place, hint, stack }: Extract<Answer, { kind: 'refused' }>): UserError {
  const cause = stack === '' ? undefined : Object.assign(new Error(), { stack });
  return new UserError(code, what, place, hint, { cause });
}
