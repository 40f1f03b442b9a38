/**
 * What things cost on a machine, in ns: the numbers a simulation charges to the CPU that does the work. @spec 24
 *
 * `none` is all zero and is for comparing decisions with a kernel's; the others are real machines, for comparing
 * mechanisms. Each number's source is in spec 24; where that gives a range, the default here is its middle.
 */
import { didYouMean, UserError } from '../base/errors.ts';

export interface CostProfile {
  readonly name: string;
  /** Moving a cache line from its owner: SMT sibling, same LLC, other LLC of the node, other node. §1 */
  readonly lineSmtNs: number;
  readonly lineLlcNs: number;
  readonly lineNodeNs: number;
  readonly lineNumaNs: number;
  /** A locked operation on a line that is there. §2 */
  readonly atomicNs: number;
  /** How long a runqueue's lock is held: to enqueue, to choose and switch, to detach and to attach tasks. §3 */
  readonly lockEnqueueNs: number;
  readonly lockPickNs: number;
  readonly lockDetachNs: number;
  readonly lockAttachNs: number;
  /** Choosing the next task, up to the switch; the switch itself, by what is switched to. §4 */
  readonly pickNs: number;
  readonly switchSameMmNs: number;
  readonly switchOtherMmNs: number;
  readonly switchIdleNs: number;
  /** A wakeup without its search: state, enqueue, preemption check. §3 */
  readonly wakeupNs: number;
  /** Where instructions are counted (`takesTurns`): the part of a wakeup before the task counts as woken. */
  readonly wakeFirstNs: number;
  /** There too: taking wakeups from the call queue. */
  readonly callNs: number;
  /** Looking for work when about to idle, before any domain is looked at. */
  readonly newidleNs: number;
  /** Recording one update of an average (`pelt_se`, `pelt_cfs`, `pelt_blocked`), where that is recorded. */
  readonly peltProbeNs: number;
  /** Looking at one CPU while searching for an idle one, in the own LLC and elsewhere. §7 */
  readonly scanLlcNs: number;
  readonly scanFarNs: number;
  /** Interprocessor interrupts: for the sender, and until the target's handler runs; a polled flag instead. §6 */
  readonly ipiSendNs: number;
  readonly ipiDeliverNs: number;
  readonly pollWakeNs: number;
  /** Entry of an interrupt, the tick's own work, raising and entering a softirq. §7 */
  readonly irqNs: number;
  readonly tickNs: number;
  readonly softirqNs: number;
  /**
   * Load-balance statistics: per CPU looked at (own LLC, elsewhere), per group (within an LLC, in domains above it), per
   * domain. §7: its sums (5.5 us for an LLC of 20 CPUs, Check 5) have nothing for the groups within an LLC, the cores.
   */
  readonly statLlcNs: number;
  readonly statFarNs: number;
  readonly statGroupLlcNs: number;
  readonly statGroupNs: number;
  readonly statDomainNs: number;
  /** Of a pass whose turn it is, besides: what does not depend on the domain's size. */
  readonly statPassNs: number;
  /** Bringing the averages of one idle CPU up to date. §7 */
  readonly blockedNs: number;
  /** Taking a task off a runqueue and putting it on another. §7 */
  readonly detachNs: number;
  readonly attachNs: number;
  readonly forkNs: number;
  readonly exitNs: number;
  /** Stopping the tick of an idle CPU, and starting it again when it leaves idle. §6 */
  readonly tickStopNs: number;
  readonly tickRestartNs: number;
  /** System calls apart from the scheduler's share: one that wakes, before it does; one that sleeps, before it does. */
  readonly wakeCallNs: number;
  readonly sleepCallNs: number;
  /** What the program says of the kernel's work on a message is multiplied with this. */
  readonly messageScale: number;
  /** Does an idle CPU watch a flag (mwait), so that waking it needs no interrupt? */
  readonly idlePolls: boolean;
  /** Leaving idle where no governor chooses states: halt. And an idle CPU watches this long before it halts (guests). §6 */
  readonly haltExitNs: number;
  readonly haltPollNs: number;
  /** Idle states from shallow to deep: time to leave, and the stay that makes entering it worth while. §6 */
  readonly idleStates: readonly { readonly exitNs: number; readonly residencyNs: number }[];
  /** Work per 1024 when an SMT sibling is busy too: 1024 = no loss. §5 */
  readonly smtShare: number;
  /**
   * Refilling caches after a move or after others have used them: latency of the own LLC, of memory or another LLC of the
   * node, of another node; so many misses are under way at a time; sizes of the caches; and what a task is taken to touch
   * again and again if its workload does not say. §5
   */
  readonly latLlcNs: number;
  readonly latMemNs: number;
  readonly latRemNs: number;
  readonly mlp: number;
  readonly l2Bytes: number;
  readonly llcBytes: number;
  readonly workingSetBytes: number;
  /**
   * The machine is emulated by one thread, in which the virtual CPUs that are not halted take turns, and time is counted
   * in instructions of all of them.
   */
  readonly takesTurns: boolean;
}

const NONE: CostProfile = {
  name: 'none',
  lineSmtNs: 0,
  lineLlcNs: 0,
  lineNodeNs: 0,
  lineNumaNs: 0,
  atomicNs: 0,
  lockEnqueueNs: 0,
  lockPickNs: 0,
  lockDetachNs: 0,
  lockAttachNs: 0,
  pickNs: 0,
  switchSameMmNs: 0,
  switchOtherMmNs: 0,
  switchIdleNs: 0,
  wakeupNs: 0,
  wakeFirstNs: 0,
  callNs: 0,
  newidleNs: 0,
  peltProbeNs: 0,
  scanLlcNs: 0,
  scanFarNs: 0,
  ipiSendNs: 0,
  ipiDeliverNs: 0,
  pollWakeNs: 0,
  irqNs: 0,
  tickNs: 0,
  softirqNs: 0,
  statLlcNs: 0,
  statFarNs: 0,
  statGroupLlcNs: 0,
  statGroupNs: 0,
  statDomainNs: 0,
  statPassNs: 0,
  blockedNs: 0,
  detachNs: 0,
  attachNs: 0,
  forkNs: 0,
  exitNs: 0,
  tickStopNs: 0,
  tickRestartNs: 0,
  wakeCallNs: 0,
  sleepCallNs: 0,
  messageScale: 1,
  idlePolls: false,
  haltExitNs: 0,
  haltPollNs: 0,
  idleStates: [],
  smtShare: 1024,
  latLlcNs: 0,
  latMemNs: 0,
  latRemNs: 0,
  mlp: 4,
  l2Bytes: 0,
  llcBytes: 0,
  workingSetBytes: 0,
  takesTurns: false,
};

/** What the server profiles have in common. */
const SERVER: CostProfile = {
  ...NONE,
  name: 'server',
  lineSmtNs: 8,
  lineLlcNs: 48,
  lineNodeNs: 107,
  lineNumaNs: 118,
  atomicNs: 5,
  lockEnqueueNs: 500,
  lockPickNs: 1000,
  lockDetachNs: 2000,
  lockAttachNs: 500,
  pickNs: 400,
  switchSameMmNs: 500,
  switchOtherMmNs: 1100,
  switchIdleNs: 200,
  wakeupNs: 500,
  scanLlcNs: 40,
  scanFarNs: 110,
  ipiSendNs: 600,
  ipiDeliverNs: 800,
  pollWakeNs: 100,
  irqNs: 300,
  tickNs: 1500,
  softirqNs: 300,
  statLlcNs: 250,
  statFarNs: 600,
  statGroupNs: 100,
  statDomainNs: 500,
  blockedNs: 1000,
  detachNs: 400,
  attachNs: 500,
  forkNs: 50_000,
  exitNs: 30_000,
  tickStopNs: 1000,
  tickRestartNs: 1000,
  wakeCallNs: 200,
  sleepCallNs: 200,
  idlePolls: true,
  haltExitNs: 1000,
  idleStates: [
    { exitNs: 1000, residencyNs: 1000 },
    { exitNs: 3000, residencyNs: 20_000 },
    { exitNs: 130_000, residencyNs: 600_000 },
  ],
  smtShare: 640,
  latLlcNs: 20,
  latMemNs: 100,
  latRemNs: 140,
  l2Bytes: 1 << 20,
  llcBytes: 32 << 20,
  workingSetBytes: 64 << 10,
};

const PROFILES: readonly CostProfile[] = [
  NONE,
  { ...SERVER, name: 'bdw18', lineLlcNs: 44, lineNumaNs: 118, l2Bytes: 256 << 10, llcBytes: 45 << 20 },
  { ...SERVER, name: 'icx', lineLlcNs: 51, lineNumaNs: 108, l2Bytes: 1280 << 10, llcBytes: 48 << 20 },
  { ...SERVER, name: 'milan', lineSmtNs: 10, lineLlcNs: 23, lineNodeNs: 107, lineNumaNs: 197, l2Bytes: 512 << 10 },
  {
    ...SERVER,
    name: 'spr',
    lineLlcNs: 55,
    lineNumaNs: 130,
    l2Bytes: 2 << 20,
    llcBytes: 105 << 20,
    idleStates: [
      { exitNs: 1000, residencyNs: 1000 },
      { exitNs: 2000, residencyNs: 4000 },
      { exitNs: 290_000, residencyNs: 800_000 },
    ],
  },
  // One socket, one LLC: what the micro-benchmarks of §4 ran on.
  {
    ...SERVER,
    name: 'desktop',
    lineLlcNs: 24,
    lineNodeNs: 84,
    wakeupNs: 400,
    wakeCallNs: 0,
    sleepCallNs: 0,
    l2Bytes: 1280 << 10,
    llcBytes: 24 << 20,
    idleStates: [
      { exitNs: 1000, residencyNs: 1000 },
      { exitNs: 3000, residencyNs: 20_000 },
      { exitNs: 195_000, residencyNs: 600_000 },
    ],
  },
  {
    ...SERVER,
    name: 'guest4',
    ipiSendNs: 2300,
    ipiDeliverNs: 1200,
    idlePolls: false,
    haltExitNs: 8000,
    idleStates: [{ exitNs: 8000, residencyNs: 0 }],
    smtShare: 1024,
  },
  // The guest of the kernel lab; what was fitted, and on which records, is in docs/fidelity.md.
  {
    ...NONE,
    name: 'kernel-lab',
    pickNs: 1900,
    switchSameMmNs: 700,
    switchOtherMmNs: 700,
    switchIdleNs: 1500,
    wakeupNs: 500,
    wakeFirstNs: 5700,
    callNs: 2000,
    newidleNs: 3000,
    peltProbeNs: 3600,
    ipiSendNs: 400,
    ipiDeliverNs: 0,
    irqNs: 800,
    tickNs: 2500,
    softirqNs: 2400,
    statLlcNs: 100,
    statFarNs: 100,
    statGroupLlcNs: 100,
    statGroupNs: 100,
    statDomainNs: 5000,
    statPassNs: 5200,
    blockedNs: 500,
    detachNs: 5000,
    attachNs: 1500,
    forkNs: 100_000,
    exitNs: 180_000,
    tickRestartNs: 500,
    wakeCallNs: 7200,
    sleepCallNs: 2600,
    messageScale: 1,
    idleStates: [{ exitNs: 0, residencyNs: 0 }],
    takesTurns: true,
  },
];

export function listCostProfiles(): readonly CostProfile[] {
  return PROFILES;
}

export function costProfile(name: string): CostProfile {
  const found = PROFILES.find((p) => p.name === name);
  if (found !== undefined) return found;
  const names = PROFILES.map((p) => p.name);
  throw new UserError('policy', `unknown cost profile "${name}"`, {}, didYouMean(name, names));
}
