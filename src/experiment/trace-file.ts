/**
 * A trace written to a file, in the form that its name asks for.
 *
 *   .txt                         text as `trace-cmd report -t` prints it, with the kernel lab's events
 *   .perfetto-trace .pftrace     Perfetto protobuf; opens in ui.perfetto.dev
 *   .steelyard                   our own form, complete
 */
import { UserError } from '../base/errors.ts';
import { TraceDiskWriter } from '../trace/disk.ts';
import { FtraceTextWriter } from '../trace/ftrace-text.ts';
import { PerfettoWriter } from '../trace/perfetto.ts';
import type { TraceSink } from '../trace/sink.ts';
import { OutputFile } from './output-file.ts';

type Write = (chunk: Uint8Array) => void;

interface TraceForm {
  readonly extensions: readonly string[];
  readonly writer: (write: Write) => TraceSink;
  /** Decision records are kept. */
  readonly keepsDecisions?: true;
}

const FORMS: readonly TraceForm[] = [
  {
    extensions: ['.txt'],
    writer: (write) => new FtraceTextWriter(write, { repetition: 1 }),
  },
  {
    extensions: ['.perfetto-trace', '.pftrace'],
    writer: (write) => new PerfettoWriter(write),
  },
  { extensions: ['.steelyard'], writer: (write) => new TraceDiskWriter(write), keepsDecisions: true },
];

export interface TraceFile {
  readonly file: OutputFile;
  readonly sink: TraceSink;
}

/** Throws `UserError` for a name that tells no form; for a check before the work begins. */
export function checkTraceName(path: string): void {
  formOf(path);
}

/** Throws `UserError` unless decision records would be kept in such a file; undefined: there is none. */
export function checkKeepsDecisions(path: string | undefined): void {
  if (path !== undefined && formOf(path).keepsDecisions === true) return;
  const what =
    path === undefined ? 'decisions are kept in a trace, and none is written' : `"${path}" cannot keep decisions`;
  throw new UserError('usage', what, {}, 'add --trace FILE.steelyard');
}

/** Opens the file; the caller commits or discards it. */
export function openTraceFile(path: string): TraceFile {
  const form = formOf(path);
  const file = new OutputFile(path);
  return { file, sink: form.writer(file.write) };
}

function formOf(path: string): TraceForm {
  const form = FORMS.find(({ extensions }) => extensions.some((extension) => path.endsWith(extension)));
  if (form !== undefined) return form;
  const known = FORMS.flatMap(({ extensions }) => extensions);
  throw new UserError('usage', `"${path}": no form of trace is known by that ending`, {}, `known: ${known.join(', ')}`);
}
