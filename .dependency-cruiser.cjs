// The floors of the design (ARCHITECTURE.md, "Rooms"): what each room may import of ours. Anything not listed is refused.
const GROUND = ['model', 'config', 'telemetry'];
const ROOMS = {
  workflows: ['model'],
  activities: ['commands', 'db', 'storage', 'auth', 'scanner', 'outbound', ...GROUND],
  workers: ['workflows', 'activities', 'commands', 'db', 'storage', 'auth', 'scanner', 'outbound', ...GROUND],
  api: ['commands', 'db', 'auth', 'storage', 'scanner', 'outbound', ...GROUND],
  registry: ['commands', 'db', 'auth', 'storage', 'outbound', ...GROUND],
  db: GROUND,
  serve: ['api', 'registry', 'commands', 'db', 'auth', 'storage', 'outbound', ...GROUND],
  cli: ['commands', 'db', 'storage', 'auth', ...GROUND],
  commands: ['db', 'auth', ...GROUND],
  auth: ['db', 'outbound', ...GROUND],
  model: [],
  storage: GROUND,
  scanner: ['model'],
  outbound: ['config', 'telemetry'],
  telemetry: ['config'],
  config: [],
};

const floors = Object.entries(ROOMS).map(([room, allowed]) => ({
  name: `floor-${room}`,
  comment: `${room}/ may import only ${[room, ...allowed].join(', ')}`,
  severity: 'error',
  from: { path: `^${room}/` },
  to: {
    path: `^(${Object.keys(ROOMS).join('|')}|test|bench|bin)/`,
    pathNot: `^(${[room, ...allowed].join('|')})/`,
  },
}));
// activities may know the contracts of workflows, workflows the types of activities: nothing else of each other.
const activities = floors.find((rule) => rule.name === 'floor-activities');
activities.to.pathNot += '|^workflows/shared/';
const workflows = floors.find((rule) => rule.name === 'floor-workflows');
workflows.to.dependencyTypesNot = ['type-only'];

module.exports = {
  forbidden: [
    ...floors,
    {
      name: 'workflow-types-only',
      comment: 'workflows/ may use the types of activities/ and of nothing else above it',
      severity: 'error',
      from: { path: '^workflows/' },
      to: { path: '^(?!workflows/|model/|activities/|node_modules/)', dependencyTypesNot: ['core'] },
    },
    {
      name: 'workflow-sandbox',
      comment: 'no Node builtin may enter the workflow sandbox',
      severity: 'error',
      from: { path: '^(workflows|model|scanner)/' },
      to: { dependencyTypes: ['core'], pathNot: '^(assert|node:crypto|crypto)$' },
    },
    {
      name: 'no-cycle',
      severity: 'error',
      from: {},
      to: { circular: true, dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: 'specify',
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|node_modules|\\.slipway)/' },
    combinedDependencies: true,
  },
};
