/**
 * Random traces that a kernel could have left: a CPU switches away only from what it runs, what is forked does not run yet,
 * times never go back, arguments are of the kinds that `EVENTS` says and refer to what the tables have.
 */
import fc from 'fast-check';
import { buildTopology, type Topology } from '../../src/machine/topology.ts';
import { type ArgType, EVENTS, MAX_EVENT_ARGS } from '../../src/trace/event-specs.ts';
import { Ev, type EventKind, IDLE_TASK, isDecisionKind } from '../../src/trace/events.ts';
import type { TraceSink, TraceTables, TraceTask } from '../../src/trace/sink.ts';
import { truncateUtf8 } from '../../src/trace/utf8.ts';

export function flatMachine(nrCpus: number): Topology {
  return buildTopology({ name: `smp${nrCpus}`, cpus: Array.from({ length: nrCpus }, () => ({ llc: 0 })) });
}

export interface PlainEvent {
  readonly kind: EventKind;
  readonly timeNs: number;
  readonly cpu: number;
  readonly task: number;
  readonly args: readonly number[];
}

export interface PlainTrace {
  readonly tables: TraceTables;
  readonly startNs: number;
  readonly endNs: number;
  readonly events: readonly PlainEvent[];
}

/** A sink that keeps everything as plain objects, the way a person would write a trace down. */
export class Collector implements TraceSink {
  tables: TraceTables | null = null;
  startNs = Number.NaN;
  endNs = Number.NaN;
  readonly events: PlainEvent[] = [];

  begin(tables: TraceTables, startNs: number): void {
    this.tables = tables;
    this.startNs = startNs;
  }

  event(kind: EventKind, timeNs: number, cpu: number, task: number, args: Float64Array): void {
    this.events.push({ kind, timeNs, cpu, task, args: [...args.subarray(0, EVENTS[kind]!.args.length)] });
  }

  end(endNs: number): void {
    this.endNs = endNs;
  }
}

export function collect(play: (sink: TraceSink) => void): Collector {
  const collector = new Collector();
  play(collector);
  return collector;
}

/** Plays a plain trace. */
export function playPlain(trace: PlainTrace, sink: TraceSink): void {
  const args = new Float64Array(MAX_EVENT_ARGS);
  sink.begin?.(trace.tables, trace.startNs);
  for (const e of trace.events) {
    args.fill(Number.NaN);
    args.set(e.args);
    sink.event(e.kind, e.timeNs, e.cpu, e.task, args);
  }
  sink.end?.(trace.endNs);
}

const STATES = [0, 1, 2, 4, 8, 16, 32, 64, 128];
const ARGUMENTS: Record<ArgType, fc.Arbitrary<number>> = {
  int: fc.oneof(fc.nat(300), fc.nat(), fc.constant(-1)),
  ns: fc.oneof(fc.nat(), fc.maxSafeNat(), fc.integer({ min: -(2 ** 53) + 1, max: -1 })),
  hex: fc.oneof(fc.nat(64), fc.nat(), fc.constant(0xffffffff)),
  task: fc.constant(0),
  string: fc.constant(0),
  mask: fc.constant(0),
};

const comm = fc.oneof(
  fc.constantFrom('worker', 'kworker/0:1-events', 'a b', '[x] 1-2', 'ping:3', 'pid=3 prio=2', 'ünï', 'migration/0'),
  fc.string({ unit: fc.constantFrom(...'ab-:/[]=0 .'), minLength: 1, maxLength: 15 }),
);

/** Names as the kernel keeps them: 15 bytes at most. */
const kernelComm = comm.map((name) => truncateUtf8(name, 15));

interface Step {
  readonly kind: EventKind;
  readonly gapNs: number;
  readonly cpu: number;
  readonly task: number;
  readonly other: number;
  readonly state: number;
  readonly numbers: readonly number[];
}

/** Random traces over up to `maxCpus` CPUs, of the given kinds of events. */
export function arbitraryTrace(
  options: { kinds?: readonly EventKind[]; maxCpus?: number; maxEvents?: number } = {},
): fc.Arbitrary<PlainTrace> {
  const { kinds = EVENTS.map((_, kind) => kind as EventKind), maxCpus = 9, maxEvents = 120 } = options;
  const step: fc.Arbitrary<Step> = fc.constantFrom(...kinds).chain((kind) =>
    fc.record({
      kind: fc.constant(kind),
      gapNs: fc.oneof(fc.constant(0), fc.nat(5000), fc.nat(4_000_000_000)),
      cpu: fc.nat(maxCpus - 1),
      task: fc.nat(7),
      other: fc.nat(7),
      state: fc.constantFrom(...STATES),
      numbers: fc.tuple(...EVENTS[kind]!.args.map(([, type]) => ARGUMENTS[type])),
    }),
  );
  return fc
    .record({
      nrCpus: fc.integer({ min: 1, max: maxCpus }),
      comms: fc.array(kernelComm, { minLength: 8, maxLength: 8 }),
      firstPid: fc.integer({ min: 1, max: 4_000_000 }),
      startNs: fc.oneof(fc.constant(0), fc.nat(2_000_000_000), fc.integer({ min: 0, max: 10 ** 14 })),
      steps: fc.array(step, { maxLength: maxEvents }),
    })
    .map(({ nrCpus, comms, firstPid, startNs, steps }) => {
      const tasks: TraceTask[] = comms.map((name, i) => ({
        pid: firstPid + i * 7,
        comm: name,
        kind: i < 4 ? 'worker' : '',
        kthread: i === 7,
      }));
      const current = new Array<number>(nrCpus).fill(IDLE_TASK);
      const events: PlainEvent[] = [];
      let timeNs = startNs;
      for (const s of steps) {
        const cpu = s.cpu % nrCpus;
        const spec = EVENTS[s.kind]!;
        let task = spec.task === null ? IDLE_TASK : s.task;
        let args = spec.args.map(([, type], i) =>
          type === 'task' ? s.other : type === 'string' || type === 'mask' ? 0 : s.numbers[i]!,
        );
        if (s.kind === Ev.SCHED_SWITCH) {
          const elsewhere = current.includes(s.other);
          const next = elsewhere ? IDLE_TASK : s.other;
          task = current[cpu]!;
          if (next === task) continue;
          args = [next, task === IDLE_TASK ? 0 : s.state, 120, 120];
          current[cpu] = next;
        } else if (s.kind === Ev.SCHED_PROCESS_FORK) {
          if (current.includes(s.other) || s.other === task) continue;
        } else if (s.kind === Ev.RENAME) args = [s.state % 3];
        else if (s.kind === Ev.PRINT) args = [3];
        timeNs += s.gapNs;
        events.push({ kind: s.kind, timeNs, cpu, task, args });
      }
      return {
        tables: {
          topology: flatMachine(nrCpus),
          source: 'steelyard',
          hz: 250,
          tasks,
          strings: ['renamed', 'other name', 'a', 'a marker: of text'],
          masks: [[0]],
          ...(kinds.some(isDecisionKind) ? { decisions: true as const } : {}),
        },
        startNs,
        endNs: timeNs + 10,
        events,
      };
    });
}
