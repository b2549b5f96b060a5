'use strict';

const fs = require('node:fs');
const path = require('node:path');

const { isAtLeast } = require('../versions.cjs');
const { fetchOptions, npmReason } = require('./npm-registry.cjs');
const { fillCache } = require('./tool-cache.cjs');

const MINIMUM_NODE = '22.19';
const NODE_LINE = '24';

/**
 * Where to look for a Node that the product runs on: the launcher's own, then Node 24 from npm in the user's cache.
 * @param {import('../machine.cjs').Machine} machine
 * @param {import('../terminal.cjs').Terminal} terminal
 * @returns {import('./search.cjs').Step<{ bin: string, version: string }>[]}
 */
function nodeSteps(machine, terminal) {
  const name = `node-${machine.platform}-${machine.arch}`;
  const folder = path.join(machine.cache, `node-${NODE_LINE}`);
  const cached = path.join(folder, 'bin', 'node');
  return [
    {
      where: 'the Node that runs the launcher',
      find: async () => {
        if (isAtLeast(machine.nodeVersion, MINIMUM_NODE))
          return { bin: machine.nodePath, version: machine.nodeVersion };
        return `${machine.nodeVersion} is older than ${MINIMUM_NODE}`;
      },
    },
    { where: 'the cache', find: () => tryNode(machine, cached) },
    {
      where: 'npm',
      obtains: `fetch Node ${NODE_LINE} from npm into ${folder}`,
      applies: () => Boolean(machine.which('npm')),
      find: () =>
        terminal.step(`fetching Node ${NODE_LINE} from npm`, () =>
          fillCache(machine, `node-${NODE_LINE}`, terminal, {
            existing: () => tryNode(machine, cached),
            make: (draft) => fetchNode(machine, name, draft),
          }),
        ),
    },
  ];
}

async function fetchNode(machine, name, draft) {
  const work = `${draft}.work`;
  fs.mkdirSync(work, { recursive: true });
  try {
    // A package.json of its own keeps npm from looking for one in the folders above.
    fs.writeFileSync(path.join(work, 'package.json'), '{"private":true}');
    const args = [
      'install',
      '--prefix',
      work,
      '--no-save',
      ...(await fetchOptions(machine, work)),
      `${name}@${NODE_LINE}`,
    ];
    const { code, output } = await machine.capture('npm', args, { cwd: work });
    if (code !== 0) return `npm could not fetch ${name}@${NODE_LINE} (${npmReason(output)})`;
    fs.renameSync(path.join(work, 'node_modules', name), draft);
    return undefined;
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

async function tryNode(machine, bin) {
  if (!machine.exists(bin)) return 'nothing there';
  const { code, stdout } = await machine.capture(bin, ['--version'], { timeoutMs: 10_000 });
  if (code !== 0 || !isAtLeast(stdout, MINIMUM_NODE)) return `${bin} does not run here`;
  return { bin, version: stdout.trim() };
}

module.exports = { MINIMUM_NODE, nodeSteps };
