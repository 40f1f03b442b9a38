/** Import directions of the house: a room may import only rooms below it (docs/architecture.md). */

/** From the bottom up; `base` is for all. */
const ROOMS = {
  base: [],
  engine: [],
  machine: [],
  trace: ['machine'],
  workload: ['engine', 'machine', 'trace'],
  sched: ['engine', 'machine', 'trace', 'workload'],
  balance: ['engine', 'machine', 'trace', 'workload', 'sched'],
  analysis: ['machine', 'trace'],
  experiment: ['engine', 'machine', 'trace', 'workload', 'sched', 'balance', 'analysis'],
  report: ['engine', 'machine', 'trace', 'workload', 'sched', 'balance', 'analysis', 'experiment'],
  cli: ['engine', 'machine', 'trace', 'workload', 'sched', 'balance', 'analysis', 'experiment', 'report'],
};
const ISOMORPHIC = ['base', 'engine', 'machine', 'trace', 'workload', 'sched', 'balance', 'analysis'];
/** Rooms without any run-time dependency. */
const BARE = ['base', 'engine', 'machine', 'sched', 'balance'];

const folder = (room) => `^src/${room}/`;

module.exports = {
  forbidden: [
    ...Object.entries(ROOMS).map(([room, below]) => ({
      name: `${room}-imports-down`,
      severity: 'error',
      from: { path: folder(room) },
      to: { path: '^src/', pathNot: [room, 'base', ...below].map(folder) },
    })),
    {
      name: 'isomorphic',
      comment: 'these rooms run in Node, in a worker and in a browser',
      severity: 'error',
      from: { path: ISOMORPHIC.map(folder) },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-dependencies',
      severity: 'error',
      from: { path: BARE.map(folder) },
      to: { dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'unknown'] },
    },
    {
      name: 'no-cycles-between-rooms',
      severity: 'error',
      from: { path: '^src/([^/]+)/' },
      to: { circular: true, pathNot: '^src/$1/' },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
