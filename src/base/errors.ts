/**
 * Errors of users and errors of programmers.
 *
 * A `UserError` is somebody's input or command line being wrong: it carries a stable code, the place (file with line and
 * column, or byte offset) and what to do about it, and is printed without a stack trace. A failed `assert` is our own
 * mistake: it is thrown as a plain `Error` and may show its stack.
 */

/** What kind of input was wrong. The command line maps each to an exit code. */
export type UserErrorCode =
  | 'usage' // the command line itself
  | 'file' // a file is missing or unreadable
  | 'format' // a file is not what it claims to be
  | 'machine' // a machine description makes no sense
  | 'workload' // a workload makes no sense, or not on this machine
  | 'policy' // an unknown policy, part or value
  | 'limit' // something is larger than we take
  | 'hook'; // a policy file did something wrong while it ran

/** Where in an input something is wrong. Lines and columns count from 1, offsets are bytes from 0. */
export interface Place {
  readonly file?: string | undefined;
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  readonly offset?: number | undefined;
}

/** `file:line:column`, `file at byte N`, or the empty string. */
export function formatPlace(place: Place): string {
  const file = place.file ?? '';
  if (place.line !== undefined) {
    const at = place.column === undefined ? `${place.line}` : `${place.line}:${place.column}`;
    return file === '' ? `line ${at}` : `${file}:${at}`;
  }
  if (place.offset !== undefined) return file === '' ? `byte ${place.offset}` : `${file} at byte ${place.offset}`;
  return file;
}

export class UserError extends Error {
  override readonly name = 'UserError';
  readonly code: UserErrorCode;
  readonly place: Place;
  /** What to do about it; one sentence, may be empty. */
  readonly hint: string;
  /** The message without place and hint. */
  readonly what: string;

  constructor(code: UserErrorCode, what: string, place: Place = {}, hint = '', options?: { readonly cause: unknown }) {
    const at = formatPlace(place);
    super((at === '' ? what : `${at}: ${what}`) + (hint === '' ? '' : ` (${hint})`), options);
    this.code = code;
    this.what = what;
    this.place = place;
    this.hint = hint;
  }

  /** The same error, said to be in `file`; for parsers that are handed bytes and do not know where these came from. */
  inFile(file: string): UserError {
    return this.place.file === undefined
      ? new UserError(this.code, this.what, { ...this.place, file }, this.hint)
      : this;
  }
}

/** An error of ours: something that cannot happen did. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}

/** The candidate closest to `word` by edit distance, if it is close enough to be a likely misspelling. */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const d = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (d < bestDistance) {
      bestDistance = d;
      best = candidate;
    }
  }
  return best;
}

/** A hint from `suggest`, worded: `did you mean "x"?`, or what there is. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const close = suggest(word, candidates);
  if (close !== undefined) return `did you mean "${close}"?`;
  return candidates.length <= 24 ? `known: ${candidates.join(', ')}` : '';
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
