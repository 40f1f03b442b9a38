import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PlacedText } from '../../src/workload/places.ts';
import { type JsonNode, parseLenientJson } from '../../src/workload/rt-app/lenient-json.ts';

const parse = (text: string) => parseLenientJson(new PlacedText(text));

/** As plain values; members as pairs, so that order and repeats show. */
function plain(node: JsonNode | undefined): unknown {
  if (node === undefined) return undefined;
  if (node.type === 'object') return node.members.map((m) => [m.key, plain(m.value)]);
  if (node.type === 'array') return node.items.map(plain);
  return node.type === 'null' ? null : node.value;
}

test('comments, commas after the last member and keys alone are taken', () => {
  const text = `{ /* one
    two */ "a" : 1, // three
    "suspend",
    "b": [1, 2,],
    "lonely"
  }
  // end`;
  assert.deepEqual(plain(parse(text)), [
    ['a', 1],
    ['suspend', undefined],
    ['b', [1, 2]],
    ['lonely', undefined],
  ]);
});

test('repeated keys are kept, in the order of the file', () => {
  assert.deepEqual(plain(parse('{"run": 1, "sleep": 2, "run": 3}')), [
    ['run', 1],
    ['sleep', 2],
    ['run', 3],
  ]);
});

test('every JSON text is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 8 }), (text) => {
      const value = (node: JsonNode): unknown => {
        if (node.type === 'object') return Object.fromEntries(node.members.map((m) => [m.key, value(m.value!)]));
        if (node.type === 'array') return node.items.map(value);
        return node.type === 'null' ? null : node.value;
      };
      const root = parse(text);
      assert.deepEqual(root.type === 'object' ? { ...(value(root) as object) } : value(root), withoutProto(text));
    }),
  );
});

/** `__proto__` as a key is a member like any other. */
function withoutProto(text: string): unknown {
  const value = JSON.parse(text) as unknown;
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : value;
}

test('what is wrong is said at its line and column', () => {
  const at = (text: string, line: number, column: number, what: RegExp) =>
    assert.throws(
      () => parse(text),
      (e: Error & { place: { line: number; column: number } }) => {
        assert.match(e.message, what);
        assert.deepEqual([e.place.line, e.place.column], [line, column], text);
        return true;
      },
    );
  at('{"a": 1\n "b": 2}', 2, 2, /expected "," or "}", found a text \(is a comma missing/);
  at('{"a": 1', 1, 1, /this "{" is never closed/);
  at('{"a": [1, 2', 1, 7, /this "\[" is never closed/);
  at('{"a\n": 1}', 1, 2, /this text is never closed/);
  at('{a: 1}', 1, 2, /keys are in double quotes/);
  at('{"a": yes}', 1, 7, /texts are in double quotes/);
  at('{"a": 1,, "b": 2}', 1, 9, /nothing between two commas/);
  at('{"a": 01x}', 1, 9, /expected the end of a number/);
  at('{"a": 1} }', 1, 10, /closing brace too many/);
  at('/* never', 1, 1, /comment is never closed/);
  at('{"a" 1}', 1, 6, /expected ":", "," or "}"/);
  at('{"a": "\\q"}', 1, 9, /unknown escape/);
  at('', 1, 1, /expected a value, found the end of the file/);
});

test('nesting, length and the number of values have limits', () => {
  assert.throws(() => parse('['.repeat(100_000)), { code: 'limit' });
  assert.throws(() => parse(`[${'1,'.repeat(1_100_000)}]`), { code: 'limit' });
  assert.throws(() => parse(`{${'"a",'.repeat(1_100_000)}}`), { code: 'limit' });
  assert.throws(() => parse(' '.repeat(20_000_000)), { code: 'limit' });
});
