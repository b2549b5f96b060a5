'use strict';

const Docker = require('dockerode');

const { finish, makeBaseImage, splitReference } = require('./base-image.cjs');

async function connectEngine(config) {
  const host = process.env.DOCKER_HOST || config.DOCKER_HOST || 'unix:///var/run/docker.sock';
  const docker = host.startsWith('unix://')
    ? new Docker({ socketPath: host.slice('unix://'.length) })
    : new Docker({ host: new URL(host).hostname, port: new URL(host).port });
  try {
    await docker.ping();
  } catch (error) {
    throw new Error(`no Docker engine answers at ${host}; "bin/slipway doctor" says what is missing`, {
      cause: error,
    });
  }
  return docker;
}

/** Answers the image's name in our registry; only the organization may pull it. */
async function pushBaseImage({ config, progress }, docker, people) {
  const reference = `${config.SERVER_HOSTNAME}/${people.organization}/debian:bookworm`;
  const origin = await makeBaseImage(docker, reference, progress.note);
  progress.note('pushing');
  const stream = await docker.getImage(reference).push({
    authconfig: { username: people.user, password: people.password, serveraddress: config.SERVER_HOSTNAME },
  });
  await finish(docker, stream, (event) => progress.note(`${event.status || ''} ${event.progress || ''}`));
  await docker.getImage(reference).remove({ force: true });
  progress.line(`${reference}, made from ${origin}`);
  return reference;
}

/** Pulls by digest as the robot, runs the image without a network, and answers what it printed. */
async function runImage(docker, reference, robot) {
  const [host] = splitReference(reference)[0].split('/');
  await finish(docker, await docker.pull(reference, { authconfig: { ...robot, serveraddress: host } }));
  const container = await docker.createContainer({
    Image: reference,
    HostConfig: { NetworkMode: 'none' },
    Tty: true,
  });
  try {
    await container.start();
    const { StatusCode: code } = await container.wait();
    const output = (await container.logs({ stdout: true, stderr: true })).toString('utf8').trim();
    if (code !== 0) throw new Error(`the container ended with ${code}: ${output}`);
    return output;
  } finally {
    await container.remove({ force: true });
    await docker.getImage(reference).remove({ force: true });
  }
}

module.exports = { connectEngine, pushBaseImage, runImage };
