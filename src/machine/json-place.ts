/**
 * Where in a JSON text something is: for messages about files that are good JSON but not what was expected. The text is
 * walked only when there is something to complain about, so reading stays `JSON.parse`.
 */
import { type Place, UserError } from '../base/errors.ts';

export type JsonPath = readonly (string | number)[];

/** `JSON.parse` with its errors as `UserError` (code `format`) at line and column. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (e) {
    const message = e instanceof Error ? e.message : String(e);
    // V8 gives an offset, or says that the text ended.
    const at = /at position (\d+)/.exec(message);
    const offset = at === null ? text.length : Number(at[1]);
    const what = /^(?:Unexpected|Expected|Bad|Unterminated|No number|Exponent)/.exec(message);
    const short = what === null ? 'not JSON' : message.replace(/,? ?(?:\.\.\.)?(?:in JSON )?at position.*$|, .*$/s, '');
    throw new UserError('format', `this is no JSON: ${short}`, lineAndColumn(text, offset));
  }
}

/** `cpus[3].smt` */
export function formatJsonPath(path: JsonPath): string {
  return path.map((key, i) => (typeof key === 'number' ? `[${key}]` : i === 0 ? key : `.${key}`)).join('');
}

/** Line and column of the value at `path`, or of the innermost thing there is on the way; `text` must be good JSON. */
export function placeInJson(text: string, path: JsonPath): Place {
  let at = skipSpace(text, 0);
  for (const key of path) {
    const next = typeof key === 'number' ? elementAt(text, at, key) : memberAt(text, at, key);
    if (next < 0) break;
    at = next;
  }
  return lineAndColumn(text, at);
}

export function lineAndColumn(text: string, offset: number): Place {
  let line = 1;
  let start = 0;
  for (let i = text.indexOf('\n'); i >= 0 && i < offset; i = text.indexOf('\n', i + 1)) {
    line++;
    start = i + 1;
  }
  return { line, column: offset - start + 1 };
}

function skipSpace(text: string, at: number): number {
  while (at < text.length && ' \t\r\n'.includes(text[at]!)) at++;
  return at;
}

function skipString(text: string, at: number): number {
  for (at++; text[at] !== '"' && at < text.length; at++) if (text[at] === '\\') at++;
  return at + 1;
}

/** The end of the value that begins at `at`. */
function skipValue(text: string, at: number): number {
  let depth = 0;
  do {
    const c = text[at]!;
    if (c === '"') at = skipString(text, at);
    else {
      if (c === '{' || c === '[') depth++;
      else if (c === '}' || c === ']') depth--;
      at++;
      // A number or a word goes on to what cannot be part of one.
      if (depth === 0 && !'}]'.includes(c)) while (at < text.length && !',]} \t\r\n'.includes(text[at]!)) at++;
    }
  } while (depth > 0 && at < text.length);
  return at;
}

function elementAt(text: string, at: number, index: number): number {
  if (text[at] !== '[') return -1;
  at = skipSpace(text, at + 1);
  for (let i = 0; text[at] !== ']' && at < text.length; i++) {
    if (i === index) return at;
    at = skipSpace(text, skipValue(text, at));
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
  return -1;
}

function memberAt(text: string, at: number, key: string): number {
  if (text[at] !== '{') return -1;
  let found = -1;
  at = skipSpace(text, at + 1);
  while (text[at] === '"') {
    const end = skipString(text, at);
    const name: unknown = JSON.parse(text.slice(at, end));
    at = skipSpace(text, skipSpace(text, end) + 1);
    // The last of equal keys is the one JSON.parse keeps.
    if (name === key) found = at;
    at = skipSpace(text, skipValue(text, at));
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
  return found;
}
