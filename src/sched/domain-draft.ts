/**
 * Domains and groups while they are being built: linked and mutable, where the finished tree (`domains.ts`) is flat and
 * frozen. Chains are made by `domain-chains.ts`, rings by `sched-groups.ts`, redundant domains are removed by
 * `degenerate.ts`.
 */
import type { Span } from './span-table.ts';
import type { TopologyLevel } from './topology-levels.ts';

export interface DomainDraft {
  readonly cpu: number;
  /** How many levels of this machine's table are below; the number the kernel calls `sd->level`. */
  readonly row: number;
  readonly level: TopologyLevel;
  readonly span: Span;
  /** w: weight of the level's mask before it was cut to the CPU map. */
  readonly maskWeight: number;
  flags: number;
  imbNumaNr: number;
  parent: DomainDraft | undefined;
  child: DomainDraft | undefined;
  /** Groups in ring order; one array for all CPUs where groups do not overlap. Empty until groups are built. */
  ring: readonly GroupDraft[];
  /** Index of the local group. */
  ringStart: number;
}

/** Domains by row of the topology table and CPU; undefined where a CPU has no domain of that row. */
export type DraftTable = readonly (readonly (DomainDraft | undefined)[])[];

export interface GroupDraft {
  readonly span: Span;
  /** CPUs that may balance on behalf of the group. */
  readonly balance: Span;
  /** Flags of the child domain the group is made of. */
  flags: number;
  readonly sgc: CapacityDraft;
}

/** A sched_group_capacity; one for all groups of a span and row. */
export interface CapacityDraft {
  capacity: number;
  minCapacity: number;
  maxCapacity: number;
}
