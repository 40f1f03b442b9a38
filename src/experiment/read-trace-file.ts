/**
 * A trace read from a file: our own form, or the text of `trace-cmd report` or ftrace.
 *
 * A text does not tell its machine: its CPUs are those of its first line (`cpus=4`) or the highest that an event names, and
 * their domains are as the events call them. Each repetition (`lab rep N`) is a trace of its own, with its own time.
 */
import { readFileSync } from 'node:fs';
import { UserError } from '../base/errors.ts';
import { buildTopology, MAX_CPUS } from '../machine/topology.ts';
import { isTraceFile, readTrace } from '../trace/disk.ts';
import { labRepetitions } from '../trace/lab-text-reader.ts';
import { storeTrace, type TraceSource } from '../trace/store.ts';
import { decodeUtf8 } from '../trace/utf8.ts';

export interface LoadedTraces {
  readonly form: 'steelyard' | 'text';
  /** One; of a text, one for each repetition, made as it is asked for. */
  readonly traces: Iterable<TraceSource>;
}

/** Throws `UserError`, with the file, for what is not there or no trace. `release`: kernel that a text is of. */
export function loadTraces(path: string, release: string): LoadedTraces {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const what = { ENOENT: 'no such file', EISDIR: 'this is a folder' }[reason] ?? `cannot be read: ${reason}`;
    throw new UserError('file', what, { file: path });
  }
  if (isTraceFile(bytes)) return { form: 'steelyard', traces: [inFile(path, () => readTrace(bytes))] };
  return { form: 'text', traces: textTraces(path, bytes, release) };
}

function* textTraces(path: string, bytes: Uint8Array, release: string): Generator<TraceSource> {
  const repetitions = inFile(path, () => {
    const nrCpus = cpusOfText(bytes);
    const topology = buildTopology({ name: `${nrCpus} CPUs`, cpus: Array.from({ length: nrCpus }, () => ({})) });
    return labRepetitions(bytes, { topology, source: `linux-${release}` });
  });
  for (const repetition of repetitions) yield inFile(path, () => storeTrace((sink) => repetition.play(sink)));
}

function cpusOfText(bytes: Uint8Array): number {
  const first = /^cpus=(\d{1,6})\n/.exec(decodeUtf8(bytes.subarray(0, 16)));
  if (first !== null) return within(Number(first[1]));
  let most = -1;
  for (let at = bytes.indexOf(BRACKET); at >= 0; at = bytes.indexOf(BRACKET, at + 1)) {
    const cpu = /^\[(\d{3,5})\] /.exec(decodeUtf8(bytes.subarray(at, at + 8)));
    if (cpu !== null) most = Math.max(most, Number(cpu[1]));
  }
  if (most < 0)
    throw new UserError('format', 'this is no trace', {}, 'a .steelyard file, or the text of trace-cmd report');
  return within(most + 1);
}
const BRACKET = 91;

function within(nrCpus: number): number {
  if (nrCpus >= 1 && nrCpus <= MAX_CPUS) return nrCpus;
  throw new UserError('limit', `a trace of ${nrCpus} CPUs; we take 1 to ${MAX_CPUS}`);
}

/** What goes wrong is in this file. */
function inFile<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof UserError ? error.inFile(path) : error;
  }
}
