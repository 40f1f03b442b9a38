/** A trace read from a file of ours. */
import { readFileSync } from 'node:fs';
import { UserError } from '../base/errors.ts';
import { readTrace } from '../trace/disk.ts';
import type { TraceSource } from '../trace/store.ts';

/** Throws `UserError`, with the file, for what is not there or no trace. */
export function loadTrace(path: string): TraceSource {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new UserError('file', reason === 'ENOENT' ? 'no such file' : `cannot be read: ${reason}`, { file: path });
  }
  return inFile(path, () => readTrace(bytes));
}

/** What goes wrong is in this file. */
function inFile<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof UserError ? error.inFile(path) : error;
  }
}
