import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../src/base/errors.ts';
import { evaluateExpression, expandLine } from '../../src/workload/expression.ts';

const fail = (e: UserError, column: number): never => {
  throw new UserError(e.code, e.what, { line: 1, column }, e.hint);
};

test('figures are worked out from the number of CPUs as the kernel lab does', () => {
  const value = (text: string, n: number) => evaluateExpression(text, n);
  assert.equal(value('N', 4), 4);
  assert.equal(value('N*2', 4), 8);
  assert.equal(value('N*3/2', 5), 7);
  assert.equal(value('N/2+2', 16), 10);
  assert.equal(value('N/4', 2), 0);
  assert.equal(value('N-5', 4), -1);
  assert.equal(value('N/4*2', 6), 3);
  assert.equal(value('N//4*2', 6), 2);
  assert.equal(value('-(N - 1) * 2', 4), -6);
  assert.equal(value('N/2-N', 1), 0);
});

test('any sum of products comes out as JavaScript would work it out, cut towards zero', () => {
  const leaf = fc.oneof(fc.constant('N'), fc.integer({ min: 1, max: 99 }).map(String));
  const node = fc.letrec((tie) => ({
    e: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.tuple(tie('e'), fc.constantFrom('+', '-', '*'), tie('e')).map(([a, op, b]) => `(${a}${op} ${b})`),
      fc.tuple(tie('e'), leaf).map(([a, b]) => `${a}/${b}`),
    ),
  })).e as fc.Arbitrary<string>;
  fc.assert(
    fc.property(node, fc.integer({ min: 1, max: 512 }), (text, n) => {
      fc.pre(text.length < 150);
      const expected = Math.trunc(new Function('N', `return ${text}`)(n) as number);
      fc.pre(Number.isSafeInteger(expected));
      assert.equal(evaluateExpression(text, n), expected === 0 ? 0 : expected);
    }),
  );
});

test('what cannot be worked out says why', () => {
  for (const [text, why] of [
    ['M', /"M" is not expected/],
    ['N+', /a figure is missing/],
    ['(N', /"\)" is missing/],
    ['N/0', /divides by zero/],
    ['N/(N-4)', /divides by zero/],
    ['N 2', /"2" is not expected/],
    ['', /a figure is missing/],
    ['('.repeat(300), /too long/],
    ['9'.repeat(60), /not a number to use/],
  ] as const)
    assert.throws(() => evaluateExpression(text, 4), why, text);
});

test('columns of an expanded line are those of the line as written', () => {
  const line = expandLine('n={N*2} cpus=0-{N-1} x', 16, false, fail);
  assert.equal(line.text, 'n=32 cpus=0-15 x');
  assert.equal(line.column(line.text.indexOf('n')), 1);
  assert.equal(line.column(line.text.indexOf('32')), 3);
  assert.equal(line.column(line.text.indexOf('cpus')), 9);
  assert.equal(line.column(line.text.indexOf('x')), 22);
  assert.throws(() => expandLine('  {Q}', 4, false, fail), { place: { line: 1, column: 3 } });
});

test('braces of a shell are left alone', () => {
  assert.equal(expandLine(`echo \${HOME} {a,b} {N}`, 4, true, fail).text, `echo \${HOME} {a,b} 4`);
});
