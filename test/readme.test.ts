/** What the README shows works as it stands there. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { EXIT_CODES } from '../src/cli/failure.ts';
import { parseScenario } from '../src/experiment/scenario.ts';
import { steelyard } from './support/cli.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(`${root}README.md`, 'utf8');

function block(language: string): string {
  const found = new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(readme);
  assert.ok(found !== null, `the README has a block of ${language}`);
  return found[1]!;
}

test('the library’s example runs', () => {
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', block('js')], {
    cwd: root,
    encoding: 'utf8',
  });
  assert.match(out, /name: 'makespan_ms\.all'/);
});

test('the scenario file is one', () => {
  const scenario = parseScenario(block('yaml'), 'README.yaml');
  assert.deepEqual(
    [scenario.machine, scenario.policies.length, scenario.durationNs, scenario.runs],
    ['e5-2630v4', 2, 2e9, 10],
  );
});

test('every command and exit code is there', () => {
  const { out } = steelyard(['--help']);
  const commands = [...out.matchAll(/^ {2}([a-z]+)/gm)].map(([, name]) => name!).filter((name) => name !== 'help');
  assert.ok(commands.length >= 5, out);
  for (const command of commands) assert.ok(readme.includes(`\`steelyard ${command}`), command);
  for (const code of Object.values(EXIT_CODES)) assert.match(readme, new RegExp(`^\\| ${code} \\|`, 'm'));
});
