/**
 * What the events of a trace refer to, as the JSON at the beginning and the end of its file (`disk.ts`).
 *
 *   head   { source, hz, startNs, machine: { name, cpus: { online: [...], core: [...], ... }, nodes, distance, ... },
 *            initialCurrent?, kinds: [{ name, args: [...] }] }
 *   tail   { endNs, rows, tasks: [[pid, comm, kind, kthread]], strings, masks }
 *
 * What is read is checked field by field: a file may come from anywhere. The machine is built anew, with the checks that any
 * machine passes.
 */
import { UserError } from '../base/errors.ts';
import { buildTopology, type Cache, MAX_CPUS, type PerfDomain, type Topology } from '../machine/topology.ts';
import type { TraceTables, TraceTask } from './sink.ts';

/** A kind of events as the file has it. */
export interface DiskKind {
  readonly name: string;
  readonly args: readonly string[];
}

export interface DiskHead {
  readonly source: string;
  readonly hz: number;
  readonly startNs: number;
  readonly topology: Topology;
  readonly initialCurrent: readonly number[] | undefined;
  readonly kinds: readonly DiskKind[];
}

export interface DiskTail {
  readonly tables: TraceTables;
  readonly rows: number;
  readonly endNs: number;
}

/** Columns of a machine, one entry a CPU. */
const CPU_COLUMNS = ['online', 'core', 'cluster', 'llc', 'die', 'package', 'node', 'capacity', 'priority'] as const;

export function headToJson(head: { tables: TraceTables; kinds: readonly DiskKind[]; startNs: number }): unknown {
  const { topology, source, hz, initialCurrent } = head.tables;
  return {
    source,
    hz,
    startNs: head.startNs,
    machine: {
      name: topology.name,
      cpus: Object.fromEntries(CPU_COLUMNS.map((column) => [column, [...topology[column]]])),
      nodes: topology.nodes.map(({ node }) => node),
      distance: topology.distance,
      caches: topology.caches.map(({ level, type, sizeBytes, cpus }) => ({ level, type, sizeBytes, cpus })),
      perfDomains: topology.perfDomains.map(({ cpus, states }) => ({
        cpus,
        states: states.map(({ frequencyKhz, power }) => ({ frequencyKhz, power })),
      })),
      hybrid: topology.hybrid,
      nodeReclaimDistance: topology.nodeReclaimDistance,
    },
    ...(initialCurrent === undefined ? {} : { initialCurrent }),
    kinds: head.kinds,
  };
}

export function tailToJson({ tables, rows, endNs }: DiskTail): unknown {
  return {
    endNs,
    rows,
    tasks: tables.tasks.map(({ pid, comm, kind, kthread }) => [pid, comm, kind, kthread]),
    strings: tables.strings,
    masks: tables.masks,
  };
}

export function jsonToHead(json: unknown): DiskHead {
  const head = record(json);
  const kinds = list(head['kinds']).map((item): DiskKind => {
    const kind = record(item);
    return { name: text(kind['name']), args: list(kind['args']).map(text) };
  });
  if (kinds.length > 256 || kinds.some(({ args }) => args.length > 255)) throw unexpected();
  const topology = machine(record(head['machine']));
  const { initialCurrent } = head;
  const current = initialCurrent === undefined ? undefined : numbers(initialCurrent);
  if (current !== undefined && current.length !== topology.nrCpus) throw unexpected();
  return {
    source: text(head['source']),
    hz: number(head['hz']),
    startNs: number(head['startNs']),
    topology,
    initialCurrent: current,
    kinds,
  };
}

export function jsonToTail(json: unknown, head: DiskHead): DiskTail {
  const tail = record(json);
  const { topology, source, hz, initialCurrent } = head;
  const tasks = list(tail['tasks']).map((item): TraceTask => {
    const [pid, comm, kind, kthread] = list(item);
    return { pid: number(pid), comm: text(comm), kind: text(kind), kthread: boolean(kthread) };
  });
  if (initialCurrent?.some((task) => task < -1 || task >= tasks.length)) throw unexpected();
  const strings = list(tail['strings']).map(text);
  const masks = list(tail['masks']).map(numbers);
  const tables = { topology, source, hz, tasks, strings, masks };
  return {
    tables: initialCurrent === undefined ? tables : { ...tables, initialCurrent },
    rows: number(tail['rows']),
    endNs: number(tail['endNs']),
  };
}

function machine(json: Record<string, unknown>): Topology {
  const columns = record(json['cpus']);
  const column = Object.fromEntries(CPU_COLUMNS.map((name) => [name, numbers(columns[name])]));
  const nrCpus = column['online']!.length;
  if (nrCpus > MAX_CPUS || Object.values(column).some((values) => values.length !== nrCpus)) throw unexpected();
  return buildTopology({
    name: text(json['name']),
    cpus: Array.from({ length: nrCpus }, (_, cpu) => ({
      online: column['online']![cpu] !== 0,
      core: column['core']![cpu]!,
      cluster: column['cluster']![cpu]!,
      llc: column['llc']![cpu]!,
      die: column['die']![cpu]!,
      package: column['package']![cpu]!,
      node: column['node']![cpu]!,
      capacity: column['capacity']![cpu]!,
      priority: column['priority']![cpu]!,
    })),
    nodes: numbers(json['nodes']),
    distance: list(json['distance']).map(numbers),
    caches: list(json['caches']).map((item): Cache => {
      const { level, type, sizeBytes, cpus } = record(item);
      if (type !== 'Data' && type !== 'Instruction' && type !== 'Unified') throw unexpected();
      return { level: number(level), type, sizeBytes: number(sizeBytes), cpus: numbers(cpus) };
    }),
    perfDomains: list(json['perfDomains']).map((item): PerfDomain => {
      const { cpus, states } = record(item);
      const powers = list(states).map((state) => {
        const { frequencyKhz, power } = record(state);
        return { frequencyKhz: number(frequencyKhz), power: number(power) };
      });
      return { cpus: numbers(cpus), states: powers };
    }),
    hybrid: boolean(json['hybrid']),
    // Files written before there was such a thing have it not.
    ...('nodeReclaimDistance' in json ? { nodeReclaimDistance: number(json['nodeReclaimDistance']) } : {}),
  });
}

function record(json: unknown): Record<string, unknown> {
  if (typeof json !== 'object' || json === null) throw unexpected();
  return json as Record<string, unknown>;
}

function list(json: unknown): unknown[] {
  if (!Array.isArray(json)) throw unexpected();
  return json;
}

function numbers(json: unknown): number[] {
  return list(json).map(number);
}

function number(json: unknown): number {
  if (typeof json !== 'number') throw unexpected();
  return json;
}

function text(json: unknown): string {
  if (typeof json !== 'string') throw unexpected();
  return json;
}

function boolean(json: unknown): boolean {
  if (typeof json !== 'boolean') throw unexpected();
  return json;
}

function unexpected(): UserError {
  return new UserError('format', 'the trace file is damaged: its tables are not as they should be');
}
