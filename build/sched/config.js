export const DEFAULT_FEATURES = {
    GENTLE_FAIR_SLEEPERS: true,
    START_DEBIT: true,
    NEXT_BUDDY: false,
    LAST_BUDDY: true,
    CACHE_HOT_BUDDY: true,
    WAKEUP_PREEMPTION: true,
    TTWU_QUEUE: true,
    SIS_PROP: false,
    SIS_UTIL: true,
    RT_RUNTIME_SHARE: false,
    LB_MIN: false,
    WA_IDLE: true,
    WA_WEIGHT: true,
    WA_BIAS: true,
    UTIL_EST: true,
    UTIL_EST_FASTUP: true,
    NI_RANDOM: true,
    ALT_PERIOD: true,
    BASE_SLICE: true,
};
export const DEFAULT_TUNABLES = {
    hz: 250,
    latencyNs: 6_000_000,
    minGranularityNs: 750_000,
    wakeupGranularityNs: 1_000_000,
    idleMinGranularityNs: 750_000,
    tunableScaling: 1,
    migrationCostNs: 500_000,
    nrMigrate: 32,
    childRunsFirst: false,
    cfsBandwidthSliceNs: 5_000_000,
    rtRuntimeNs: 950_000_000,
    rtPeriodNs: 1_000_000_000,
    rrTimesliceMs: 100,
    autogroup: false,
};
/** jiffies right after boot: 5 minutes before a 32-bit counter would wrap. @spec 01 §1 */
export function initialJiffies(hz) {
    return 2 ** 32 - 300 * hz;
}
