/** The library. */
export { kernelConfig, parsePolicy, policyHooks } from './balance/policy.ts';
export { buildTopology } from './machine/topology.ts';
export { buildDomains } from './sched/build-domains.ts';
export { Simulation } from './sched/simulation.ts';
export { RECORDINGS } from './trace/recorder.ts';
export { WorkloadBuilder } from './workload/build.ts';
export { loadWorkload } from './experiment/workload-file.ts';
