/**
 * How the command ends when something is wrong: one message on standard error, a stable exit code, and no half-written
 * output. The codes are documented in the README.
 */
import { UserError, type UserErrorCode } from '../base/errors.ts';
import { discardUnfinished } from '../experiment/output-file.ts';

export const EXIT_CODES: Readonly<Record<UserErrorCode, number>> = {
  usage: 2,
  file: 3,
  format: 4,
  machine: 5,
  workload: 6,
  policy: 7,
  limit: 8,
  hook: 9,
};
const INTERNAL = 1;
const INTERRUPTED = 130;

/** Says what is wrong and ends the process; `stack`: also where in a policy file, call by call. */
export function fail(error: unknown, { stack = false } = {}): never {
  discardUnfinished();
  if (error instanceof UserError) {
    const hint = error.hint === '' ? '' : `\n  ${error.hint}`;
    const at = error.message.slice(0, error.message.length - (error.hint === '' ? 0 : error.hint.length + 3));
    process.stderr.write(`steelyard: ${at}${hint}\n`);
    if (stack && error.cause instanceof Error) process.stderr.write(`${error.cause.stack}\n`);
    process.exit(EXIT_CODES[error.code]);
  }
  if (isOutOfMemory(error)) {
    process.stderr.write('steelyard: there is not enough memory for this\n');
    process.exit(EXIT_CODES.limit);
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(
    `steelyard: this is a mistake of ours; please report it with the command and its input\n${text}\n`,
  );
  process.exit(INTERNAL);
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
}

/** Ctrl-C leaves nothing behind; a reader that goes away (`| head`) is no error. */
export function installHandlers(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      discardUnfinished();
      process.exit(INTERRUPTED);
    });
  }
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    discardUnfinished();
    process.exit(0);
  });
}
