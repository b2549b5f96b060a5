'use strict';

const { execFile } = require('node:child_process');
const { chmod, copyFile, mkdir, writeFile } = require('node:fs/promises');
const { dirname, join } = require('node:path');
const { promisify } = require('node:util');

const { serviceFiles } = require('./sample-service.cjs');

const run = promisify(execFile);
const HOOK = join(__dirname, '..', 'post-receive');

/** A bare repository with the post-receive hook and a clone with one commit that is not pushed yet. */
async function makeSource(demo, baseImage) {
  const bareName = 'greeter.git';
  const bare = join(demo.folder, bareName);
  const work = join(demo.folder, 'greeter');
  await run('git', ['init', '--quiet', '--bare', '--initial-branch=main', bare]);
  await run('git', ['init', '--quiet', '--initial-branch=main', work]);
  for (const [name, content] of Object.entries(serviceFiles(baseImage))) {
    await mkdir(dirname(join(work, name)), { recursive: true });
    await writeFile(join(work, name), content);
  }
  const source = { bareName, bare, work };
  await commit(source, 'greet in the name of the slipway');
  await git(source, 'remote', 'add', 'origin', bare);
  await copyFile(HOOK, join(bare, 'hooks', 'post-receive'));
  await chmod(join(bare, 'hooks', 'post-receive'), 0o755);
  return source;
}

async function commit(source, message) {
  await git(source, 'add', '--all');
  await git(
    source,
    '-c',
    'user.name=Ann',
    '-c',
    'user.email=ann@example.com',
    'commit',
    '--quiet',
    '-m',
    message,
  );
}

async function git(source, ...args) {
  return run('git', ['-C', source.work, ...args]);
}

/** Pushes, and answers what the hook told the pusher. */
async function pushCommit(source, target, branch) {
  await run('git', ['--git-dir', source.bare, 'config', 'slipway.webhook', target.webhookUrl]);
  const { stderr } = await git(source, 'push', 'origin', branch);
  return stderr
    .split('\n')
    .filter((line) => line.startsWith('remote:'))
    .map((line) => line.trim());
}

async function breakDockerfile(source) {
  await writeFile(join(source.work, 'Dockerfile'), 'FROM scratch\nRUNN echo this is no instruction\n');
  await commit(source, 'break the Dockerfile');
}

module.exports = { makeSource, pushCommit, breakDockerfile };
