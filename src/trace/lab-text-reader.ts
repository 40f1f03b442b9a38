/**
 * Reads the text of `trace-cmd report -t` as the kernel lab keeps it, and ftrace's own `trace` text.
 *
 *   cpus=4
 *               init-1     [001]    51.248869185: print:                0xffffffff811c36bd: lab rep 1
 *             <idle>-0     [003]    51.248996293: sched_switch:         swapper/3:0 [120] R ==> init:682 [120]
 *   └ comm of the running task, pid, CPU, seconds  event                arguments
 *
 *           labgen-682     [003] d..2. 51.250453: sched_switch: prev_comm=labgen prev_pid=682 ...
 *                                └ ftrace's own: flags, fewer decimals, one space after the event
 *
 * A text holds several repetitions, each beginning with the marker `lab rep N`; each is a trace of its own. A text without
 * such a marker is one repetition.
 *
 * Dirty data, and what becomes of it:
 *   a line that is no event          counted as malformed, left out
 *   an event of a kind we don't keep counted by name, left out
 *   a time before the last           counted as out of order, left out: no sink could take it
 *   a CPU the machine does not have  malformed
 *   `CPU:3 [120 EVENTS DROPPED]`     LOST_EVENTS
 *   a name that differs from the last told for the pid: RENAME, see `task-table.ts`
 *   a field an older kernel's probe has not: NOT_OBSERVED
 * Only a text in which nothing at all is an event is an error.
 */
import { UserError } from '../base/errors.ts';
import type { Topology } from '../machine/topology.ts';
import { MAX_EVENT_ARGS } from './event-specs.ts';
import { EventTextParser, Parsed } from './event-text-parser.ts';
import { Ev, type EventKind, IDLE_TASK, NOT_OBSERVED } from './events.ts';
import { MigrateCauses } from './migrate-cause.ts';
import type { TraceSink, TraceTables } from './sink.ts';
import { TaskTable } from './task-table.ts';
import { dialectOf, type TextDialect } from './text-layout.ts';
import { decodeUtf8 } from './utf8.ts';

export interface LabTextOptions {
  readonly topology: Topology;
  /** Goes into `TraceTables.source`; tells the dialect unless `dialect` does. */
  readonly source: string;
  readonly hz?: number;
  readonly dialect?: TextDialect;
  /** The kind of a task, by pid and name, as the workload calls it; empty for tasks that are not the workload's. */
  readonly kindOf?: (pid: number, comm: string) => string;
}

/** What was in the text, beside what the sink was given. */
export interface LabTextReport {
  readonly lines: number;
  /** Events given to the sink that have a line of their own, so without those made up (RENAME). */
  readonly events: number;
  readonly malformed: number;
  /** Line of the whole text, from 1; 0 when there is none. */
  readonly firstMalformedLine: number;
  readonly outOfOrder: number;
  /** Events of kinds that traces do not keep, by name. */
  readonly unknown: ReadonlyMap<string, number>;
  /** Events in which the running task was not the one that the switches tell; 0 unless events were lost. */
  readonly wrongCurrent: number;
  /** By task: its name in the column of the running task, where it ever ran. */
  readonly columnComms: readonly (string | undefined)[];
}

export interface LabRepetition {
  /** N of `lab rep N`; 0 for a text without markers. */
  readonly number: number;
  /** Line of the whole text on which it begins, from 1. */
  readonly firstLine: number;
  /** Reads it into the sink; may be done any number of times. */
  play(sink: TraceSink): LabTextReport;
}

/** The repetitions of a text. */
export function labRepetitions(bytes: Uint8Array, options: LabTextOptions): LabRepetition[] {
  checkCpus(bytes, options.topology);
  const starts = repetitionStarts(bytes);
  if (starts.length === 0) starts.push({ at: 0, line: 1, number: 0 });
  return starts.map(({ at, line, number }, i) => ({
    number,
    firstLine: line,
    play: (sink) => new RepetitionReader(bytes, at, starts[i + 1]?.at ?? bytes.length, line, options).play(sink),
  }));
}

interface Start {
  readonly at: number;
  readonly line: number;
  readonly number: number;
}

/** Lines with the marker `: lab rep N`. */
function repetitionStarts(bytes: Uint8Array): Start[] {
  const starts: Start[] = [];
  let line = 1;
  let lineStart = 0;
  let at = find(bytes, MARKER, 0);
  while (at >= 0) {
    let end = bytes.indexOf(NEWLINE, lineStart);
    for (; end >= 0 && end < at; end = bytes.indexOf(NEWLINE, lineStart)) {
      line++;
      lineStart = end + 1;
    }
    const digits = decodeUtf8(bytes, at + MARKER.length, Math.min(bytes.length, at + MARKER.length + 9));
    const number = Number.parseInt(digits, 10);
    if (number >= 0) starts.push({ at: lineStart, line, number });
    at = end < 0 ? -1 : find(bytes, MARKER, end);
  }
  return starts;
}

/** Where `word` occurs first from `from` on, or -1: looks at every `word.length`-th byte only (Horspool). */
function find(bytes: Uint8Array, word: Uint8Array, from: number): number {
  const last = word.length - 1;
  const skip = new Uint8Array(256).fill(word.length);
  for (let i = 0; i < last; i++) skip[word[i]!] = last - i;
  for (let at = from + last; at < bytes.length; at += skip[bytes[at]!]!) {
    let i = 0;
    while (i <= last && bytes[at - i] === word[last - i]) i++;
    if (i > last) return at - last;
  }
  return -1;
}

/** `cpus=16` in the first line. */
function checkCpus(bytes: Uint8Array, topology: Topology): void {
  const m = /^cpus=(\d+)/.exec(decodeUtf8(bytes, 0, Math.min(bytes.length, 20)));
  if (m === null || Number(m[1]) <= topology.nrCpus) return;
  const what = `the trace is of ${m[1]} CPUs, the machine "${topology.name}" has ${topology.nrCpus}`;
  throw new UserError('format', what, { line: 1 }, 'read it with the topology it was recorded on');
}

const NEWLINE = 10;
const CARRIAGE_RETURN = 13;
/** Names of unknown events that are counted apart. */
const MAX_UNKNOWN = 1000;
/** First of the NUMA levels. @spec 04 §1 */
const FIRST_NUMA_LEVEL = 5;
const MARKER = Uint8Array.from(': lab rep ', (c) => c.charCodeAt(0));

/** Reads one repetition, once. */
class RepetitionReader {
  readonly #bytes: Uint8Array;
  readonly #from: number;
  readonly #to: number;
  readonly #firstLine: number;
  readonly #nrCpus: number;
  readonly #dialect: TextDialect;
  readonly #tables: TraceTables;
  readonly #tasks: TaskTable;
  readonly #parser: EventTextParser;
  readonly #causes: MigrateCauses;
  readonly #current: Int32Array;
  readonly #initialCurrent: number[];
  readonly #ownArgs = new Float64Array(MAX_EVENT_ARGS);
  #sink: TraceSink = { event() {} };
  #startNs = -1;
  #lastNs = 0;
  #lines = 0;
  #events = 0;
  #malformed = 0;
  #firstMalformedLine = 0;
  #outOfOrder = 0;
  #wrongCurrent = 0;
  readonly #unknown = new Map<string, number>();

  constructor(bytes: Uint8Array, from: number, to: number, firstLine: number, options: LabTextOptions) {
    const { topology, source, hz = 250, kindOf } = options;
    this.#bytes = bytes;
    this.#from = from;
    this.#to = to;
    this.#firstLine = firstLine;
    this.#nrCpus = topology.nrCpus;
    this.#dialect = options.dialect ?? dialectOf(source);
    this.#tasks = new TaskTable(kindOf);
    this.#parser = new EventTextParser(bytes, this.#tasks, this.#dialect);
    this.#causes = new MigrateCauses(topology.nrCpus);
    this.#current = new Int32Array(topology.nrCpus).fill(IDLE_TASK);
    this.#initialCurrent = new Array<number>(topology.nrCpus).fill(IDLE_TASK);
    this.#tables = {
      topology,
      source,
      hz,
      tasks: this.#tasks.tasks,
      strings: this.#tasks.strings,
      masks: [],
      initialCurrent: this.#initialCurrent,
    };
  }

  play(sink: TraceSink): LabTextReport {
    this.#sink = sink;
    this.#findInitialCurrent();
    sink.begin?.(this.#tables, Math.max(0, this.#startNs));
    const bytes = this.#bytes;
    for (let at = this.#from; at < this.#to; ) {
      let end = bytes.indexOf(NEWLINE, at);
      if (end < 0 || end > this.#to) end = this.#to;
      this.#lines++;
      this.#line(at, bytes[end - 1] === CARRIAGE_RETURN && end > at ? end - 1 : end);
      at = end + 1;
    }
    if (this.#events === 0) this.#failEmpty();
    sink.end?.(this.#lastNs);
    return {
      lines: this.#lines,
      events: this.#events,
      malformed: this.#malformed,
      firstMalformedLine: this.#firstMalformedLine,
      outOfOrder: this.#outOfOrder,
      unknown: this.#unknown,
      wrongCurrent: this.#wrongCurrent,
      columnComms: this.#tasks.columnComms,
    };
  }

  #failEmpty(): never {
    const line = this.#firstMalformedLine || this.#firstLine;
    if (this.#unknown.size > 0) {
      const names = [...this.#unknown.keys()].slice(0, 5).join(', ');
      throw new UserError('format', `the trace has no scheduler events, only ${names}`, { line });
    }
    const hint = 'expected lines like "comm-pid [cpu] seconds: event: ...", as trace-cmd report or ftrace print them';
    throw new UserError('format', 'no line is a trace event', { line }, hint);
  }

  /** What each CPU runs at the beginning is told by the first event of the CPU. Also finds the first time. */
  #findInitialCurrent(): void {
    const bytes = this.#bytes;
    const found = new Uint8Array(this.#nrCpus);
    let missing = this.#nrCpus;
    for (let at = this.#from; at < this.#to && missing > 0; ) {
      let end = bytes.indexOf(NEWLINE, at);
      if (end < 0 || end > this.#to) end = this.#to;
      const parser = this.#parser;
      if (parser.head(at, end) && parser.cpu < this.#nrCpus) {
        if (this.#startNs < 0) this.#startNs = this.#lastNs = parser.timeNs;
        if (found[parser.cpu] === 0) {
          found[parser.cpu] = 1;
          missing--;
          const task = this.#tasks.task(parser.currentPid) ?? IDLE_TASK;
          this.#tasks.suggest(task, bytes, parser.currentCommStart, parser.currentCommEnd);
          this.#initialCurrent[parser.cpu] = task;
          this.#current[parser.cpu] = task;
        }
      }
      at = end + 1;
    }
  }

  #line(from: number, to: number): void {
    const parser = this.#parser;
    if (!parser.head(from, to)) {
      if (!parser.isHeader(from, to) && !this.#lost(from, to)) this.#malformedLine();
      return;
    }
    const { cpu, timeNs } = parser;
    if (timeNs < this.#lastNs) {
      this.#outOfOrder++;
      return;
    }
    const result = cpu < this.#nrCpus ? parser.event() : Parsed.MALFORMED;
    if (result !== Parsed.EVENT) {
      if (result === Parsed.UNKNOWN) this.#unknownEvent();
      else this.#malformedLine();
      return;
    }
    this.#lastNs = timeNs;
    this.#checkCurrent(cpu);
    for (let i = 0; i < parser.nrRenamed; i++) {
      this.#ownArgs[0] = parser.renamedTo[i]!;
      this.#sink.event(Ev.RENAME, timeNs, cpu, parser.renamedTask[i]!, this.#ownArgs);
    }
    this.#complete(parser.kind, timeNs, cpu);
    this.#events++;
    this.#sink.event(parser.kind, timeNs, cpu, parser.task, parser.args);
  }

  /** Counts it by name; a file of garbage has no end of names. */
  #unknownEvent(): void {
    const name = this.#parser.eventName();
    const known = this.#unknown.get(name);
    if (known !== undefined || this.#unknown.size < MAX_UNKNOWN) this.#unknown.set(name, (known ?? 0) + 1);
  }

  #malformedLine(): void {
    if (this.#malformed++ === 0) this.#firstMalformedLine = this.#firstLine + this.#lines - 1;
  }

  /** The column of the running task, which should be the one that the switches tell. */
  #checkCurrent(cpu: number): void {
    const parser = this.#parser;
    const task = this.#tasks.task(parser.currentPid) ?? IDLE_TASK;
    this.#tasks.suggest(task, this.#bytes, parser.currentCommStart, parser.currentCommEnd);
    if (this.#current[cpu] !== task) {
      this.#wrongCurrent++;
      this.#current[cpu] = task;
    }
    if (parser.kind === Ev.SCHED_SWITCH) this.#current[cpu] = parser.args[0]!;
  }

  /** What the text of the event does not tell but the events before it do: causes of migrations, NUMA levels. */
  #complete(kind: EventKind, timeNs: number, cpu: number): void {
    const { args, task } = this.#parser;
    const causes = this.#causes;
    switch (kind) {
      case Ev.LB_ENTER:
        causes.lbEnter(cpu, args[1]!, args[2]!);
        break;
      case Ev.LB_BUSIEST:
        args[1] = this.#openLevel(cpu, args[1]!);
        break;
      case Ev.NEED_ACTIVE:
        args[3] = this.#openLevel(cpu, args[3]!);
        break;
      case Ev.LB_LEAVE:
        args[1] = this.#openLevel(cpu, args[1]!);
        causes.lbLeave(cpu);
        break;
      case Ev.ACTIVE_BALANCE:
        causes.activeBalance(cpu, timeNs);
        break;
      case Ev.DETACH:
        causes.detach(cpu, task);
        break;
      case Ev.SELECT:
        causes.select(cpu, task, args[1]!);
        break;
      case Ev.SCHED_MIGRATE_TASK: {
        const current = this.#current[cpu]!;
        const byStopper = current >= 0 && this.#tasks.columnComms[current]?.startsWith('migration/') === true;
        args[3] = causes.causeOf(cpu, task, timeNs, byStopper);
        args[4] = causes.level;
        break;
      }
    }
  }

  /** All NUMA levels have one name; the pass that is open on the CPU has the number. */
  #openLevel(cpu: number, level: number): number {
    const open = this.#causes.openLevel(cpu);
    return level >= FIRST_NUMA_LEVEL && open >= FIRST_NUMA_LEVEL ? open : level;
  }

  /** `CPU:3 [120 EVENTS DROPPED]` of trace-cmd, `CPU:3 [LOST 120 EVENTS]` of ftrace; the number may be missing. */
  #lost(from: number, to: number): boolean {
    if (to - from > 64) return false;
    const text = decodeUtf8(this.#bytes, from, to);
    const m = /^\s*CPU:(\d{1,4}) \[(?:(\d{1,15}) )?(?:EVENTS DROPPED|LOST (?:(\d{1,15}) )?EVENTS)\]\s*$/.exec(text);
    if (m === null || Number(m[1]) >= this.#nrCpus) return false;
    const count = m[2] ?? m[3];
    this.#ownArgs[0] = count === undefined ? NOT_OBSERVED : Number(count);
    this.#events++;
    this.#sink.event(Ev.LOST_EVENTS, Math.max(0, this.#lastNs), Number(m[1]), IDLE_TASK, this.#ownArgs);
    return true;
  }
}
