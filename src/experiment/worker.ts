/** A worker thread: takes plans, simulates them, sends figures back. Spoken to by `pool.ts` alone. */
import { parentPort } from 'node:worker_threads';
import { type LabFigures, LabRepetitionSink, type LabTasks } from '../analysis/lab-repetition.ts';
import { type Place, UserError, type UserErrorCode } from '../base/errors.ts';
import { takeSchedstat } from '../sched/schedstat.ts';
import { type StartState, takeOver } from '../sched/start-state.ts';
import { Ev } from '../trace/events.ts';
import { RECORDINGS } from '../trace/recorder.ts';
import type { Schedstat } from '../trace/schedstat.ts';
import type { TraceSink } from '../trace/sink.ts';
import { tee } from '../trace/tee.ts';
import { LOAD_BEGINS, REPETITION_BEGINS } from './fidelity/guest.ts';
import { discardUnfinished } from './output-file.ts';
import { type RunPlan, type RunResult, simulate } from './simulate.ts';
import { openTraceFile } from './trace-file.ts';

/** To a worker: simulate this; keep its trace if a file is named; make the kernel lab's figures of these tasks. */
export interface Job {
  readonly plan: RunPlan;
  readonly traceFile?: string | null;
  /** With decision records. */
  readonly decisions?: boolean;
  readonly lab?: LabTasks;
  /** With `lab`: events of PELT are recorded too, which may cost time (`cost.pelt_probe`). */
  readonly pelt?: boolean;
  /** With `lab`: what an earlier load has left behind when this one begins. */
  readonly start?: StartState | null;
}

export interface JobResult extends RunResult {
  /** The kernel lab's figures; null: not asked for, or the run has not the marks that begin and end them. */
  readonly lab: LabFigures | null;
  /** /proc/schedstat when the load began, where it is marked. */
  readonly schedstatBefore: Schedstat | null;
}

/** From a worker: how far it is, what came out, or what went wrong. */
export type Answer =
  | { readonly kind: 'progress'; readonly nowNs: number }
  | { readonly kind: 'result'; readonly result: JobResult }
  | {
      readonly kind: 'refused';
      readonly code: UserErrorCode;
      readonly what: string;
      readonly place: Place;
      readonly hint: string;
      /** Of the error behind it, for policy files; else empty. */
      readonly stack: string;
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
      const stack = error.cause instanceof Error ? (error.cause.stack ?? '') : '';
      return { kind: 'refused', code, what, place, hint, stack };
    }
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    return { kind: 'failed', message, stack: stack ?? '' };
  }
}

function perform(
  { plan, traceFile, decisions = false, lab, pelt, start }: Job,
  report: (progress: Answer) => void,
): JobResult {
  let reported = performance.now();
  const onProgress = (nowNs: number) => {
    if (performance.now() - reported < REPORT_MS) return;
    reported = performance.now();
    report({ kind: 'progress', nowNs });
  };
  const trace = traceFile == null ? null : openTraceFile(traceFile);
  const labSink = lab === undefined ? null : new LabRepetitionSink(lab);
  const sinks: TraceSink[] = [];
  if (trace !== null) sinks.push(trace.sink);
  let schedstatBefore: Schedstat | null = null;
  if (labSink !== null) {
    sinks.push(
      labSink,
      atMark(LOAD_BEGINS, () => {
        schedstatBefore = takeSchedstat();
      }),
      atMark(REPETITION_BEGINS, () => {
        if (start != null) takeOver(start);
      }),
    );
  }
  const result = simulate(plan, {
    onProgress,
    decisions,
    schedstat: labSink !== null,
    ...(sinks.length === 0 ? {} : { sink: tee(...sinks) }),
    ...(pelt === true ? { record: [...RECORDINGS.full, Ev.PELT_SE, Ev.PELT_CFS, Ev.PELT_BLOCKED] } : {}),
  });
  trace?.file.commit();
  return { ...result, lab: labSink?.figures() ?? null, schedstatBefore };
}

/** Calls when the mark is made. */
function atMark(mark: string, action: () => void): TraceSink {
  let strings: readonly string[] = [];
  return {
    begin: (tables) => {
      strings = tables.strings;
    },
    event: (kind, _timeNs, _cpu, _task, args) => {
      if (kind === Ev.PRINT && strings[args[0]!] === mark) action();
    },
  };
}
