/** `steelyard policy`: what policies there are, and what one consists of. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { type Policy, type PolicyFile, policySettings, presetDifferences } from '../balance/policy.ts';
import { PRESETS } from '../balance/presets.ts';
import { UserError } from '../base/errors.ts';
import { writeWholeFile } from '../experiment/output-file.ts';
import { loadPolicy } from '../experiment/policy-file.ts';
import { costParameters } from '../machine/cost-parameters.ts';
import { type CostProfile, costProfile, listCostProfiles } from '../machine/cost-profile.ts';
import { costProfilesText, costSourcesText } from '../report/cost-text.ts';
import { policyText } from '../report/policy-text.ts';
import { printJson } from './output.ts';
import { policyTemplate, testTemplate } from './policy-template.ts';

interface JsonFlag {
  readonly json?: boolean;
}

export function addPolicyCommand(program: Command): void {
  const policy = program.command('policy').description('balancing policies: presets, parts, tunables, features');
  policy.command('list').description('list the presets').option('--json', 'print JSON').action(list);
  policy
    .command('show')
    .description('print what a policy consists of, and what each part can be')
    .argument('<policy>', 'such as linux-6.1,newidle=off, or a policy file: ./my-balancer.ts,density=4')
    .option('--json', 'print JSON')
    .action(show);
  policy
    .command('new')
    .description('write a policy file that works, and a test of it')
    .argument('<name>', 'such as my-balancer: writes my-balancer.ts and my-balancer.test.ts here')
    .action(create);
  policy
    .command('costs')
    .description('print the cost profiles side by side, or the values of one and where they are from')
    .argument('[profile]', 'such as milan')
    .option('--json', 'print JSON')
    .action(costs);
}

function list(flags: JsonFlag): void {
  if (flags.json === true) return printJson(PRESETS);
  const width = Math.max(...PRESETS.map(({ name }) => name.length));
  for (const { name, about } of PRESETS) process.stdout.write(`${name.padEnd(width)}  ${about}\n`);
}

function show(text: string, flags: JsonFlag): void {
  const policy = loadPolicy(text);
  const settings = policySettings(policy);
  const differences = presetDifferences(policy.preset);
  if (flags.json === true) return printJson({ ...describe(policy), settings, differences });
  if (policy.file !== null) process.stdout.write(fileText(policy.file));
  process.stdout.write(policyText(policy.name, settings, policy.preset, differences));
}

function costs(name: string | undefined, flags: JsonFlag): void {
  const profiles = name === undefined ? listCostProfiles() : [costProfile(name)];
  if (flags.json === true) return printJson(profiles.map(costsJson));
  process.stdout.write(name === undefined ? costProfilesText(profiles) : costSourcesText(profiles[0]!));
}

/** Values in ns, bytes, factors, and 1 or 0. */
function costsJson(profile: CostProfile): unknown {
  const parameters = costParameters(profile).map((parameter) => {
    const { name, unit, about, source } = parameter;
    return { name, unit, value: parameter.get(profile), about, source };
  });
  return { profile: profile.name, parameters };
}

/** Files that are there already stay as they are. */
function create(name: string): void {
  if (!/^[A-Za-z][\w-]*$/.test(name)) {
    throw new UserError('usage', `"${name}" is no name for a policy`, {}, 'a letter, then letters, digits, - and _');
  }
  const files: readonly (readonly [string, string])[] = [
    [`${name}.ts`, policyTemplate(name)],
    [`${name}.test.ts`, testTemplate(name)],
  ];
  for (const [file] of files) {
    if (existsSync(file)) throw new UserError('file', 'this file is there already', { file }, 'give another name');
  }
  for (const [file, text] of files) writeWholeFile(file, text);
  process.stdout.write(
    `wrote ${name}.ts and ${name}.test.ts\n` +
      `  steelyard run -m smp8 -w runsleep:n=20 --policy ./${name}.ts\n` +
      `  node --import steelyard/register --test ${name}.test.ts\n`,
  );
}

function describe({ name, preset, file }: Policy): object {
  if (file === null) return { name, preset };
  const { path, about, sha256 } = file;
  return { name, preset, file: { path, name: file.name, about, sha256 } };
}

function fileText({ name, about, sha256 }: PolicyFile): string {
  return `${name}${about === '' ? '' : `: ${about}`}\nsha256 ${sha256}\n\n`;
}
