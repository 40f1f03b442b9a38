/**
 * Parts of documents that are made from code: everything between `<!-- NAME: begin -->` and `<!-- NAME: end -->`. A test
 * holds them against what the code says now; with UPDATE_DOCS=1 in the environment it writes them instead.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export function checkDocBlock(document: string, name: string, content: string): void {
  const file = fileURLToPath(new URL(`../../docs/${document}`, import.meta.url));
  const text = readFileSync(file, 'utf8');
  const begin = `<!-- ${name}: begin -->\n`;
  const end = `<!-- ${name}: end -->`;
  const from = text.indexOf(begin) + begin.length;
  const to = text.indexOf(end);
  assert.ok(from >= begin.length && to >= from, `docs/${document} has a block ${name}`);
  if (process.env.UPDATE_DOCS === '1') writeFileSync(file, text.slice(0, from) + content + text.slice(to));
  else assert.equal(text.slice(from, to), content, `docs/${document} is out of date: run this test with UPDATE_DOCS=1`);
}
