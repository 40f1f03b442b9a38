/**
 * One case of the benchmark, in a process of its own so that what was compiled for another case does not count:
 *
 *   case.ts <machine> <workload> <policy> <simulated seconds> <record: off | figures | full>
 *
 * prints one line of JSON. A first run of half the length warms up; CPU time, not wall time, is measured.
 */
import {
  buildDomains,
  FiguresSink,
  kernelConfig,
  loadMachine,
  loadWorkload,
  parsePolicy,
  policyHooks,
  RECORDINGS,
  type RecordingName,
  Simulation,
} from 'steelyard';

export interface CaseResult {
  readonly cpus: number;
  readonly simulatedNs: number;
  readonly cpuSeconds: number;
  /** Events of the queue, ticks included. */
  readonly events: number;
  readonly heapMib: number;
  readonly rssMib: number;
}

const [machineSpec = '', workloadSpec = '', policyName = 'linux-6.1', seconds = '1', record = 'off'] =
  process.argv.slice(2);
const topology = loadMachine(machineSpec);
const { workload } = loadWorkload(workloadSpec, topology.nrCpus);
const domains = buildDomains(topology);
const policy = parsePolicy(policyName);
const durationNs = Number(seconds) * 1e9;

const simulation = (): Simulation =>
  new Simulation({
    topology,
    domains,
    workload,
    config: kernelConfig(policy, 1),
    hooks: policyHooks(policy, topology.nrCpus),
    source: policy.name,
    sink: record === 'off' ? null : new FiguresSink(),
    record: RECORDINGS[record as RecordingName],
    durationNs,
  });

simulation().run(durationNs / 2);
const measured = simulation();
const before = process.cpuUsage();
measured.run();
const used = process.cpuUsage(before);
const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
const result: CaseResult = {
  cpus: topology.nrCpus,
  simulatedNs: measured.now,
  cpuSeconds: (used.user + used.system) / 1e6,
  events: measured.events + measured.ticks,
  heapMib: (heapUsed + arrayBuffers) / 2 ** 20,
  rssMib: rss / 2 ** 20,
};
console.log(JSON.stringify(result));
