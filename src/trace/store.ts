/**
 * A trace in memory: columns in chunks, with the arguments of all rows in a pool of their own.
 *
 *   row r:  chunk r >> 16, slot r & 0xffff
 *
 *   chunk   time  f64 │ ........ │      pool page   f64 │ a0 a1 a2 | a0 | a0 a1 ...   │
 *           kind  u8  │ ........ │                        ▲
 *           cpu   u16 │ ........ │                        │
 *           task  i32 │ ........ │                        │
 *           args  u32 │ ...p.... │  p = page << 17 | first argument of the row; their number follows from the kind
 *
 * 19 bytes a row and 8 an argument. A row's arguments never straddle two pages, so the end of a page may be unused. Nothing
 * is allocated for an event but a new chunk or page when the last is full.
 */
import { assert, UserError } from '../base/errors.ts';
import { EVENT_ARITY, MAX_EVENT_ARGS } from './event-specs.ts';
import { Ev, type EventKind, IDLE_TASK } from './events.ts';
import type { TraceSink, TraceTables, TraceTask } from './sink.ts';

const CHUNK_BITS = 16;
const CHUNK_ROWS = 1 << CHUNK_BITS;
const SLOT = CHUNK_ROWS - 1;
const PAGE_BITS = 17;
const PAGE_ARGS = 1 << PAGE_BITS;
const PAGE_SLOT = PAGE_ARGS - 1;
/** What a 32-bit position in the pool can address. */
const MAX_PAGES = 2 ** (32 - PAGE_BITS);

interface Chunk {
  readonly time: Float64Array;
  readonly kind: Uint8Array;
  readonly cpu: Uint16Array;
  readonly task: Int32Array;
  readonly args: Uint32Array;
}

/** Something that can be played into a sink any number of times: a stored trace or a part of one. */
export interface TraceSource {
  readonly tables: TraceTables;
  readonly startNs: number;
  readonly endNs: number;
  /** Number of events. */
  readonly length: number;
  /** Gives the sink a whole trace: `begin`, every event, `end`. */
  play(sink: TraceSink): void;
}

export class TraceStore implements TraceSink, TraceSource {
  startNs = 0;
  endNs = 0;
  #tables: TraceTables | null = null;
  #length = 0;
  #chunks: Chunk[] = [];
  #pages: Float64Array[] = [];
  /** Of the last chunk and page; aliases, so that `event` need not look them up. */
  #chunk: Chunk | null = null;
  #page: Float64Array = new Float64Array(0);
  /** Next free argument in the last page. */
  #free = PAGE_ARGS;
  #lastNs = Number.NEGATIVE_INFINITY;
  #ended = false;

  get tables(): TraceTables {
    assert(this.#tables !== null, 'a trace has tables once it has begun');
    return this.#tables;
  }

  get length(): number {
    return this.#length;
  }

  /** Bytes of the columns, as allocated. */
  get byteLength(): number {
    return this.#chunks.length * CHUNK_ROWS * 19 + this.#pages.length * PAGE_ARGS * 8;
  }

  begin(tables: TraceTables, startNs: number): void {
    assert(this.#tables === null, 'a store takes one trace');
    this.#tables = tables;
    this.startNs = startNs;
    this.endNs = startNs;
    this.#lastNs = startNs;
  }

  event(kind: EventKind, timeNs: number, cpu: number, task: number, args: Float64Array): void {
    const slot = this.#length & SLOT;
    if (slot === 0) this.#growChunks();
    if (timeNs < this.#lastNs) throw new Error(`time goes back at event ${this.#length}: ${timeNs} < ${this.#lastNs}`);
    this.#lastNs = timeNs;
    const arity = EVENT_ARITY[kind]!;
    let free = this.#free;
    if (free + arity > PAGE_ARGS) {
      this.#growPages();
      free = 0;
    }
    const chunk = this.#chunk!;
    chunk.time[slot] = timeNs;
    chunk.kind[slot] = kind;
    chunk.cpu[slot] = cpu;
    chunk.task[slot] = task;
    chunk.args[slot] = (this.#pages.length - 1) * PAGE_ARGS + free;
    const page = this.#page;
    for (let i = 0; i < arity; i++) page[free + i] = args[i]!;
    this.#free = free + arity;
    this.#length++;
  }

  end(endNs: number): void {
    assert(!this.#ended, 'a trace ends once');
    this.#ended = true;
    this.endNs = Math.max(endNs, this.#lastNs);
    this.#tables = copyTables(this.tables);
  }

  timeAt(row: number): number {
    return this.#chunks[row >>> CHUNK_BITS]!.time[row & SLOT]!;
  }

  kindAt(row: number): EventKind {
    return this.#chunks[row >>> CHUNK_BITS]!.kind[row & SLOT] as EventKind;
  }

  cpuAt(row: number): number {
    return this.#chunks[row >>> CHUNK_BITS]!.cpu[row & SLOT]!;
  }

  taskAt(row: number): number {
    return this.#chunks[row >>> CHUNK_BITS]!.task[row & SLOT]!;
  }

  /** Argument `index` of the row, in the order of `EVENTS[kind].args`. */
  argAt(row: number, index: number): number {
    const at = this.#chunks[row >>> CHUNK_BITS]!.args[row & SLOT]!;
    return this.#pages[at >>> PAGE_BITS]![(at & PAGE_SLOT) + index]!;
  }

  /** Copies the arguments of the row to the beginning of `out`; how many there are. */
  argsAt(row: number, out: Float64Array): number {
    const chunk = this.#chunks[row >>> CHUNK_BITS]!;
    const slot = row & SLOT;
    const arity = EVENT_ARITY[chunk.kind[slot]!]!;
    const at = chunk.args[slot]!;
    const page = this.#pages[at >>> PAGE_BITS]!;
    const first = at & PAGE_SLOT;
    for (let i = 0; i < arity; i++) out[i] = page[first + i]!;
    return arity;
  }

  /** The first row that is not before `timeNs`; `length` when all are. */
  lowerBound(timeNs: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.timeAt(middle) < timeNs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  play(sink: TraceSink): void {
    sink.begin?.(this.tables, this.startNs);
    this.playRows(sink, 0, this.#length);
    sink.end?.(this.endNs);
  }

  /** Gives the sink the events of rows `from` to before `to`, without `begin` and `end`. */
  playRows(sink: TraceSink, from: number, to: number): void {
    const args = new Float64Array(MAX_EVENT_ARGS);
    const last = Math.min(to, this.#length);
    for (let row = from; row < last; ) {
      const chunk = this.#chunks[row >>> CHUNK_BITS]!;
      const { time, kind, cpu, task, args: at } = chunk;
      const end = Math.min(last, (row | SLOT) + 1);
      for (; row < end; row++) {
        const slot = row & SLOT;
        const k = kind[slot]!;
        const page = this.#pages[at[slot]! >>> PAGE_BITS]!;
        const first = at[slot]! & PAGE_SLOT;
        const arity = EVENT_ARITY[k]!;
        for (let i = 0; i < arity; i++) args[i] = page[first + i]!;
        sink.event(k as EventKind, time[slot]!, cpu[slot]!, task[slot]!, args);
      }
    }
  }

  /**
   * The part from `fromNs` to before `toNs`, as a trace that is complete in itself: its tables tell what each CPU runs and
   * what each task is called at its beginning. Shares the columns with this trace.
   */
  slice(fromNs: number, toNs: number): TraceSource {
    const from = this.lowerBound(fromNs);
    const to = Math.max(from, this.lowerBound(toNs));
    const startNs = Math.max(fromNs, this.startNs);
    const endNs = Math.max(startNs, Math.min(toNs, this.endNs));
    const tables = this.#tablesAt(from);
    return {
      tables,
      startNs,
      endNs,
      length: to - from,
      play: (sink) => {
        sink.begin?.(tables, startNs);
        this.playRows(sink, from, to);
        sink.end?.(endNs);
      },
    };
  }

  /** The tables as they are for a trace that begins with `row`. */
  #tablesAt(row: number): TraceTables {
    const tables = copyTables(this.tables);
    const tasks: TraceTask[] = [...tables.tasks];
    const current = Array.from(
      { length: tables.topology.nrCpus },
      (_, cpu) => tables.initialCurrent?.[cpu] ?? IDLE_TASK,
    );
    for (let r = 0; r < row; r++) {
      const kind = this.kindAt(r);
      if (kind === Ev.SCHED_SWITCH) current[this.cpuAt(r)] = this.argAt(r, 0);
      else if (kind === Ev.RENAME) {
        const task = this.taskAt(r);
        tasks[task] = { ...tasks[task]!, comm: tables.strings[this.argAt(r, 0)]! };
      }
    }
    return { ...tables, tasks, initialCurrent: current };
  }

  #growChunks(): void {
    this.#chunk = {
      time: new Float64Array(CHUNK_ROWS),
      kind: new Uint8Array(CHUNK_ROWS),
      cpu: new Uint16Array(CHUNK_ROWS),
      task: new Int32Array(CHUNK_ROWS),
      args: new Uint32Array(CHUNK_ROWS),
    };
    this.#chunks.push(this.#chunk);
  }

  #growPages(): void {
    if (this.#pages.length === MAX_PAGES) {
      throw new UserError('limit', `the trace has more than ${MAX_PAGES * PAGE_ARGS} arguments of events`);
    }
    this.#page = new Float64Array(PAGE_ARGS);
    this.#pages.push(this.#page);
    this.#free = 0;
  }
}

/** A copy of the tables that later events do not change. The topology is never changed, so it is shared. */
function copyTables(tables: TraceTables): TraceTables {
  return {
    ...tables,
    tasks: tables.tasks.map((task) => ({ ...task })),
    strings: [...tables.strings],
    masks: tables.masks.map((mask) => [...mask]),
    ...(tables.initialCurrent === undefined ? {} : { initialCurrent: [...tables.initialCurrent] }),
  };
}

/** Stores whatever a source of events gives to the sink it is handed. */
export function storeTrace(source: (sink: TraceSink) => void): TraceStore {
  const store = new TraceStore();
  source(store);
  return store;
}
