export class TaskGroups {
    count;
    paths;
    parent;
    /** Scaled: 1048576 for cpu.weight 100. */
    shares;
    isIdle;
    /** Sum over CPUs of the load averages that the group's runqueues have published. @spec 03 §6 */
    loadAvg;
    /** Parents come after their children. */
    bottomUp;
    // Bandwidth, ns; quota -1 for none. @spec 02 §10.1
    quota;
    period;
    burst;
    runtime;
    idleFlag;
    periodActive;
    slackStarted;
    nrPeriods;
    nrThrottled;
    /** cfs_rqs throttled at the moment, first to be helped first. */
    throttledList;
    constructor(specs) {
        this.count = specs.length + 1;
        const n = this.count;
        this.paths = ['/', ...specs.map((s) => s.path)];
        this.parent = Int32Array.from({ length: n }, (_, g) => (g === 0 ? -1 : specs[g - 1].parent + 1));
        this.shares = Float64Array.from({ length: n }, (_, g) => (g === 0 ? 1048576 : sharesOf(specs[g - 1])));
        this.isIdle = Uint8Array.from({ length: n }, (_, g) => (g > 0 && specs[g - 1].idle ? 1 : 0));
        this.loadAvg = new Float64Array(n);
        const depth = (g) => (g === 0 ? 0 : 1 + depth(this.parent[g]));
        this.bottomUp = Int32Array.from(Array.from({ length: n }, (_, g) => g).sort((a, b) => depth(b) - depth(a) || a - b));
        this.quota = Float64Array.from({ length: n }, (_, g) => (g === 0 ? -1 : (specs[g - 1].quotaNs ?? -1)));
        this.period = Float64Array.from({ length: n }, (_, g) => (g === 0 ? 100_000_000 : specs[g - 1].periodNs));
        this.burst = Float64Array.from({ length: n }, (_, g) => (g === 0 ? 0 : specs[g - 1].burstNs));
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
function sharesOf(spec) {
    if (spec.idle)
        return 3 * 1024;
    return Math.round((spec.weight * 1024) / 100) * 1024;
}
