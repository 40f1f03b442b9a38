#!/usr/bin/env node
/** The command line. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addCompareCommand } from './compare-command.ts';
import { addExplainCommand } from './explain-command.ts';
import { EXIT_CODES, fail, installHandlers } from './failure.ts';
import { addFidelityCommand } from './fidelity-command.ts';
import { addMachineCommand } from './machine-command.ts';
import { addPolicyCommand } from './policy-command.ts';
import { addRunCommand } from './run-command.ts';

const EXIT_CODE_HELP = `
Exit codes: 0 done, 1 a mistake of ours, 2 wrong use, 3 a file is missing or cannot be read or written, 4 a file is not
what it should be, 5 the machine makes no sense, 6 the workload makes no sense or does not fit the machine, 7 unknown
policy, part or value, 8 larger than we take, 9 a policy file did something wrong while it ran, 130 interrupted.`;

installHandlers();
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
const program = new Command('steelyard')
  .description('A laboratory for Linux CPU load balancing.')
  .version(version)
  .addHelpText('after', EXIT_CODE_HELP)
  .configureHelp({ sortSubcommands: false })
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'steelyard: ')) })
  .showHelpAfterError('(--help tells more)')
  .exitOverride();
addRunCommand(program);
addCompareCommand(program);
addExplainCommand(program);
addFidelityCommand(program);
addMachineCommand(program);
addPolicyCommand(program);
for (const command of program.commands) inherit(command);

/** Commander copies these settings only to commands made after them. */
function inherit(command: Command): void {
  command.copyInheritedSettings(program);
  for (const child of command.commands) inherit(child);
}

try {
  await program.parseAsync();
} catch (error) {
  // Help and version end this way too, with 0; what commander refuses it has already said.
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : EXIT_CODES.usage);
  fail(error, { stack: process.argv.includes('--stack') });
}
