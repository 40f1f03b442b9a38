/** The library. */
export { kernelConfig, parsePolicy, policyHooks } from "./balance/policy.js";
export { buildTopology } from "./machine/topology.js";
export { buildDomains } from "./sched/build-domains.js";
export { Simulation } from "./sched/simulation.js";
export { RECORDINGS } from "./trace/recorder.js";
export { WorkloadBuilder } from "./workload/build.js";
export { loadWorkload } from "./experiment/workload-file.js";
