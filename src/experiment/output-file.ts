/**
 * Files that are there whole or not at all: written under another name beside their place, and renamed when complete. What
 * is not complete when the process ends, for whatever reason it can notice, is removed.
 */
import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../base/errors.ts';

const BUFFER_BYTES = 1 << 20;
const unfinished = new Set<OutputFile>();

export class OutputFile {
  readonly path: string;
  readonly #partial: string;
  readonly #fd: number;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #used = 0;
  #bytes = 0;

  /** Throws `UserError` when there can be no such file. */
  constructor(path: string) {
    this.path = path;
    this.#partial = join(dirname(path), `.${basename(path)}.${process.pid}.partial`);
    this.#fd = attempt(path, () => openSync(this.#partial, 'w'));
    unfinished.add(this);
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The chunk is copied. */
  readonly write = (chunk: Uint8Array): void => {
    this.#bytes += chunk.length;
    if (this.#used + chunk.length > BUFFER_BYTES) this.#flush();
    if (chunk.length > BUFFER_BYTES) {
      this.#writeAll(chunk);
      return;
    }
    this.#buffer.set(chunk, this.#used);
    this.#used += chunk.length;
  };

  /** The file is complete: gives it its name. */
  commit(): void {
    this.#flush();
    attempt(this.path, () => {
      closeSync(this.#fd);
      renameSync(this.#partial, this.path);
    });
    unfinished.delete(this);
  }

  /** Leaves nothing behind. */
  discard(): void {
    if (!unfinished.delete(this)) return;
    closeSync(this.#fd);
    rmSync(this.#partial, { force: true });
  }

  #flush(): void {
    this.#writeAll(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }

  #writeAll(bytes: Uint8Array): void {
    attempt(this.path, () => {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done);
    });
  }
}

/** Writes a whole file at once. */
export function writeWholeFile(path: string, text: string): void {
  const file = new OutputFile(path);
  file.write(new TextEncoder().encode(text));
  file.commit();
}

/** Removes what has not been completed; for the end of the process. */
export function discardUnfinished(): void {
  for (const file of unfinished) file.discard();
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const hints: Record<string, string> = {
      ENOENT: 'the folder does not exist',
      EACCES: 'you may not write there',
      EISDIR: 'this is a folder; name a file in it',
      ENOSPC: 'the disk is full',
    };
    throw new UserError('file', `cannot write: ${reason}`, { file: path }, hints[reason] ?? '');
  }
}
