/**
 * Writes a trace as text, as `trace-cmd report -t` does or as the kernel's own `trace` file is laid out. @spec 09 §3
 *
 *   trace-cmd   cpus=4
 *                         init-1     [001]    51.248869185: print:                0xffffffff81000000: lab rep 1
 *                       <idle>-0     [003]    51.248996293: sched_switch:         swapper/3:0 [120] R ==> init:682 [120]
 *   ftrace      # tracer: nop
 *                       <idle>-0       [003] .....    51.248996: sched_switch: prev_comm=swapper/3 prev_pid=0 ...
 *
 * The running task of each CPU follows from the switches, and from what the tables say was running at the beginning.
 *
 * What a text cannot tell: where a probe sits (always ADDRESS, unless told), the file of an exec (taken to be `/bin/` and the
 * new name), the flags of ftrace's layout (dots), why a task migrated, what a balance pass cost, changes of affinity,
 * finished work and decision records. A renaming is only seen in the names that follow, unless `renames` asks for `task_rename` events.
 */

import { ByteWriter } from './byte-writer.ts';
import { EVENTS } from './event-specs.ts';
import { Ev, type EventKind, IDLE_TASK, isDecisionKind, NOT_OBSERVED } from './events.ts';
import type { TraceSink, TraceTables } from './sink.ts';
import {
  convertIdleType,
  dialectOf,
  formatState,
  interruptVector,
  softirqName,
  TEXT_LAYOUTS,
  type TextDialect,
  type TextField,
  textLevelName,
} from './text-layout.ts';
import { MAX_COMM } from './text-scanner.ts';
import { encodeUtf8, truncateUtf8 } from './utf8.ts';

export interface FtraceTextOptions {
  /** Default: as trace-cmd. */
  readonly layout?: 'trace-cmd' | 'ftrace';
  /** Default: by the source of the trace. */
  readonly dialect?: TextDialect;
  /** Begin with the lines that say what follows; default yes. No for a second trace in one file. */
  readonly header?: boolean;
  /** Begin with the marker `lab rep N`, which the lab's tools need. */
  readonly repetition?: number;
  /** Name of a task in the column of the running task; default: its name at that time. trace-cmd has the last one known. */
  readonly columnComm?: (task: number) => string | undefined;
  /** Write renamings as `task_rename`. */
  readonly renames?: boolean;
  /** Where each kind of probe sits: the text in its brackets. */
  readonly address?: (kind: EventKind) => string | undefined;
}

const ADDRESS = 'ffffffff81000000';
/** What a pointer to something is, of which only that there is something is known. */
const SOME_POINTER = -(2 ** 47);

const FTRACE_HEADER = `# tracer: nop
#
#                                _-----=> irqs-off/BH-disabled
#                               / _----=> need-resched
#                              | / _---=> hardirq/softirq
#                              || / _--=> preempt-depth
#                              ||| / _-=> migrate-disable
#                              |||| /     delay
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
#              | |         |   |||||     |         |
`;

interface WrittenField extends TextField {
  /** ` key=`, or `key=` for the first. */
  readonly word: Uint8Array;
}

interface WrittenEvent {
  /** Name and colon, padded as the layout does, and for a probe where it sits. */
  readonly head: Uint8Array;
  readonly fields: readonly WrittenField[];
}

const text = (characters: string) => encodeUtf8(characters);
const IDLE = text('<idle>');
const SWAPPER = text('swapper/');
const DOTS = text('..... ');
const ARROW = text(' ==> ');
const ACTION = text(' [action=');
const NS = text(' [ns]');
const CPU = text(' CPU:');

const NEWLINE = 10;
const SPACE = 32;
const QUOTE = 34;
const DASH = 45;
const DOT = 46;
const COLON = 58;
const BRACKET = 91;
const BRACKET_END = 93;

export class FtraceTextWriter implements TraceSink {
  readonly #out: ByteWriter;
  readonly #options: FtraceTextOptions;
  readonly #traceCmd: boolean;
  #tables: TraceTables | null = null;
  #dialect: TextDialect = { busyIsZero: false, dieIsPkg: false };
  readonly #events: (WrittenEvent | undefined)[] = [];
  #current = new Int32Array(0);
  /** Names given by renamings. */
  readonly #renamed: string[] = [];
  /** Encoded names of tasks, and what they were made from. */
  readonly #comms: Uint8Array[] = [];
  readonly #commSources: string[] = [];
  readonly #columns: Uint8Array[] = [];
  readonly #columnSources: string[] = [];
  /** Encoded texts of states and levels, by value. */
  readonly #states: Uint8Array[] = [];
  readonly #levels: Uint8Array[] = [];

  constructor(write: (chunk: Uint8Array) => void, options: FtraceTextOptions = {}) {
    this.#out = new ByteWriter(write);
    this.#options = options;
    this.#traceCmd = (options.layout ?? 'trace-cmd') === 'trace-cmd';
  }

  begin(tables: TraceTables, startNs: number): void {
    const { nrCpus } = tables.topology;
    this.#tables = tables;
    this.#dialect = this.#options.dialect ?? dialectOf(tables.source);
    this.#current = Int32Array.from({ length: nrCpus }, (_, cpu) => tables.initialCurrent?.[cpu] ?? IDLE_TASK);
    if (this.#options.header !== false) {
      this.#out.bytes(text(this.#traceCmd ? `cpus=${nrCpus}\n` : FTRACE_HEADER));
    }
    const { repetition } = this.#options;
    if (repetition !== undefined) {
      this.#head(Ev.PRINT, startNs, 0);
      this.#out.bytes(text(`lab rep ${repetition}\n`));
    }
  }

  event(kind: EventKind, timeNs: number, cpu: number, task: number, args: Float64Array): void {
    if (isDecisionKind(kind)) return;
    const out = this.#out;
    out.startLine();
    switch (kind) {
      case Ev.AFFINITY:
      case Ev.WORK:
        return;
      case Ev.RENAME:
        this.#rename(timeNs, cpu, task, this.#string(args[0]!));
        return;
      case Ev.LOST_EVENTS:
        this.#lost(cpu, args[0]!);
        return;
    }
    this.#head(kind, timeNs, cpu);
    switch (kind) {
      case Ev.SCHED_SWITCH:
        this.#switch(cpu, task, args);
        break;
      case Ev.SCHED_WAKEUP:
      case Ev.SCHED_WAKEUP_NEW:
        if (this.#traceCmd) this.#wakeup(cpu, task, args);
        else this.#fields(kind, cpu, task, args);
        break;
      case Ev.SCHED_PROCESS_EXEC: {
        const comm = this.#commText(task);
        out.bytes(text(`filename=/bin/${comm} pid=${this.#pid(task)} old_pid=${this.#pid(task)}`));
        break;
      }
      case Ev.PRINT:
        out.bytes(text(oneLine(this.#string(args[0]!), '\n')));
        break;
      default:
        this.#fields(kind, cpu, task, args);
    }
    out.byte(NEWLINE);
  }

  end(): void {
    this.#out.flush();
  }

  /** Everything before the arguments. */
  #head(kind: EventKind, timeNs: number, cpu: number): void {
    const out = this.#out;
    const current = this.#current[cpu]!;
    out.right(current < 0 ? IDLE : this.#column(current), 16);
    out.byte(DASH);
    out.countLeft(this.#pid(current), this.#traceCmd ? 5 : 7);
    out.byte(SPACE);
    out.byte(BRACKET);
    out.count(cpu, 3);
    out.byte(BRACKET_END);
    out.byte(SPACE);
    if (!this.#traceCmd) out.bytes(DOTS);
    const seconds = Math.floor(timeNs / 1e9);
    out.countRight(seconds, 5);
    out.byte(DOT);
    if (this.#traceCmd) out.count(timeNs - seconds * 1e9, 9);
    else out.count(Math.floor((timeNs - seconds * 1e9) / 1000), 6);
    out.byte(COLON);
    out.byte(SPACE);
    out.bytes(this.#written(kind).head);
  }

  /** `key=value` by the layout. */
  #fields(kind: EventKind, cpu: number, task: number, args: Float64Array): void {
    const { fields } = this.#written(kind);
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i]!;
      if (field.ifObserved >= 0 && args[field.ifObserved] === NOT_OBSERVED) continue;
      if (field.ifPositive >= 0 && !(args[field.ifPositive]! > 0)) continue;
      this.#out.bytes(field.word);
      this.#value(field, kind, cpu, task, args);
    }
  }

  #value(field: TextField, kind: EventKind, cpu: number, task: number, args: Float64Array): void {
    const out = this.#out;
    const value = args[field.arg]!;
    switch (field.form) {
      case 'dec':
        out.signed(value);
        break;
      case 'u64':
        out.unsigned64(value);
        break;
      case 'ns':
        out.unsigned64(value);
        out.bytes(NS);
        break;
      case 'cpu3':
        out.count(value, 3);
        break;
      case 'hex':
        out.hex64(value);
        break;
      case 'words':
        out.hexWords(value, args[field.arg + 1]!);
        break;
      case 'idle':
        out.signed(convertIdleType(value, this.#dialect));
        break;
      case 'vec':
        out.count(value);
        out.bytes(ACTION);
        out.bytes(text(`${softirqName(value)}]`));
        break;
      case 'vector':
        out.count(interruptVector(kind));
        break;
      case 'level':
        out.bytes(this.#level(field.arg < 0 ? args[1]! : value));
        break;
      case 'pid':
        out.count(this.#pid(task));
        break;
      case 'comm':
        this.#comm(cpu, task);
        break;
      case 'quoted':
        out.byte(QUOTE);
        this.#comm(cpu, task);
        out.byte(QUOTE);
        break;
      case 'childPid':
        out.count(this.#pid(value));
        break;
      case 'childComm':
        this.#comm(cpu, args[0]!);
        break;
      case 'currSe':
        out.hex64(value === 1 ? args[field.arg + 1]! : 0);
        break;
      case 'pointer':
        out.hex64(value === 0 ? 0 : SOME_POINTER);
        break;
    }
  }

  #switch(cpu: number, prev: number, args: Float64Array): void {
    const out = this.#out;
    const next = args[0]!;
    if (this.#traceCmd) {
      this.#reference(cpu, prev, args[2]!);
      out.byte(SPACE);
      out.bytes(this.#state(args[1]!));
      out.bytes(ARROW);
      this.#reference(cpu, next, args[3]!);
    } else {
      this.#named(cpu, prev, 'prev', args[2]!);
      out.bytes(text(` prev_state=${formatState(args[1]!, false)} ==> `));
      this.#named(cpu, next, 'next', args[3]!);
    }
    this.#current[cpu] = next;
  }

  /** `comm:pid [prio]` */
  #reference(cpu: number, task: number, prio: number): void {
    const out = this.#out;
    this.#comm(cpu, task);
    out.byte(COLON);
    out.count(this.#pid(task));
    out.byte(SPACE);
    out.byte(BRACKET);
    out.signed(prio);
    out.byte(BRACKET_END);
  }

  /** `prev_comm=comm prev_pid=7 prev_prio=120` */
  #named(cpu: number, task: number, prefix: string, prio: number): void {
    this.#out.bytes(text(`${prefix}_comm=`));
    this.#comm(cpu, task);
    this.#out.bytes(text(` ${prefix}_pid=${this.#pid(task)} ${prefix}_prio=${prio}`));
  }

  #wakeup(cpu: number, task: number, args: Float64Array): void {
    this.#reference(cpu, task, args[1]!);
    this.#out.bytes(CPU);
    this.#out.count(args[0]!, 3);
  }

  #rename(timeNs: number, cpu: number, task: number, name: string): void {
    if (this.#options.renames === true) {
      const old = this.#commText(task);
      this.#head(Ev.RENAME, timeNs, cpu);
      this.#out.bytes(text(`pid=${this.#pid(task)} oldcomm=${old} newcomm=${cleanComm(name)} oom_score_adj=0\n`));
    }
    this.#renamed[task] = name;
  }

  #lost(cpu: number, count: number): void {
    const number = count === NOT_OBSERVED ? '' : `${count} `;
    this.#out.bytes(text(`CPU:${cpu} [${this.#traceCmd ? `${number}EVENTS DROPPED` : `LOST ${number}EVENTS`}]\n`));
  }

  #pid(task: number): number {
    return task < 0 ? 0 : this.#tables!.tasks[task]!.pid;
  }

  #string(index: number): string {
    return this.#tables!.strings[index] ?? '';
  }

  /** The task's name in the arguments of events. */
  #comm(cpu: number, task: number): void {
    if (task < 0) {
      this.#out.bytes(SWAPPER);
      this.#out.count(cpu);
      return;
    }
    const source = this.#renamed[task] ?? this.#tables!.tasks[task]!.comm;
    if (this.#commSources[task] !== source) {
      this.#commSources[task] = source;
      this.#comms[task] = text(cleanComm(source));
    }
    this.#out.bytes(this.#comms[task]!);
  }

  #commText(task: number): string {
    return task < 0 ? 'swapper' : cleanComm(this.#renamed[task] ?? this.#tables!.tasks[task]!.comm);
  }

  /** The task's name in the column of the running task. */
  #column(task: number): Uint8Array {
    const source = this.#options.columnComm?.(task) ?? this.#renamed[task] ?? this.#tables!.tasks[task]!.comm;
    if (this.#columnSources[task] !== source) {
      this.#columnSources[task] = source;
      this.#columns[task] = text(cleanComm(source));
    }
    return this.#columns[task]!;
  }

  #state(state: number): Uint8Array {
    return (this.#states[state] ??= text(formatState(state, true)));
  }

  #level(level: number): Uint8Array {
    // -1 has a name, too
    return (this.#levels[level + 1] ??= text(`"${textLevelName(level, this.#dialect)}"`));
  }

  #written(kind: EventKind): WrittenEvent {
    return (this.#events[kind] ??= this.#prepare(kind));
  }

  #prepare(kind: EventKind): WrittenEvent {
    const layout = TEXT_LAYOUTS.find((l) => l.kind === kind);
    const plain = !this.#traceCmd && kind === Ev.PRINT ? 'tracing_mark_write' : EVENTS[kind]!.name;
    const name = this.#traceCmd ? `${`${plain}:`.padEnd(21)} ` : `${plain}: `;
    const at = this.#options.address?.(kind) ?? (layout?.probe === 'return' ? `${ADDRESS} <- ${ADDRESS}` : ADDRESS);
    const where =
      (layout?.probe ?? 'none') !== 'none' ? `(${at}) ` : this.#traceCmd && kind === Ev.PRINT ? `0x${at}: ` : '';
    const fields = (layout?.fields ?? []).map((field, i) => ({
      ...field,
      word: text(`${i === 0 ? '' : ' '}${field.key}=`),
    }));
    return { head: text(name + where), fields };
  }
}

/** A name as the kernel would keep it: 15 bytes, and nothing that breaks a line. */
function cleanComm(comm: string): string {
  return oneLine(truncateUtf8(comm, MAX_COMM), '');
}

/** Without control characters, of which those of `allowed` become blanks and the others question marks. */
function oneLine(line: string, allowed: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not get through
  return line.replace(/[\u0000-\u001f\u007f]/g, (character) => (allowed.includes(character) ? ' ' : '?'));
}
