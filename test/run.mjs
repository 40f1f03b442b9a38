/**
 * Runs all tests, or those whose path contains one of the words given, and ends with `N passed, N failed, N skipped`.
 *
 *   npm test                     builds first
 *   node test/run.mjs sched
 */
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('.', import.meta.url));
const words = process.argv.slice(2);
const files = readdirSync(root, { recursive: true })
  .filter((file) => file.endsWith('.test.ts') && (words.length === 0 || words.some((word) => file.includes(word))))
  .sort()
  .map((file) => join(root, file));

if (files.length === 0) {
  console.error(`no test file has ${words.join(' or ')} in its path`);
  process.exit(2);
}

// Test files are processes of their own; what they are started with is taken from here.
process.execArgv.push('--import', 'tsx');
const counts = { passed: 0, failed: 0, skipped: 0 };
const seconds = new Map();

run({ files, concurrency: availableParallelism() })
  .on('test:pass', (test) => {
    note(test);
    if (test.details.type === 'suite') return;
    if (test.skip !== undefined || test.todo !== undefined) counts.skipped++;
    else counts.passed++;
  })
  .on('test:fail', (test) => {
    note(test);
    // A group of tests fails when a test in it does; it counts only if it failed by itself.
    const { error } = test.details;
    if (error?.failureType === 'subtestsFailed') return;
    counts.failed++;
    console.error(`\nFAILED ${test.file === undefined ? '' : `${relative(root, test.file)}: `}${test.name}`);
    console.error(String(error?.cause?.stack ?? error?.cause ?? error?.message ?? error));
  })
  .on('test:stderr', ({ message }) => process.stderr.write(message))
  .on('end', () => {
    const slowest = [...seconds].sort((a, b) => b[1] - a[1]).slice(0, 5);
    for (const [file, s] of slowest) console.log(`${s.toFixed(1).padStart(6)} s  ${file}`);
    console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
    process.exitCode = counts.failed === 0 ? 0 : 1;
  })
  .resume();

function note({ file, nesting, details }) {
  if (nesting !== 0 || file === undefined) return;
  const name = relative(root, file);
  seconds.set(name, (seconds.get(name) ?? 0) + details.duration_ms / 1000);
}
