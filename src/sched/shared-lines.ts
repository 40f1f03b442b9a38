/**
 * Cache lines that several CPUs write: each is a server that one CPU at a time holds, and CPUs queue for. @spec 24 §2-3
 *
 *   atomic, same CPU again                        a
 *   atomic or write, another CPU had it           [a +] t(previous owner, here)
 *   read, this CPU has a copy                     nothing
 *   read, somebody under this LLC has a copy      t(LLC) / 2
 *   read, else                                    t(previous owner, here); the line is shared from then on
 *   lock                                          like an atomic without a; then held for a while
 *
 * and before each of these the wait until whoever came first is done, in the order of coming. t is the transfer time by
 * distance (SMT, LLC, other LLC of the node, other node), a the locked operation itself; both are from the cost profile.
 *
 * Who shares what: a mechanism takes lines for what it has in common between CPUs with `allocateLines`, in the constructor of
 * its hooks, that is before the machine boots; the kernel's own lines are `Line`. What an access costs is charged by
 * `line-access.ts`, which mechanisms use; here is the bookkeeping. With a profile in which lines cost nothing `active` is
 * false, nothing is kept and nothing is charged.
 *
 * Left out: false sharing of what different mechanisms own, prefetching, and lines that drop out of caches.
 */
import { UserError } from '../base/errors.ts';
import type { CostProfile } from '../machine/cost-profile.ts';
import type { Topology } from '../machine/topology.ts';
import { ColumnSet, MAX_CPUS } from './columns.ts';

/** The kernel's own lines. */
export const Line = {
  /** The lock of the runqueue of CPU c is line `RQ_LOCK + c`. Locks and call queues are never just read. */
  RQ_LOCK: 0,
  /** What others tell CPU c: its call queue and the flags of kicks, line `CALLS + c`. */
  CALLS: MAX_CPUS,
  /** `nohz.nr_cpus` and the flags beside it. @spec 07 §3 */
  NOHZ: 2 * MAX_CPUS,
  /** The try-lock of domains that are balanced one at a time (SD_SERIALIZE). @spec 06 §2.3 */
  BALANCING: 2 * MAX_CPUS + 1,
  /** The root domain's overload flag. @spec 06 §5.4 */
  OVERLOAD: 2 * MAX_CPUS + 2,
  /** `nohz.idle_cpus_mask`: `CPUS_A_LINE` CPUs a line. */
  NOHZ_MASK: 2 * MAX_CPUS + 3,
} as const;

/** Bits of a packed mask that share a line. */
export const CPUS_A_LINE = 512;

/** How far apart two CPUs are; also an index into `transferNs`. */
export const Distance = { SELF: 0, SMT: 1, LLC: 2, NODE: 3, NUMA: 4 } as const;

const FIRST_READ = 2 * MAX_CPUS;
const FIRST_FREE = Line.NOHZ_MASK + MAX_CPUS / CPUS_A_LINE;
/** Lines of a simulation at most. */
export const MAX_LINES = 1 << 18;

const columns = new ColumnSet(MAX_LINES);
/** The CPU that wrote or locked the line last, -1 nobody yet; and the CPU that read it last since, -1 none. */
const writer = columns.i32(-1);
const reader = columns.i32(-1);
/** The time in which the line is taken: it starts after the first, and everybody has been served at the second. */
const busyFrom = columns.f64();
const busyUntil = columns.f64();
/** Counts the writes, from 1: a copy is good if it has the number. */
const version = columns.i32(1);
/** Accesses that were charged, the time they took in all, and how much of that was waiting for a turn, ns. */
export const accesses = columns.f64();
export const spentNs = columns.f64();
export const waitNs = columns.f64();

/** Where CPUs are. Flat, so that a distance is a few comparisons. */
const core = new Int32Array(MAX_CPUS);
const llc = new Int32Array(MAX_CPUS);
const node = new Int32Array(MAX_CPUS);
const pkg = new Int32Array(MAX_CPUS);
/** By `Distance`, ns. */
const transferNs = new Float64Array(5);

let atomicNs = 0;
/** Do lines cost anything in this simulation? */
export let active = false;

/**
 * Copies that readers have: of each line a word for 32 CPUs and one word an LLC; a word is valid with the version of the
 * line beside it, so that a write drops all copies at once. Made when lines cost something.
 */
let words = 0;
let nrLlcs = 0;
let llcIndex = new Int32Array(0);
let copyBits = new Uint32Array(0);
let copyVersion = new Int32Array(0);
let llcVersion = new Int32Array(0);

/** Lines allocated, and whether the simulation they were for has begun: then the next to allocate are for another. */
let nrLines: number = FIRST_FREE;
let begun = false;

/**
 * Takes `count` lines that nobody has touched yet and returns the first. For constructors of hooks: the lines are good for the
 * simulation that boots next. Throws `UserError` (code `limit`) when there are no more.
 */
export function allocateLines(count: number): number {
  if (begun) {
    begun = false;
    nrLines = FIRST_FREE;
  }
  const first = nrLines;
  if (first + count > MAX_LINES) {
    throw new UserError('limit', `${first + count - FIRST_FREE} shared cache lines are more than ${MAX_LINES}`);
  }
  nrLines += count;
  return first;
}

/** A simulation begins. */
export function reset(topology: Topology, costs: CostProfile): void {
  begun = true;
  atomicNs = costs.atomicNs;
  transferNs.set([0, costs.lineSmtNs, costs.lineLlcNs, costs.lineNodeNs, costs.lineNumaNs]);
  const wasActive = active;
  active = atomicNs > 0 || transferNs.some((ns) => ns > 0);
  core.set(topology.core);
  llc.set(topology.llc);
  node.set(topology.node);
  pkg.set(topology.package);
  if (active || wasActive) columns.reset(nrLines);
  if (!active) return;
  words = (topology.nrCpus + 31) >>> 5;
  const llcs = [...new Set(topology.llc)];
  nrLlcs = llcs.length;
  llcIndex = Int32Array.from(topology.llc, (first) => llcs.indexOf(first));
  const readLines = nrLines - FIRST_READ;
  copyBits = new Uint32Array(readLines * words);
  copyVersion = new Int32Array(readLines * words);
  llcVersion = new Int32Array(readLines * nrLlcs);
}

/** How far `b` is from `a`: a value of `Distance`. Nodes of one package count as LLCs of one node. */
export function distance(a: number, b: number): number {
  if (a === b) return Distance.SELF;
  if (core[a] === core[b]) return Distance.SMT;
  if (llc[a] === llc[b]) return Distance.LLC;
  return node[a] === node[b] || pkg[a] === pkg[b] ? Distance.NODE : Distance.NUMA;
}

/** ns for a line to get from CPU `a` to CPU `b`. @spec 24 §1 */
export function lineTransferNs(a: number, b: number): number {
  return transferNs[distance(a, b)]!;
}

/**
 * `cpu` does a locked operation on the line at time `at`: ns until it is done. Times of successive calls may go back a
 * little (a CPU's own time runs ahead by what it owes); who comes into a gap in front of the queue does not wait for it.
 */
export function atomicAt(line: number, cpu: number, at: number): number {
  return take(line, cpu, at, moveTo(line, cpu) + atomicNs, 0);
}

/** A plain store. */
export function writeAt(line: number, cpu: number, at: number): number {
  return take(line, cpu, at, moveTo(line, cpu), 0);
}

/** Takes a lock that is then held for `holdNs`; returns the ns until it is taken. */
export function lockAt(line: number, cpu: number, at: number, holdNs: number): number {
  return take(line, cpu, at, moveTo(line, cpu), holdNs);
}

/** A plain load. */
export function readAt(line: number, cpu: number, at: number): number {
  const owner = writer[line]!;
  if (owner === cpu || owner < 0 || hasCopy(line, cpu)) return 0;
  if (llcVersion[(line - FIRST_READ) * nrLlcs + llcIndex[cpu]!] === version[line]) {
    addCopy(line, cpu);
    const ns = Math.round(transferNs[Distance.LLC]! / 2);
    accesses[line]! += 1;
    spentNs[line]! += ns;
    return ns;
  }
  const ns = take(line, cpu, at, lineTransferNs(reader[line]! < 0 ? owner : nearer(line, cpu), cpu), 0);
  writer[line] = owner;
  addCopy(line, cpu);
  return ns;
}

/** Of those known to have the line, the one from which it comes sooner. */
function nearer(line: number, cpu: number): number {
  const a = writer[line]!;
  const b = reader[line]!;
  return distance(a, cpu) <= distance(b, cpu) ? a : b;
}

/** ns to get the line for writing: from its owner and, if it has been read since, from the reader. Drops all copies. */
function moveTo(line: number, cpu: number): number {
  const from = writer[line]!;
  let ns = from < 0 ? 0 : lineTransferNs(from, cpu);
  const read = reader[line]!;
  if (read >= 0) {
    ns = Math.max(ns, lineTransferNs(read, cpu));
    reader[line] = -1;
  }
  version[line]! += 1;
  return ns;
}

/** Queues for the line; it is taken for `serviceNs` and then, by the same CPU, for `holdNs`. */
function take(line: number, cpu: number, at: number, serviceNs: number, holdNs: number): number {
  accesses[line]! += 1;
  spentNs[line]! += serviceNs;
  const until = busyUntil[line]!;
  const length = serviceNs + holdNs;
  // Whoever was last does not wait for itself: what it does while it holds a lock is charged apart.
  if (at >= until || writer[line] === cpu) {
    writer[line] = cpu;
    busyFrom[line] = at;
    busyUntil[line] = Math.max(until, at + length);
    return serviceNs;
  }
  writer[line] = cpu;
  if (at + length <= busyFrom[line]!) return serviceNs;
  const wait = until - at;
  spentNs[line]! += wait;
  waitNs[line]! += wait;
  busyUntil[line] = until + length;
  return wait + serviceNs;
}

function hasCopy(line: number, cpu: number): boolean {
  const word = (line - FIRST_READ) * words + (cpu >>> 5);
  return copyVersion[word] === version[line] && (copyBits[word]! & (1 << (cpu & 31))) !== 0;
}

function addCopy(line: number, cpu: number): void {
  const word = (line - FIRST_READ) * words + (cpu >>> 5);
  const now = version[line]!;
  if (copyVersion[word] !== now) {
    copyVersion[word] = now;
    copyBits[word] = 0;
  }
  copyBits[word]! |= 1 << (cpu & 31);
  llcVersion[(line - FIRST_READ) * nrLlcs + llcIndex[cpu]!] = now;
  reader[line] = cpu;
}
