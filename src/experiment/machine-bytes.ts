/**
 * The bytes of a machine's file, unpacked if they were packed. What is in it is decided by the first bytes, before the
 * rest is read or unpacked: garbage of any length costs one block, and what unpacks to more than a machine can be is
 * dropped at the limit.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { constants, gunzipSync } from 'node:zlib';
import Bunzip from 'seek-bzip';
import { UserError } from '../base/errors.ts';
import { isTarHeader } from './machine-tar.ts';

/** The most bytes of XML, JSON or tar we take; the tree of a machine of 1024 CPUs is some 80 MB. */
export const MAX_BYTES = 128 * 2 ** 20;

const CHUNK = 1 << 16;

/** What it takes to know a tar. */
const TAR_BLOCK = 512;

export type Content = 'xml' | 'json' | 'tar';

export interface Unpacked {
  readonly content: Content;
  /** Alone in its buffer. */
  readonly bytes: Uint8Array;
}

/** Throws `UserError` with the byte where things went wrong, not naming the file. */
export function readMachineBytes(file: string): Unpacked {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch (e) {
    throw new UserError('file', `cannot be read: ${messageOf(e)}`);
  }
  try {
    return unpack(new Source(fd));
  } finally {
    closeSync(fd);
  }
}

function unpack(source: Source): Unpacked {
  const head = source.next();
  if (head.length === 0) throw new UserError('format', 'the file is empty');
  const sink = new Sink();
  if (head[0] === 0x1f && head[1] === 0x8b) gunzip(head, source, sink);
  else if (startsWith(head, 'BZh')) bunzip(head, source, sink);
  else {
    // A file knows its length, so that one that is too long need not be read; a pipe is read as far as is taken.
    if (source.length > MAX_BYTES) throw tooLong('this is');
    for (let chunk = head; chunk.length > 0; chunk = source.next()) sink.push(chunk);
  }
  return sink.end();
}

/**
 * Node's own: it checks lengths and sums, where streaming ones in JavaScript take a file cut short for a whole one. It
 * wants all bytes at once, so what begins like no machine is refused after the first piece.
 */
function gunzip(head: Uint8Array, source: Source, sink: Sink): void {
  if (source.length > MAX_BYTES) throw tooLong('this is');
  const pieces: Uint8Array[] = [];
  let length = 0;
  try {
    const first = gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH });
    if (first.length >= TAR_BLOCK) contentOf(first);
    for (let chunk = head; chunk.length > 0; chunk = source.next()) {
      pieces.push(chunk);
      length += chunk.length;
      if (length > MAX_BYTES) throw tooLong('this is');
    }
    sink.push(gunzipSync(Buffer.concat(pieces), { maxOutputLength: MAX_BYTES }));
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLong('there are');
    throw packedError('gzip', e, source);
  }
}

function bunzip(head: Uint8Array, source: Source, sink: Sink): void {
  let chunk = head;
  let at = 0;
  const input = new Bunzip.Stream();
  input.eof = () => {
    if (at >= chunk.length) {
      chunk = source.next();
      at = 0;
    }
    return chunk.length === 0;
  };
  input.readByte = () => {
    if (at >= chunk.length && input.eof()) throw new Error('the file ends in the middle');
    return chunk[at++]!;
  };
  const output = new Bunzip.Stream();
  let block = new Uint8Array(CHUNK);
  let filled = 0;
  output.writeByte = (byte: number) => {
    block[filled++] = byte;
    if (filled < CHUNK) return;
    sink.push(block);
    block = new Uint8Array(CHUNK);
    filled = 0;
  };
  try {
    // Several streams in a row are what parallel packers make.
    Bunzip.decode(input, output, true);
  } catch (e) {
    throw packedError('bzip2', e, source);
  }
  sink.push(block.subarray(0, filled));
}

function packedError(what: string, e: unknown, source: Source): UserError {
  if (e instanceof UserError) return e;
  return new UserError('format', `this is no good ${what}: ${messageOf(e)}`, { offset: source.offset });
}

/** A file read piece by piece. */
class Source {
  readonly #fd: number;
  /** Bytes, 0 for what is no plain file. */
  readonly length: number;
  /** Where the last piece began. */
  offset = 0;
  #read = 0;

  constructor(fd: number) {
    this.#fd = fd;
    const stat = fstatSync(fd);
    this.length = stat.isFile() ? stat.size : 0;
  }

  /** Empty at the end. */
  next(): Uint8Array {
    this.offset = this.#read;
    try {
      const chunk = new Uint8Array(CHUNK);
      const length = readSync(this.#fd, chunk);
      this.#read += length;
      return chunk.subarray(0, length);
    } catch (e) {
      throw new UserError('file', `cannot be read: ${messageOf(e)}`);
    }
  }
}

/** Collects what was unpacked, as long as it begins like a machine and is not too long. */
class Sink {
  #bytes = new Uint8Array(CHUNK);
  #length = 0;
  #content: Content | undefined;

  push(chunk: Uint8Array): void {
    const length = this.#length + chunk.length;
    if (length > MAX_BYTES) throw tooLong('there are');
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.min(MAX_BYTES, Math.max(length, this.#bytes.length * 2)));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(chunk, this.#length);
    this.#length = length;
    if (length >= TAR_BLOCK) this.#content ??= contentOf(this.#bytes.subarray(0, length));
  }

  end(): Unpacked {
    const bytes = this.#bytes.slice(0, this.#length);
    this.#content ??= contentOf(bytes);
    return { content: this.#content, bytes };
  }
}

function contentOf(bytes: Uint8Array): Content {
  if (isTarHeader(bytes, 0)) return 'tar';
  const text = new TextDecoder('latin1').decode(bytes.subarray(0, 1024)).replace(/^\u00ef\u00bb\u00bf/, '');
  const first = /\S/.exec(text)?.[0];
  if (first === '<') return 'xml';
  if (first === '{') return 'json';
  const packer = startsWith(bytes, '\xfd7zXZ') ? 'xz' : startsWith(bytes, '\x28\xb5\x2f\xfd') ? 'zstd' : undefined;
  if (packer !== undefined)
    throw new UserError('format', `this is packed with ${packer}`, {}, 'unpack it first, or use gzip or bzip2');
  const hint = 'a machine is hwloc XML, a tarball of hwloc-gather-topology, or a topology.json';
  throw new UserError('format', 'this is no machine: neither XML nor JSON nor tar', { offset: 0 }, hint);
}

function tooLong(what: string): UserError {
  return new UserError('limit', `${what} more than ${MAX_BYTES / 2 ** 20} MB, which is no machine`);
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  return [...text].every((c, i) => bytes[i] === c.charCodeAt(0));
}

function messageOf(e: unknown): string {
  return e instanceof Error ? e.message : String(e);
}
