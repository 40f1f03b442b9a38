import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { FIGURES, PARAMETERS } from '../../src/analysis/figure-catalogue.ts';
import { LAB_FIGURES, labFigureSpec } from '../../src/analysis/lab-figure-catalogue.ts';
import { checkDocBlock } from '../support/doc-block.ts';
import { sharedPath } from '../support/shared.ts';
import { labRecordPaths } from '../trace/lab-records.ts';

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('');
}

test('docs/figures.md has every figure with its unit, direction and definition', () => {
  const rows = FIGURES.map(({ pattern, unit, better, meaning, nullWhen, zeroWith }) => {
    const zero = zeroWith === undefined ? '' : `; absent: 0 if \`${zeroWith}\` is known`;
    return [`\`${pattern}\``, unit, better ?? '–', meaning, nullWhen + zero];
  });
  checkDocBlock('figures.md', 'figures', table(['figure', 'unit', 'better', 'definition', 'null when'], rows));
});

test('docs/figures.md explains every parameter', () => {
  const used = new Set(
    [...FIGURES, ...LAB_FIGURES].flatMap(({ pattern }) => pattern.match(/(?<=\{)[^}]*(?=\})/g) ?? []),
  );
  assert.deepEqual([...used].sort(), Object.keys(PARAMETERS).sort());
  const rows = Object.entries(PARAMETERS).map(([name, meaning]) => [`{${name}}`, meaning]);
  checkDocBlock('figures.md', 'parameters', table(['parameter', 'stands for'], rows));
});

test('docs/figures.md has the figures of the kernel lab', () => {
  const rows = LAB_FIGURES.map(({ pattern, unit, meaning }) => [`\`${pattern}\``, unit, meaning]);
  checkDocBlock('figures.md', 'lab figures', table(['figure', 'unit', 'definition'], rows));
});

for (const path of labRecordPaths()) {
  test(`every figure of ${path} is known`, () => {
    const { over_repetitions } = JSON.parse(readFileSync(sharedPath(`${path}/summary.json`), 'utf8'));
    const unknown = Object.keys(over_repetitions).filter((name) => labFigureSpec(name) === undefined);
    assert.deepEqual(unknown, []);
  });
}
