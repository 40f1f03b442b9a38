/**
 * The library: what the command line does, for programs. See the README for examples.
 *
 *   loadMachine, loadWorkload, parsePolicy ──► simulate ──► figures, and a trace into any sink
 *                                         └──► compareRuns ──► differences with their intervals
 */
export type { ComparedFigure, Comparison, Difference } from './analysis/comparison.ts';
export { compare } from './analysis/comparison.ts';
export { FIGURES, type Figure, type FigureSpec } from './analysis/figure-catalogue.ts';
export { FiguresSink } from './analysis/figures.ts';
export {
  kernelConfig,
  type Policy,
  parsePolicy,
  policyHooks,
  policySettings,
} from './balance/policy.ts';
export { PRESETS } from './balance/presets.ts';
export { parseTime } from './balance/settings.ts';
export {
  definePolicy,
  type PolicyDefinition,
  type PolicyHooks,
  type Search,
  type SelectKind,
  type Tunable,
  type Tunables,
  type TunableValue,
  type ValuesOf,
} from './balance/user/define-policy.ts';
export type { PolicyCounter, Scheduler } from './balance/user/scheduler.ts';
export type { DomainView, SchedulerView, TaskClass, TaskState } from './balance/user/scheduler-view.ts';
export type { CpuSet, TaskStore } from './balance/user/storage.ts';
export { UserError, type UserErrorCode } from './base/errors.ts';
export { type ComparePlan, type CompareResult, compareRuns } from './experiment/compare-runs.ts';
export { listMachines, loadMachine } from './experiment/machine-file.ts';
export { loadPolicy } from './experiment/policy-file.ts';
export { type PoolOptions, runJobs } from './experiment/pool.ts';
export { loadScenario, parseScenario, type Scenario } from './experiment/scenario.ts';
export {
  type CostVariation,
  compareWithSensitivity,
  costVariations,
  type SensitivityResult,
} from './experiment/sensitivity-runs.ts';
export { type RunOptions, type RunPlan, type RunResult, simulate } from './experiment/simulate.ts';
export type { Job, JobResult } from './experiment/worker.ts';
export { loadWorkload } from './experiment/workload-file.ts';
export { buildTopology, type MachineDescription, type Topology } from './machine/topology.ts';
export { type MachineJson, machineJson, machineText } from './report/machine.ts';
export { buildDomains } from './sched/build-domains.ts';
export { Simulation, type SimulationOptions } from './sched/simulation.ts';
export {
  DECISION_KINDS,
  type Decision,
  type DecisionGroup,
  Decisions,
  type DecisionTask,
  REASONS,
} from './trace/decisions.ts';
export { readTrace, TraceDiskWriter } from './trace/disk.ts';
export { EVENTS } from './trace/event-specs.ts';
export { Ev, type EventKind } from './trace/events.ts';
export { FtraceTextWriter } from './trace/ftrace-text.ts';
export { PerfettoWriter } from './trace/perfetto.ts';
export { RECORDINGS, type RecordingName } from './trace/recorder.ts';
export { formatSchedstat, parseSchedstat, type Schedstat } from './trace/schedstat.ts';
export type { TraceSink, TraceTables, TraceTask } from './trace/sink.ts';
export { TraceStore } from './trace/store.ts';
export { WorkloadBuilder } from './workload/build.ts';
export type { Workload } from './workload/program.ts';
export type { WorkloadReading } from './workload/reading.ts';
