/**
 * Our own file form of a trace: small, whole or refused, and the same bytes for the same trace.
 *
 *   8 bytes   89 53 54 59 4c 0d 0a 1a      the third to fifth letters are STYL; the rest shows what a transfer as text does
 *   block...  u32 type │ u32 size │ u32 CRC-32 of the content │ content
 *
 *   HEAD  1, once, first   u32 format version │ u32 bytes │ deflated JSON: source, machine, kinds of events, start
 *   ROWS  2, any number    u32 rows           │ u32 bytes │ deflated columns, see `disk-columns.ts`; 65536, the last fewer
 *   TAIL  3, once, last    u32 0              │ u32 bytes │ deflated JSON: tasks, strings, masks, number of rows, end
 *
 * Tables are those of `disk-tables.ts`; `bytes` is the size when inflated.
 *
 * What events refer to comes last, since it grows with the trace: so writing needs the memory of one block of rows. A trace
 * is played from the bytes of the file, one block at a time, or put into a `TraceStore`.
 *
 * Kinds are matched by name, so a file stays readable when kinds or arguments are added: an argument that the file has not
 * is NOT_OBSERVED. A file with kinds that we do not know is refused. Kinds of decision records are only there if decisions were
recorded: so a trace without them has the bytes that it always had, and one with them is refused by a reader that does not
know them, with the kind's name and the advice to take a newer one.
 */
import { deflateSync, inflateSync } from 'fflate';
import { assert, UserError } from '../base/errors.ts';
import { concatenate } from './byte-writer.ts';
import { crc32 } from './crc32.ts';
import { decodeRows, emptyRows, encodeRows, maxEncodedBytes, type Rows } from './disk-columns.ts';
import { type DiskHead, type DiskTail, headToJson, jsonToHead, jsonToTail, tailToJson } from './disk-tables.ts';
import { EVENT_ARITY, EVENTS, MAX_EVENT_ARGS } from './event-specs.ts';
import { Ev, type EventKind, isDecisionKind, NOT_OBSERVED } from './events.ts';
import type { TraceSink, TraceTables } from './sink.ts';
import type { TraceSource } from './store.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

const MAGIC = Uint8Array.of(0x89, 0x53, 0x54, 0x59, 0x4c, 0x0d, 0x0a, 0x1a);
const FORMAT = 1;
const HEAD = 1;
const ROWS = 2;
const TAIL = 3;
const BLOCK_HEADER = 12;
/** The two numbers that every content begins with. */
const CONTENT_HEADER = 8;
const CHUNK_ROWS = 1 << 16;
/** In the place of a kind that the file has not. */
const NO_KIND = 255;
/** Deflate makes nothing smaller than by this. */
const MAX_DEFLATION = 1032;

/** Writes the trace it is given, in pieces. */
export class TraceDiskWriter implements TraceSink {
  readonly #write: (chunk: Uint8Array) => void;
  readonly #rows = emptyRows(CHUNK_ROWS);
  #nrArgs = 0;
  #nrRows = 0;
  #wideCpus = false;
  #tables: TraceTables | null = null;
  /** The file's kinds, by ours; and how many arguments each has. */
  readonly #fileKind = new Uint8Array(EVENTS.length).fill(NO_KIND);
  #arity = EVENT_ARITY;

  constructor(write: (chunk: Uint8Array) => void) {
    this.#write = write;
  }

  begin(tables: TraceTables, startNs: number): void {
    this.#tables = tables;
    this.#wideCpus = tables.topology.nrCpus > 256;
    this.#write(MAGIC.slice());
    const written = EVENTS.filter((_, kind) => tables.decisions === true || !isDecisionKind(kind));
    this.#arity = Uint8Array.from(written, ({ args }) => args.length);
    EVENTS.forEach((spec, kind) => {
      if (written.includes(spec)) this.#fileKind[kind] = written.indexOf(spec);
    });
    const kinds = written.map(({ name, args }) => ({ name, args: args.map(([arg]) => arg) }));
    this.#json(HEAD, FORMAT, headToJson({ tables, kinds, startNs }));
  }

  event(kind: EventKind, timeNs: number, cpu: number, task: number, args: Float64Array): void {
    assert(Number.isSafeInteger(timeNs), 'times are whole nanoseconds');
    const rows = this.#rows;
    const row = rows.length++;
    rows.time[row] = timeNs;
    rows.kind[row] = this.#fileKind[kind]!;
    assert(rows.kind[row] !== NO_KIND, 'a trace with decisions says so in its tables');
    rows.cpu[row] = cpu;
    rows.task[row] = task;
    const arity = EVENT_ARITY[kind]!;
    if (this.#nrArgs + arity > rows.args.length) this.#growArgs();
    for (let i = 0; i < arity; i++) rows.args[this.#nrArgs + i] = args[i]!;
    this.#nrArgs += arity;
    if (rows.length === CHUNK_ROWS) this.#flush();
  }

  end(endNs: number): void {
    this.#flush();
    assert(this.#tables !== null, 'a trace ends after it has begun');
    this.#json(TAIL, 0, tailToJson({ tables: this.#tables, rows: this.#nrRows, endNs }));
  }

  #growArgs(): void {
    const larger = new Float64Array(this.#rows.args.length * 2);
    larger.set(this.#rows.args);
    this.#rows.args = larger;
  }

  #flush(): void {
    const rows = this.#rows;
    if (rows.length === 0) return;
    const bytes = encodeRows(rows, this.#arity, this.#wideCpus);
    this.#block(ROWS, rows.length, bytes);
    this.#nrRows += rows.length;
    rows.length = 0;
    this.#nrArgs = 0;
  }

  #json(type: number, first: number, json: unknown): void {
    this.#block(type, first, encodeUtf8(JSON.stringify(json)));
  }

  #block(type: number, first: number, bytes: Uint8Array): void {
    const deflated = deflateSync(bytes);
    const block = new Uint8Array(BLOCK_HEADER + CONTENT_HEADER + deflated.length);
    block.set(u32(first, bytes.length), BLOCK_HEADER);
    block.set(deflated, BLOCK_HEADER + CONTENT_HEADER);
    const content = block.subarray(BLOCK_HEADER);
    block.set(u32(type, content.length, crc32(content)));
    this.#write(block);
  }
}

/** The bytes of the file of a trace. */
export function writeTrace(trace: TraceSource): Uint8Array {
  const chunks: Uint8Array[] = [];
  trace.play(new TraceDiskWriter((chunk) => chunks.push(chunk)));
  return concatenate(chunks);
}

export function isTraceFile(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, i) => bytes[i] === byte);
}

/**
 * A trace in the bytes of its file. Throws `UserError` with the byte for a file that is none, is cut off or damaged; all
 * blocks are checked here, and what is in them when they are played.
 */
export function readTrace(bytes: Uint8Array): TraceSource {
  if (!isTraceFile(bytes)) throw new UserError('format', 'this is no Steelyard trace', { offset: 0 });
  const blocks = [...findBlocks(bytes)];
  const first = blocks[0];
  const last = blocks.at(-1);
  if (first?.type !== HEAD) throw damaged('it does not begin with its header', MAGIC.length);
  if (last?.type !== TAIL) throw damaged('its end is missing', bytes.length, 'was writing it interrupted?');
  const format = first.first;
  if (format !== FORMAT) {
    throw new UserError(
      'format',
      `the trace is of format ${format}, not ${FORMAT}`,
      {},
      'read it with a newer Steelyard',
    );
  }
  const head = jsonToHead(inflatedJson(first));
  const tail = jsonToTail(inflatedJson(last), head);
  const chunks = blocks.slice(1, -1);
  const wrong = chunks.find((block) => block.type !== ROWS);
  if (wrong !== undefined) throw damaged('it has a block of an unknown type', wrong.offset);
  const rows = chunks.reduce((n, block) => n + block.first, 0);
  if (rows !== tail.rows) throw damaged(`it has ${rows} rows instead of ${tail.rows}`, bytes.length);
  return new DiskTrace(chunks, head, tail);
}

interface Block {
  readonly type: number;
  readonly offset: number;
  /** The number that its content begins with, and how large the rest is when inflated. */
  readonly first: number;
  readonly size: number;
  readonly deflated: Uint8Array;
}

function* findBlocks(bytes: Uint8Array): Generator<Block> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let offset = MAGIC.length; offset < bytes.length; ) {
    if (offset + BLOCK_HEADER > bytes.length) throw damaged('it is cut off', bytes.length);
    const size = view.getUint32(offset + 4, true);
    const start = offset + BLOCK_HEADER;
    if (start + size > bytes.length) throw damaged('it is cut off', bytes.length);
    const content = bytes.subarray(start, start + size);
    if (crc32(content) !== view.getUint32(offset + 8, true)) throw damaged('a checksum is wrong', offset);
    const type = view.getUint32(offset, true);
    if (size < CONTENT_HEADER) throw damaged('a block is too short', offset);
    const deflated = content.subarray(CONTENT_HEADER);
    yield { type, offset, first: view.getUint32(start, true), size: view.getUint32(start + 4, true), deflated };
    offset = start + size;
  }
}

class DiskTrace implements TraceSource {
  readonly tables: TraceTables;
  readonly startNs: number;
  readonly endNs: number;
  readonly length: number;
  readonly #chunks: readonly Block[];
  /** Kind of ours, by kind of the file; and for each, the argument of the file that is each of ours, or -1. */
  readonly #kinds: readonly EventKind[];
  readonly #sources: readonly (readonly number[])[];
  readonly #arity: Uint8Array;

  constructor(chunks: readonly Block[], head: DiskHead, tail: DiskTail) {
    const decisions = head.kinds.some(({ name }) => name === EVENTS[Ev.DECISION]!.name);
    this.tables = decisions ? { ...tail.tables, decisions: true } : tail.tables;
    this.startNs = head.startNs;
    this.endNs = tail.endNs;
    this.length = tail.rows;
    this.#chunks = chunks;
    this.#kinds = head.kinds.map(({ name }) => {
      const kind = EVENTS.findIndex((spec) => spec.name === name);
      if (kind < 0) {
        throw new UserError('format', `the trace has events of kind "${name}"`, {}, 'read it with a newer Steelyard');
      }
      return kind as EventKind;
    });
    this.#sources = head.kinds.map(({ args }, i) => EVENTS[this.#kinds[i]!]!.args.map(([arg]) => args.indexOf(arg)));
    this.#arity = Uint8Array.from(head.kinds, ({ args }) => args.length);
  }

  play(sink: TraceSink): void {
    const { nrCpus } = this.tables.topology;
    const rows = emptyRows(CHUNK_ROWS);
    const maxArity = this.#arity.reduce((most, n) => Math.max(most, n), 0);
    let lastNs = this.startNs;
    sink.begin?.(this.tables, this.startNs);
    for (const block of this.#chunks) {
      const { first: length, size, offset } = block;
      if (length > CHUNK_ROWS || size > maxEncodedBytes(length, length * maxArity))
        throw damaged('a block is too large', offset);
      decodeRows(inflated(block), length, this.#arity, nrCpus > 256, rows);
      if (length > 0 && rows.time[0]! < lastNs) throw damaged('time goes back', offset);
      this.#playRows(sink, rows, offset);
      lastNs = rows.time[length - 1] ?? lastNs;
    }
    sink.end?.(this.endNs);
  }

  #playRows(sink: TraceSink, rows: Rows, offset: number): void {
    const { topology, tasks, strings, masks } = this.tables;
    const limits = { task: tasks.length, string: strings.length, mask: masks.length };
    const args = new Float64Array(MAX_EVENT_ARGS);
    let at = 0;
    for (let row = 0; row < rows.length; row++) {
      const fileKind = rows.kind[row]!;
      const kind = this.#kinds[fileKind]!;
      const sources = this.#sources[fileKind]!;
      for (let i = 0; i < sources.length; i++) args[i] = sources[i]! < 0 ? NOT_OBSERVED : rows.args[at + sources[i]!]!;
      at += this.#arity[fileKind]!;
      const task = rows.task[row]!;
      if (rows.cpu[row]! >= topology.nrCpus || task < -1 || task >= tasks.length) {
        throw damaged('an event refers to what is not there', offset);
      }
      const types = EVENTS[kind]!.args;
      for (let i = 0; i < types.length; i++) {
        const type = types[i]![1];
        if (type !== 'task' && type !== 'string' && type !== 'mask') continue;
        // an argument that the file has not, and the idle task, are -1
        if (!(args[i]! >= -1 && args[i]! < limits[type])) throw damaged('an event refers to what is not there', offset);
      }
      sink.event(kind, rows.time[row]!, rows.cpu[row]!, task, args);
    }
  }
}

function inflatedJson(block: Block): unknown {
  const bytes = inflated(block);
  try {
    return JSON.parse(decodeUtf8(bytes));
  } catch {
    throw damaged('its tables cannot be read', block.offset);
  }
}

function inflated({ deflated, size, offset }: Block): Uint8Array {
  if (size > MAX_DEFLATION * deflated.length + 64) throw damaged('a block is too large', offset);
  let bytes: Uint8Array;
  try {
    bytes = inflateSync(deflated, { out: new Uint8Array(size) });
  } catch {
    throw damaged('a block cannot be inflated', offset);
  }
  if (bytes.length !== size) throw damaged('a block is of another size', offset);
  return bytes;
}

function u32(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setUint32(4 * i, value, true);
  });
  return bytes;
}

function damaged(what: string, offset: number, hint = ''): UserError {
  return new UserError('format', `the trace file is damaged: ${what}`, { offset }, hint);
}
