import { spawn } from 'node:child_process';

import type Docker from 'dockerode';

import { hasBuildKit } from '../../activities/build/engine';
import type { PushedImage, Side } from './sides';
import { readTag, TAGS } from './sides';

export interface DirectRun {
  startedAtMs: number;
  builtAtMs: number;
  endedAtMs: number;
  image: PushedImage;
}

interface EngineAnswer {
  error?: string;
  errorDetail?: { message?: string };
}

/**
 * The least that somebody with dockerode writes: the tree as a tar, build with the builder that Slipway chooses, tag, push
 * each tag. No log is kept, no base image is asked for anew.
 */
export async function buildThroughDockerode(
  docker: Docker,
  host: string,
  side: Side,
  tree: Record<string, string>,
): Promise<DirectRun> {
  const { project, username, password } = side;
  const commit = project.source.commit(tree);
  const name = `${host}/${project.path}`;
  const [first = 'latest', ...others] = TAGS;
  const version = (await hasBuildKit(docker)) ? '2' : '1';

  const startedAtMs = Date.now();
  const archive = spawn('git', ['-C', project.source.work, 'archive', '--format=tar', commit]);
  await follow(docker, await docker.buildImage(archive.stdout, { t: `${name}:${first}`, version, rm: true }));
  const builtAtMs = Date.now();
  for (const tag of others) await docker.getImage(`${name}:${first}`).tag({ repo: name, tag });
  for (const tag of TAGS) {
    const authconfig = { username, password, serveraddress: host };
    await follow(docker, await docker.getImage(`${name}:${tag}`).push({ authconfig }));
  }
  const images = await Promise.all(TAGS.map((tag) => readTag(side, tag)));
  const endedAtMs = Date.now();

  for (const tag of TAGS) await docker.getImage(`${name}:${tag}`).remove({ noprune: true });
  const [image] = images;
  if (!image || images.some((other) => other?.digest !== image.digest)) {
    throw new Error('the direct push is over, but its tags are not all there');
  }
  return { startedAtMs, builtAtMs, endedAtMs, image };
}

function follow(docker: Docker, stream: NodeJS.ReadableStream): Promise<void> {
  return new Promise((resolve, reject) => {
    let failure: string | undefined;
    docker.modem.followProgress(
      stream,
      (error) => {
        if (error ?? failure) reject(error ?? new Error(failure));
        else resolve();
      },
      ({ error, errorDetail }: EngineAnswer) => {
        failure ??= errorDetail?.message ?? error;
      },
    );
  });
}
