/**
 * Where in a text something is, and what a reader has to say that is not an error.
 *
 * Readers keep offsets (one number); lines and columns, which people want, are worked out only when something is said.
 */
import { type Place, UserError, type UserErrorCode } from '../base/errors.ts';

/** Something odd in an input that was read all the same. Lines and columns count from 1. */
export interface Warning {
  readonly message: string;
  readonly file?: string | undefined;
  readonly line?: number | undefined;
  readonly column?: number | undefined;
}

/** More warnings than this about one input help nobody. */
const MAX_WARNINGS = 100;

export class WarningList {
  readonly #list: Warning[] = [];
  #dropped = 0;

  add(message: string, place: Place = {}): void {
    if (this.#list.length === MAX_WARNINGS) this.#dropped++;
    else this.#list.push({ message, file: place.file, line: place.line, column: place.column });
  }

  get all(): readonly Warning[] {
    return this.#dropped === 0 ? this.#list : [...this.#list, { message: `and ${this.#dropped} warnings more` }];
  }
}

/** A text that knows its lines. */
export class PlacedText {
  readonly text: string;
  readonly file: string | undefined;
  #lineStarts: number[] | undefined;

  constructor(text: string, file?: string) {
    this.text = text;
    this.file = file;
  }

  place(offset: number): Place {
    const starts = (this.#lineStarts ??= lineStartsOf(this.text));
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle;
    }
    return { file: this.file, line: low + 1, column: offset - starts[low]! + 1 };
  }

  error(code: UserErrorCode, what: string, offset: number, hint = ''): UserError {
    return new UserError(code, what, this.place(offset), hint);
  }
}

function lineStartsOf(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

/** A piece of somebody's input, fit to be quoted in a message: one line, not long. */
export function quote(text: string): string {
  const line = text.slice(0, 80).replace(/\p{Cc}+/gu, ' ');
  return `"${line.length > 40 ? `${line.slice(0, 37)}...` : line}"`;
}
