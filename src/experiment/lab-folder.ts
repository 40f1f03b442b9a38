/**
 * A simulated run as a record of the kernel lab, so that the lab's own analysis runs on it unchanged.
 *
 *   trace.txt.zst  topology.json  run.json  r1/tasks.txt.zst  r1/schedstat0  r1/schedstat1
 *
 * The zst files are valid frames of stored blocks: there is no compressor for zstd without native code.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../base/errors.ts';
import type { Topology } from '../machine/topology.ts';
import { buildDomains } from '../sched/build-domains.ts';
import { FtraceTextWriter } from '../trace/ftrace-text.ts';
import { formatProcSched, type ProcSched } from '../trace/proc-sched.ts';
import { domainStat, formatSchedstat, type Schedstat } from '../trace/schedstat.ts';
import type { TraceSink, TraceTables } from '../trace/sink.ts';
import { tee } from '../trace/tee.ts';
import { OutputFile } from './output-file.ts';
import { ProcSchedSink } from './proc-sched-sink.ts';

const encoder = new TextEncoder();

export interface LabFolder {
  /** Gets the trace of the run. */
  readonly sink: TraceSink;
  /** Writes the rest, and gives all files their names. */
  commit(schedstat: Schedstat): void;
}

/** Opens the folder, which may exist. Throws `UserError`. */
export function openLabFolder(folder: string, machine: Topology, scenario: string): LabFolder {
  try {
    mkdirSync(join(folder, 'r1'), { recursive: true });
  } catch (error) {
    throw new UserError('file', `cannot make the folder: ${error instanceof Error ? error.message : error}`, {
      file: folder,
    });
  }
  const files: OutputFile[] = [];
  const open = (name: string): OutputFile => {
    const file = new OutputFile(join(folder, name));
    files.push(file);
    return file;
  };
  const trace = new StoredZstd(open('trace.txt.zst').write);
  let tables: TraceTables | null = null;
  const keepTables: TraceSink = {
    begin: (begun) => {
      tables = begun;
    },
    event: () => {},
  };
  const procSched = new ProcSchedSink();
  return {
    sink: tee(keepTables, procSched, new FtraceTextWriter((chunk) => trace.write(chunk), { repetition: 1 })),
    commit: (schedstat) => {
      trace.end();
      const put = (name: string, text: string) => open(name).write(encoder.encode(text));
      put('topology.json', `${JSON.stringify(topologyJson(machine))}\n`);
      put('run.json', `${JSON.stringify(runJson(machine, scenario, tables!.source))}\n`);
      const tasks = new StoredZstd(open('r1/tasks.txt.zst').write);
      tasks.write(encoder.encode(tasksText(tables!, procSched.files)));
      tasks.end();
      put('r1/schedstat0', formatSchedstat(atBoot(schedstat)));
      put('r1/schedstat1', formatSchedstat(schedstat));
      for (const file of files) file.commit();
    },
  };
}

function topologyJson(machine: Topology): unknown {
  const tree = buildDomains(machine);
  const cpus = Array.from(machine.core, (core, cpu) => ({
    cpu,
    node: machine.node[cpu],
    package: machine.package[cpu],
    die: machine.die[cpu],
    core,
    llc: machine.llc[cpu],
    domains: Array.from(tree.ofCpu[cpu]!, (id) => ({
      name: tree.domains[id]!.name,
      span: [...tree.domains[id]!.cpus],
    })),
  }));
  return { cpus };
}

function runJson(machine: Topology, scenario: string, source: string): unknown {
  const release = /linux-(\d+\.\d+)/.exec(source)?.[1] ?? '6.1';
  return {
    scenario,
    topology: machine.name,
    accel: 'steelyard',
    kernel: `Linux version ${release}.0 (simulated: ${source})`,
    comm: scenario,
  };
}

/** A line a task of the workload, its kind first, then its /proc/PID/sched. */
function tasksText(tables: TraceTables, files: ReadonlyMap<number, ProcSched>): string {
  const counts = new Map<string, number>();
  let text = '';
  for (const [task, { kind, pid }] of tables.tasks.entries()) {
    if (kind === '') continue;
    const index = counts.get(kind) ?? 0;
    counts.set(kind, index + 1);
    const file = files.get(task);
    text += `@ task=${kind}-${index} pid=${pid}\n${file === undefined ? '' : `${formatProcSched(file)}\n`}`;
  }
  return text;
}

/** What the counters were when the machine started. */
function atBoot(schedstat: Schedstat): Schedstat {
  const zero = {
    yldCount: 0,
    schedCount: 0,
    schedGoidle: 0,
    ttwuCount: 0,
    ttwuLocal: 0,
    rqCpuTime: 0,
    runDelay: 0,
    pcount: 0,
  };
  const cpus = schedstat.cpus.map(({ cpu, domains }) => ({
    cpu,
    ...zero,
    domains: domains.map(({ name, mask }) => domainStat(15, name, mask, new Float64Array(36))),
  }));
  return { ...schedstat, cpus };
}

/** One zstd frame of stored blocks. */
class StoredZstd {
  readonly #write: (chunk: Uint8Array) => void;
  static readonly #BLOCK = 1 << 17;

  constructor(write: (chunk: Uint8Array) => void) {
    this.#write = write;
    // Magic; a descriptor that says nothing; a window of 128 KiB.
    write(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38));
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += StoredZstd.#BLOCK) {
      this.#block(bytes.subarray(at, at + StoredZstd.#BLOCK), false);
    }
  }

  end(): void {
    this.#block(new Uint8Array(0), true);
  }

  #block(bytes: Uint8Array, last: boolean): void {
    const header = (bytes.length << 3) | (last ? 1 : 0);
    this.#write(Uint8Array.of(header & 0xff, (header >>> 8) & 0xff, (header >>> 16) & 0xff));
    this.#write(bytes);
  }
}
