/**
 * One line of a text trace, taken apart: head, then arguments by the layout of the event.
 *
 *               init-1     [001]    51.248869185: lb_enter:             (ffffffff810f39d0) cpu=1 sd="MC" level=2 ...
 *   │←── 16 ───────→│                             │←──── 22 ──────────→│
 *   comm may have any character, so it is found by its place, or by what follows it
 *
 * Most arguments are `key=value`, by `text-layout.ts`; those of other forms are taken apart in `text-forms.ts`.
 */
import { EVENTS, MAX_EVENT_ARGS } from './event-specs.ts';
import { Ev, type EventKind, IDLE_TASK, NOT_OBSERVED } from './events.ts';
import type { TaskTable } from './task-table.ts';
import { TextForms } from './text-forms.ts';
import { convertIdleType, TEXT_LAYOUTS, type TextDialect, type TextField, textLevel } from './text-layout.ts';
import { isDigit, MAX_COMM, TextScanner } from './text-scanner.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

/** What a line with a good head turned out to be. */
export const Parsed = { EVENT: 0, MALFORMED: 1, UNKNOWN: 2 } as const;
export type EventResult = (typeof Parsed)[keyof typeof Parsed];

const SPACE = 32;
const QUOTE = 34;
const OPEN = 40;
const CLOSE = 41;
const MINUS = 45;
const COLON = 58;
/** Argument of PELT_SE; `se` follows it. */
const IS_CURR = 3;
const BRACKET = 91;
const BRACKET_END = 93;

/** Width of the comm column, and of event and colon with the blanks after them. */
const COMM_WIDTH = 16;
const EVENT_WIDTH = 22;

interface CompiledField extends TextField {
  /** `key=`, and ` key=` as it looks after a bare comm. */
  readonly word: Uint8Array;
  /** What follows a bare comm. */
  readonly next: Uint8Array;
}

interface CompiledEvent {
  readonly name: Uint8Array;
  readonly kind: EventKind;
  readonly fields: readonly CompiledField[];
  /** Bits of the fields that have to be there. */
  readonly required: number;
}

/** Events by the hash of their names. */
const EVENTS_BY_HASH = new Map<number, CompiledEvent>();
for (const layout of TEXT_LAYOUTS) compile(EVENTS[layout.kind]!.name, layout.kind, layout.fields);
for (const kind of [Ev.SCHED_SWITCH, Ev.SCHED_PROCESS_EXEC, Ev.PRINT, Ev.RENAME]) compile(EVENTS[kind]!.name, kind, []);
compile('tracing_mark_write', Ev.PRINT, []);

function compile(name: string, kind: EventKind, layout: readonly TextField[]): void {
  const fields = layout.map((field, i, all) => ({
    ...field,
    word: encodeUtf8(`${field.key}=`),
    next: encodeUtf8(` ${all[i + 1]?.key ?? ''}=`),
  }));
  const required = fields.reduce(
    (bits, f, i) => (f.ifObserved >= 0 || f.ifPositive >= 0 || f.form === 'vector' ? bits : bits | (1 << i)),
    0,
  );
  const event = { name: encodeUtf8(name), kind, fields, required };
  const hash = event.name.reduce((h, code) => hashStep(h, code), 0);
  EVENTS_BY_HASH.set(hash, event);
}

function hashStep(hash: number, code: number): number {
  return (Math.imul(hash, 31) + code) | 0;
}

const COMM = encodeUtf8('comm=');
const FAULT = encodeUtf8('(fault)');
const HEADERS = ['#', 'cpus=', 'version = '].map(encodeUtf8);

export class EventTextParser {
  kind: EventKind = Ev.PRINT;
  timeNs = 0;
  cpu = 0;
  /** The running task's pid, and the place of its name. */
  currentPid = 0;
  currentCommStart = 0;
  currentCommEnd = 0;
  /** What the event is about. */
  task = IDLE_TASK;
  readonly args = new Float64Array(MAX_EVENT_ARGS);
  /** Tasks that turned out to have another name, and the index of it in the strings. */
  nrRenamed = 0;
  readonly renamedTask = new Int32Array(2);
  readonly renamedTo = new Int32Array(2);

  readonly #tasks: TaskTable;
  readonly #dialect: TextDialect;
  readonly #s: TextScanner;
  readonly #forms: TextForms;
  /** The event's name. */
  #nameStart = 0;
  #nameEnd = 0;
  /** Of `#fields`: what the line says of tasks, -1 for nothing. */
  #pid = -1;
  #childPid = -1;
  #commStart = 0;
  #commEnd = -1;
  #childCommStart = 0;
  #childCommEnd = -1;
  #curr = 0;
  /** Levels by their letters. */
  readonly #levels = new Map<number, number>();

  constructor(bytes: Uint8Array, tasks: TaskTable, dialect: TextDialect) {
    this.#s = new TextScanner(bytes);
    this.#forms = new TextForms(this.#s);
    this.#tasks = tasks;
    this.#dialect = dialect;
  }

  /** Name of the event of the last line, for a kind we do not know. */
  eventName(): string {
    return decodeUtf8(this.#s.bytes, this.#nameStart, Math.min(this.#nameEnd, this.#nameStart + 64));
  }

  /** After `head`: takes the event itself apart. */
  event(): EventResult {
    const { bytes, end } = this.#s;
    let hash = 0;
    let at = this.#s.at;
    this.#nameStart = at;
    for (let code: number; at < end && (code = bytes[at]!) !== COLON && code !== SPACE; at++)
      hash = hashStep(hash, code);
    if (at === end || bytes[at] !== COLON || at === this.#nameStart) return Parsed.MALFORMED;
    this.#nameEnd = at;
    const event = EVENTS_BY_HASH.get(hash);
    if (event === undefined || event.name.length !== at - this.#nameStart) return Parsed.UNKNOWN;
    if (!this.#s.looksAt(event.name, this.#nameStart)) return Parsed.UNKNOWN;
    this.#s.at = this.#argsStart(at + 1, end);
    this.kind = event.kind;
    this.task = IDLE_TASK;
    this.nrRenamed = 0;
    return this.#args(event) ? Parsed.EVENT : Parsed.MALFORMED;
  }

  /** Takes the head of the line from `from` to before `to` apart, up to the event's name; false if it has none. */
  head(from: number, to: number): boolean {
    const { bytes } = this.#s;
    if (to - from > COMM_WIDTH && bytes[from + COMM_WIDTH] === MINUS && this.#headFrom(from, from + COMM_WIDTH, to)) {
      return true;
    }
    // a comm wider than its column
    for (let at = bytes.indexOf(MINUS, from); at >= 0 && at < to; at = bytes.indexOf(MINUS, at + 1)) {
      if (this.#headFrom(from, at, to)) return true;
    }
    return false;
  }

  #headFrom(from: number, dash: number, to: number): boolean {
    const s = this.#s;
    s.line(dash + 1, to);
    this.currentPid = s.count();
    s.skipSpaces();
    s.byte(BRACKET);
    this.cpu = s.count();
    s.byte(BRACKET_END);
    s.skipSpaces();
    if (s.failed) return false;
    if (!isDigit(s.bytes[s.at]!)) {
      s.skipWord();
      s.skipSpaces();
    }
    s.time();
    s.byte(COLON);
    s.byte(SPACE);
    if (s.failed) return false;
    let start = from;
    while (start < dash && s.bytes[start] === SPACE) start++;
    this.currentCommStart = start;
    this.currentCommEnd = dash;
    this.timeNs = s.timeNs;
    return true;
  }

  /** Whether the line is one of those before the events that tell nothing we need. */
  isHeader(from: number, to: number): boolean {
    this.#s.line(from, to);
    return from === to || HEADERS.some((header) => this.#s.looksAt(header));
  }

  /** trace-cmd pads the event's name to 22 bytes; else one space follows. A comm that comes next may begin with blanks. */
  #argsStart(at: number, to: number): number {
    const { bytes } = this.#s;
    const padded = Math.max(at + 1, this.#nameStart + EVENT_WIDTH);
    for (let i = at; i < padded; i++) if (i >= to || bytes[i] !== SPACE) return Math.min(to, at + 1);
    return padded;
  }

  #args(event: CompiledEvent): boolean {
    switch (event.kind) {
      case Ev.SCHED_SWITCH:
        return this.#forms.switch() && this.#setSwitch();
      case Ev.SCHED_WAKEUP:
      case Ev.SCHED_WAKEUP_NEW:
        return (this.#s.looksAt(COMM) && this.#fields(event)) || (this.#forms.wakeup() && this.#setWakeup());
      case Ev.SCHED_PROCESS_EXEC:
        return this.#forms.exec() && this.#setExec();
      case Ev.PRINT:
        this.#forms.skipToMarker();
        this.args[0] = this.#tasks.string(decodeUtf8(this.#s.bytes, this.#s.at, this.#s.end));
        return true;
      case Ev.RENAME:
        return this.#forms.rename() && this.#setRename();
      default:
        return this.#fields(event);
    }
  }

  /** `key=value` by the layout; in another order, or with more keys, it is understood as well. */
  #fields(event: CompiledEvent): boolean {
    const s = this.#s;
    const { fields } = event;
    const { bytes, end } = s;
    const args = this.args;
    const start = s.at;
    for (let i = EVENTS[event.kind]!.args.length - 1; i >= 0; i--) args[i] = NOT_OBSERVED;
    this.#pid = -1;
    this.#childPid = -1;
    this.#commEnd = -1;
    this.#childCommEnd = -1;
    if (s.at < end && bytes[s.at] === OPEN) this.#skipAddress();
    let seen = 0;
    let expected = 0;
    for (s.failed = false; !s.failed; ) {
      s.skipSpaces();
      if (s.at >= end) break;
      let i = expected;
      if (i >= fields.length || !s.looksAt(fields[i]!.word)) {
        i = 0;
        while (i < fields.length && !s.looksAt(fields[i]!.word)) i++;
      }
      if (i === fields.length) {
        s.skipWord();
        continue;
      }
      s.at += fields[i]!.word.length;
      this.#value(fields[i]!);
      if (s.at < end && bytes[s.at] !== SPACE) s.failed = true;
      seen |= 1 << i;
      expected = i + 1;
    }
    const ok = !s.failed && (seen & event.required) === event.required && this.#resolveTasks(event.kind);
    if (!ok) s.line(start, end);
    return ok;
  }

  #value(field: CompiledField): void {
    const s = this.#s;
    const args = this.args;
    switch (field.form) {
      case 'comm':
        this.#commStart = s.at;
        this.#commEnd = s.at = s.bareEnd(field.next);
        break;
      case 'childComm':
        this.#childCommStart = s.at;
        this.#childCommEnd = s.at = s.bareEnd(field.next);
        break;
      case 'quoted':
        this.#quotedComm();
        break;
      case 'pid':
        this.#pid = s.decimal();
        break;
      case 'childPid':
        this.#childPid = s.decimal();
        break;
      case 'level':
        this.#level(field.arg);
        break;
      case 'idle':
        args[field.arg] = convertIdleType(s.decimal(), this.#dialect);
        break;
      case 'hex':
        args[field.arg] = s.hex();
        break;
      case 'words':
        s.hex();
        args[field.arg] = s.low;
        args[field.arg + 1] = s.high;
        break;
      case 'currSe':
        this.#curr = s.hex();
        break;
      case 'pointer':
        args[field.arg] = s.hex() === 0 ? 0 : 1;
        break;
      case 'vector':
        s.decimal();
        break;
      default:
        args[field.arg] = s.decimal();
    }
  }

  /** `(ffffffff810ea540)` or `(ffffffff810ea540 <- ffffffff810e181b)`: where a probe sits. */
  #skipAddress(): void {
    const s = this.#s;
    while (s.at < s.end && s.bytes[s.at] !== CLOSE) s.at++;
    s.byte(CLOSE);
  }

  /** `"comm"`, which may have quotes itself; or `(fault)`, which tells nothing. */
  #quotedComm(): void {
    const s = this.#s;
    if (s.looksAt(FAULT)) {
      s.at += FAULT.length;
      return;
    }
    s.byte(QUOTE);
    for (let at = Math.min(s.at + MAX_COMM, s.end - 1); at >= s.at; at--) {
      if (s.bytes[at] !== QUOTE || (at + 1 < s.end && s.bytes[at + 1] !== SPACE)) continue;
      this.#commStart = s.at;
      this.#commEnd = at;
      s.at = at + 1;
      return;
    }
    s.failed = true;
  }

  /** `"MC"`: a topology level by name; several NUMA levels share theirs. */
  #level(arg: number): void {
    const s = this.#s;
    if (s.looksAt(FAULT)) s.at += FAULT.length;
    else {
      s.byte(QUOTE);
      const from = s.at;
      while (s.at < s.end && s.bytes[s.at] !== QUOTE) s.at++;
      if (arg >= 0) this.args[arg] = this.#levelOf(from, s.at);
      s.byte(QUOTE);
    }
  }

  #levelOf(from: number, to: number): number {
    if (to - from > 4) return NOT_OBSERVED;
    let key = 0;
    for (let i = from; i < to; i++) key = (key << 8) | this.#s.bytes[i]!;
    let level = this.#levels.get(key);
    if (level === undefined) {
      level = textLevel(decodeUtf8(this.#s.bytes, from, to));
      this.#levels.set(key, level);
    }
    return level;
  }

  /** Looks the pids of the line up, and notes what it tells of the tasks' names. */
  #resolveTasks(kind: EventKind): boolean {
    const tasks = this.#tasks;
    if (kind === Ev.PELT_SE || kind === Ev.PELT_BLOCKED) {
      // the entity of a group has no pid, but something else at its place
      this.task = tasks.task(this.#pid) ?? IDLE_TASK;
      if (kind === Ev.PELT_SE) this.args[IS_CURR] = this.#curr !== 0 && this.#curr === this.args[IS_CURR + 1] ? 1 : 0;
      return true;
    }
    if (EVENTS[kind]!.task === null) return true;
    const task = tasks.task(this.#pid);
    if (task === undefined) return false;
    this.task = task;
    if (this.#commEnd >= 0) this.#observe(task, this.#commStart, this.#commEnd);
    if (kind === Ev.SCHED_PROCESS_FORK) {
      const child = tasks.add(this.#childPid);
      if (child === undefined) return false;
      this.args[0] = child;
      this.#observe(child, this.#childCommStart, this.#childCommEnd);
    }
    return true;
  }

  #observe(task: number, from: number, to: number): void {
    const renamedTo = this.#tasks.observe(task, this.#s.bytes, from, to);
    if (renamedTo < 0) return;
    this.renamedTask[this.nrRenamed] = task;
    this.renamedTo[this.nrRenamed] = renamedTo;
    this.nrRenamed++;
  }

  #setSwitch(): boolean {
    const { task, other, state } = this.#forms;
    const prev = this.#tasks.task(task.pid);
    const next = this.#tasks.task(other.pid);
    if (prev === undefined || next === undefined) return false;
    this.#observe(prev, task.commStart, task.commEnd);
    this.#observe(next, other.commStart, other.commEnd);
    this.task = prev;
    this.args[0] = next;
    this.args[1] = state;
    this.args[2] = task.prio;
    this.args[3] = other.prio;
    return true;
  }

  #setWakeup(): boolean {
    const { task, cpu } = this.#forms;
    const wakee = this.#tasks.task(task.pid);
    if (wakee === undefined) return false;
    this.#observe(wakee, task.commStart, task.commEnd);
    this.task = wakee;
    this.args[0] = cpu;
    this.args[1] = task.prio;
    return true;
  }

  #setExec(): boolean {
    const { pid, commStart, commEnd } = this.#forms.task;
    const task = this.#tasks.task(pid);
    if (task === undefined) return false;
    if (commEnd >= 0) this.#observe(task, commStart, commEnd);
    this.task = task;
    return true;
  }

  #setRename(): boolean {
    const { task, other } = this.#forms;
    const { bytes } = this.#s;
    const renamed = this.#tasks.task(task.pid);
    if (renamed === undefined) return false;
    this.#tasks.observe(renamed, bytes, task.commStart, task.commEnd);
    this.#tasks.observe(renamed, bytes, other.commStart, other.commEnd);
    this.task = renamed;
    this.args[0] = this.#tasks.string(decodeUtf8(bytes, other.commStart, other.commEnd));
    return true;
  }
}
