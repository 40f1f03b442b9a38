/** `steelyard machine`: machines and the sched domains that the kernel would build on them. */
import type { Command } from 'commander';
import { UserError } from '../base/errors.ts';
import { listMachines, loadMachine } from '../experiment/machine-file.ts';
import { parseCpuList } from '../machine/cpumask.ts';
import { machineJson, machineText } from '../report/machine.ts';
import { buildDomains } from '../sched/build-domains.ts';
import { printJson, wantsColor } from './output.ts';

interface ShowFlags {
  readonly cpus?: string;
  readonly kernel?: string;
  readonly json?: boolean;
}

export function addMachineCommand(program: Command): void {
  const machine = program.command('machine').description('machines and their sched domains');
  machine
    .command('show')
    .description('print the hardware tree and the sched domains of its CPUs')
    .argument('<machine>', 'preset, synthetic string, hwloc XML, tarball, /sys tree, topology.json, or "host"')
    .option('--cpus <list>', 'print the domains of these CPUs in full (0-3,8), or of "all"; default: alike CPUs folded')
    .option('--kernel <release>', 'whose names are used: 6.1, 6.12', '6.1')
    .option('--json', 'print JSON')
    .action(show);
  machine.command('list').description('list the presets').option('--json', 'print JSON').action(list);
}

function show(spec: string, flags: ShowFlags): void {
  const topology = loadMachine(spec);
  const domains = buildDomains(topology);
  const release = flags.kernel ?? '6.1';
  if (flags.json === true) return printJson(machineJson(topology, domains, { release }));
  const cpus = flags.cpus === undefined ? 'folded' : flags.cpus === 'all' ? 'all' : cpuList(flags.cpus);
  const width = process.stdout.columns ?? 110;
  process.stdout.write(machineText(topology, domains, { cpus, release, width, color: wantsColor(process.stdout) }));
}

function cpuList(text: string): readonly number[] {
  const cpus = parseCpuList(text);
  if (cpus !== undefined) return cpus;
  throw new UserError('usage', `"${text}" is no list of CPUs`, {}, 'such as 0-3,8, or all');
}

function list(flags: { readonly json?: boolean }): void {
  const machines = listMachines();
  if (flags.json === true) return printJson(machines);
  const width = Math.max(...machines.map(({ name }) => name.length));
  for (const { name, about } of machines) process.stdout.write(`${name.padEnd(width)}  ${about}\n`);
}
