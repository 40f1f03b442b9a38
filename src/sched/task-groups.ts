/**
 * Task groups (cgroups with a cpu controller): their shares, their place in the tree, and what they have in common over
 * all CPUs. Group 0 is the root. @spec 02 §10
 */
import type { GroupSpec } from '../workload/program.ts';

export class TaskGroups {
  readonly count: number;
  readonly paths: readonly string[];
  readonly parent: Int32Array;
  /** Scaled: 1048576 for cpu.weight 100. */
  readonly shares: Float64Array;
  readonly isIdle: Uint8Array;
  /** Sum over CPUs of the load averages that the group's runqueues have published. @spec 03 §6 */
  readonly loadAvg: Float64Array;
  /** Parents come after their children. */
  readonly bottomUp: Int32Array;
  // Bandwidth, ns; quota -1 for none. @spec 02 §10.1
  readonly quota: Float64Array;
  readonly period: Float64Array;
  readonly burst: Float64Array;
  readonly runtime: Float64Array;
  readonly idleFlag: Uint8Array;
  readonly periodActive: Uint8Array;
  readonly slackStarted: Uint8Array;
  readonly nrPeriods: Float64Array;
  readonly nrThrottled: Float64Array;
  /** cfs_rqs throttled at the moment, first to be helped first. */
  readonly throttledList: number[][];

  constructor(specs: readonly GroupSpec[]) {
    this.count = specs.length + 1;
    const n = this.count;
    this.paths = ['/', ...specs.map((s) => s.path)];
    this.parent = Int32Array.from({ length: n }, (_, g) => (g === 0 ? -1 : specs[g - 1]!.parent + 1));
    this.shares = Float64Array.from({ length: n }, (_, g) => (g === 0 ? 1048576 : sharesOf(specs[g - 1]!)));
    this.isIdle = Uint8Array.from({ length: n }, (_, g) => (g > 0 && specs[g - 1]!.idle ? 1 : 0));
    this.loadAvg = new Float64Array(n);
    const depth = (g: number): number => (g === 0 ? 0 : 1 + depth(this.parent[g]!));
    this.bottomUp = Int32Array.from(
      Array.from({ length: n }, (_, g) => g).sort((a, b) => depth(b) - depth(a) || a - b),
    );
    this.quota = Float64Array.from({ length: n }, (_, g) => (g === 0 ? -1 : (specs[g - 1]!.quotaNs ?? -1)));
    this.period = Float64Array.from({ length: n }, (_, g) => (g === 0 ? 100_000_000 : specs[g - 1]!.periodNs));
    this.burst = Float64Array.from({ length: n }, (_, g) => (g === 0 ? 0 : specs[g - 1]!.burstNs));
    this.runtime = Float64Array.from(this.quota, (q) => Math.max(0, q));
    this.idleFlag = new Uint8Array(n);
    this.periodActive = new Uint8Array(n);
    this.slackStarted = new Uint8Array(n);
    this.nrPeriods = new Float64Array(n);
    this.nrThrottled = new Float64Array(n);
    this.throttledList = Array.from({ length: n }, () => []);
  }
}

/** cpu.weight w is round(w * 1024 / 100) << 10; cpu.idle overrides it. @spec 02 §10 */
function sharesOf(spec: GroupSpec): number {
  if (spec.idle) return 3 * 1024;
  return Math.round((spec.weight * 1024) / 100) * 1024;
}
