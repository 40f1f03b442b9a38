/**
 * One line of a text trace, taken apart: head, then arguments by the layout of the event.
 *
 *               init-1     [001]    51.248869185: lb_enter:             (ffffffff810f39d0) cpu=1 sd="MC" level=2 ...
 *   │←── 16 ───────→│                             │←──── 22 ──────────→│
 *   comm may have any character, so it is found by its place, or by what follows it
 *
 * A comm inside the arguments is bare (`comm=a b pid=7`, `a b:7 [120]`). It has at most 15 bytes, and what follows it has a
 * form; of the places where it could end, the last is taken.
 */
import { EVENTS, Ev, type EventKind, IDLE_TASK, MAX_EVENT_ARGS, NOT_OBSERVED } from './events.ts';
import type { TaskTable } from './task-table.ts';
import {
  convertIdleType,
  parseState,
  TEXT_LAYOUTS,
  type TextDialect,
  type TextField,
  textLevel,
} from './text-layout.ts';
import { MAX_COMM, TextScanner } from './text-scanner.ts';
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
const SLASH = 47;
const DIGIT_9 = 57;
const UNKNOWN_STATE = -2;
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

const word = (text: string) => encodeUtf8(text);
const ARROW = word(' ==> ');
const PREV_PRIO = word(' prev_prio=');
const PREV_STATE = word(' prev_state=');
const NEXT_PRIO = word(' next_prio=');
const PID_FIRST = word('pid=');
const OLD_COMM = word(' oldcomm=');
const NEW_COMM = word(' newcomm=');
const OOM_SCORE = word(' oom_score_adj=');
const PREV_COMM = word('prev_comm=');
const NEXT_COMM = word('next_comm=');
const COMM = word('comm=');
const PID = word(' pid=');
const PREV_PID = word(' prev_pid=');
const NEXT_PID = word(' next_pid=');
const CPU = word(' CPU:');
const SUCCESS = word(' success=1');
const FAULT = word('(fault)');
const MARK_WRITE = word('tracing_mark_write: ');
const HEADERS = ['#', 'cpus=', 'version = '].map(word);

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
  /** The event's name. */
  #nameStart = 0;
  #nameEnd = 0;
  /** Of `#reference`. */
  #refNameEnd = 0;
  #refPid = 0;
  #refPrio = 0;
  /** Of `#fields`: what the line says of tasks, -1 for nothing. */
  #pid = -1;
  #childPid = -1;
  #commStart = 0;
  #commEnd = -1;
  #childCommStart = 0;
  #childCommEnd = -1;
  #curr = 0;
  /** States by their letter, levels by their letters. */
  readonly #states = new Int16Array(256).fill(UNKNOWN_STATE);
  readonly #levels = new Map<number, number>();

  constructor(bytes: Uint8Array, tasks: TaskTable, dialect: TextDialect) {
    this.#s = new TextScanner(bytes);
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
    const first = s.bytes[s.at]!;
    if (first < 48 || first > 57) {
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
        return (this.#s.looksAt(PREV_COMM) && this.#kernelSwitch()) || this.#switch();
      case Ev.SCHED_WAKEUP:
      case Ev.SCHED_WAKEUP_NEW:
        return (this.#s.looksAt(COMM) && this.#fields(event)) || this.#wakeup();
      case Ev.SCHED_PROCESS_EXEC:
        return this.#exec();
      case Ev.PRINT:
        return this.#print();
      case Ev.RENAME:
        return this.#rename();
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
        this.#commEnd = s.at = this.#bareEnd(field.next);
        break;
      case 'childComm':
        this.#childCommStart = s.at;
        this.#childCommEnd = s.at = this.#bareEnd(field.next);
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

  /** End of a bare comm that `next` and a number follow, or the end of the line. */
  #bareEnd(next: Uint8Array): number {
    const s = this.#s;
    for (let at = Math.min(s.at + MAX_COMM, s.end); at >= s.at; at--) {
      if (!s.looksAt(next, at)) continue;
      const code = s.bytes[at + next.length]!;
      if (code === MINUS || isDigit(code)) return at;
    }
    s.failed = true;
    return s.end;
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

  /** `prev:7 [120] S ==> next:8 [120]` */
  #switch(): boolean {
    const s = this.#s;
    const from = s.at;
    for (let arrow = this.#find(ARROW, from); arrow >= 0; arrow = this.#find(ARROW, arrow + 1)) {
      let stateStart = arrow;
      while (stateStart > from && s.bytes[stateStart - 1] !== SPACE) stateStart--;
      const state = this.#stateOf(stateStart, arrow);
      if (state < 0 || !this.#reference(from, stateStart - 1)) continue;
      const prevEnd = this.#refNameEnd;
      const prevPid = this.#refPid;
      const prevPrio = this.#refPrio;
      const nextStart = arrow + ARROW.length;
      if (!this.#reference(nextStart, s.end)) continue;
      return this.#setSwitch(
        prevPid,
        from,
        prevEnd,
        this.#refPid,
        nextStart,
        this.#refNameEnd,
        state,
        prevPrio,
        this.#refPrio,
      );
    }
    return false;
  }

  /** `prev_comm=prev prev_pid=7 prev_prio=120 prev_state=S ==> next_comm=next next_pid=8 next_prio=120` */
  #kernelSwitch(): boolean {
    const s = this.#s;
    const start = s.at;
    s.at += PREV_COMM.length;
    const prevStart = s.at;
    const prevEnd = (s.at = this.#bareEnd(PREV_PID));
    const prevPid = this.#keyed(PREV_PID);
    const prevPrio = this.#keyed(PREV_PRIO);
    s.at += PREV_STATE.length;
    const stateStart = s.at;
    s.skipWord();
    const state = s.at <= s.end ? this.#stateOf(stateStart, s.at) : -1;
    const arrow = s.looksAt(ARROW) && s.looksAt(NEXT_COMM, s.at + ARROW.length);
    s.at += ARROW.length + NEXT_COMM.length;
    const nextStart = s.at;
    let ok = arrow && state >= 0 && !s.failed;
    if (ok) {
      const nextEnd = (s.at = this.#bareEnd(NEXT_PID));
      const nextPid = this.#keyed(NEXT_PID);
      const nextPrio = this.#keyed(NEXT_PRIO);
      ok =
        !s.failed &&
        this.#setSwitch(prevPid, prevStart, prevEnd, nextPid, nextStart, nextEnd, state, prevPrio, nextPrio);
    }
    if (!ok) s.line(start, s.end);
    return ok;
  }

  /** The number after ` key=`. */
  #keyed(key: Uint8Array): number {
    const s = this.#s;
    if (!s.looksAt(key)) s.failed = true;
    s.at += key.length;
    return s.decimal();
  }

  #setSwitch(
    prevPid: number,
    prevStart: number,
    prevEnd: number,
    nextPid: number,
    nextStart: number,
    nextEnd: number,
    state: number,
    prevPrio: number,
    nextPrio: number,
  ): boolean {
    const prev = this.#tasks.task(prevPid);
    const next = this.#tasks.task(nextPid);
    if (prev === undefined || next === undefined) return false;
    this.#observe(prev, prevStart, prevEnd);
    this.#observe(next, nextStart, nextEnd);
    this.task = prev;
    this.args[0] = next;
    this.args[1] = state;
    this.args[2] = prevPrio;
    this.args[3] = nextPrio;
    return true;
  }

  /** `comm:7 [120] CPU:003`, of older versions with ` success=1` before the CPU. */
  #wakeup(): boolean {
    const s = this.#s;
    const from = s.at;
    let at = s.end;
    while (at > from && isDigit(s.bytes[at - 1]!)) at--;
    const cpuStart = at;
    at -= CPU.length;
    if (at <= from || !s.looksAt(CPU, at)) return false;
    if (at - SUCCESS.length > from && s.looksAt(SUCCESS, at - SUCCESS.length)) at -= SUCCESS.length;
    if (!this.#reference(from, at)) return false;
    s.at = cpuStart;
    this.args[0] = s.count();
    this.args[1] = this.#refPrio;
    const task = this.#tasks.task(this.#refPid);
    if (s.failed || task === undefined) return false;
    this.#observe(task, from, this.#refNameEnd);
    this.task = task;
    return true;
  }

  /** `filename=/bin/x pid=7 old_pid=7`: the task is called `x` from now on. A file name may have anything in it. */
  #exec(): boolean {
    const s = this.#s;
    const from = s.at;
    for (let at = s.end - PID.length; at > from; at--) {
      if (!s.looksAt(PID, at)) continue;
      s.at = at + PID.length;
      const task = this.#tasks.task(s.decimal());
      if (s.failed || task === undefined) return false;
      let base = at;
      while (base > from && s.bytes[base - 1] !== SLASH) base--;
      if (base > from) this.#observe(task, base, Math.min(at, base + MAX_COMM));
      this.task = task;
      return true;
    }
    return false;
  }

  /** `0xffffffff811c36bd: text`, `tracing_mark_write: text`, or in ftrace's own layout `text`. */
  #print(): boolean {
    const s = this.#s;
    const from = s.at;
    if (s.at + 2 < s.end && s.bytes[from] === 48 && s.bytes[from + 1] === 120) {
      s.hex();
      s.byte(COLON);
      s.byte(SPACE);
      if (s.failed) s.line(from, s.end);
    } else if (s.looksAt(MARK_WRITE)) s.at += MARK_WRITE.length;
    this.args[0] = this.#tasks.string(decodeUtf8(s.bytes, s.at, s.end));
    return true;
  }

  /** `pid=7 oldcomm=a newcomm=b oom_score_adj=0` */
  #rename(): boolean {
    const s = this.#s;
    if (!s.looksAt(PID_FIRST)) return false;
    s.at += PID_FIRST.length;
    const task = this.#tasks.task(s.decimal());
    if (s.failed || task === undefined || !s.looksAt(OLD_COMM)) return false;
    const oldStart = s.at + OLD_COMM.length;
    for (let at = Math.min(oldStart + MAX_COMM, s.end); at >= oldStart; at--) {
      if (!s.looksAt(NEW_COMM, at)) continue;
      const newStart = (s.at = at + NEW_COMM.length);
      const newEnd = this.#bareEnd(OOM_SCORE);
      if (s.failed) return false;
      this.#tasks.observe(task, s.bytes, oldStart, at);
      this.#tasks.observe(task, s.bytes, newStart, newEnd);
      this.task = task;
      this.args[0] = this.#tasks.string(decodeUtf8(s.bytes, newStart, newEnd));
      return true;
    }
    return false;
  }

  /** `name:pid [prio]`, read from its end, as only the name is free. */
  #reference(from: number, to: number): boolean {
    const s = this.#s;
    const { bytes } = s;
    let at = to - 1;
    if (at < from || bytes[at] !== BRACKET_END) return false;
    while (at > from && bytes[at] !== BRACKET) at--;
    const space = at - 1;
    let digits = space;
    while (digits > from && isDigit(bytes[digits - 1]!)) digits--;
    if (space <= from || bytes[space] !== SPACE || digits === space || bytes[digits - 1] !== COLON) return false;
    s.at = digits;
    s.failed = false;
    this.#refPid = s.count();
    s.at = at + 1;
    this.#refPrio = s.decimal();
    this.#refNameEnd = digits - 1;
    return !s.failed && s.at === to - 1 && this.#refNameEnd - from <= MAX_COMM;
  }

  /** A state's value by its text, which has few forms. */
  #stateOf(from: number, to: number): number {
    const { bytes } = this.#s;
    if (to - from === 1) {
      const known = this.#states[bytes[from]!]!;
      if (known !== UNKNOWN_STATE) return known;
    }
    if (to - from > 16 || from >= to) return -1;
    const state = parseState(decodeUtf8(bytes, from, to));
    if (to - from === 1) this.#states[bytes[from]!] = state;
    return state;
  }

  #find(needle: Uint8Array, from: number): number {
    for (let at = from; at + needle.length <= this.#s.end; at++) if (this.#s.looksAt(needle, at)) return at;
    return -1;
  }
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= DIGIT_9;
}
