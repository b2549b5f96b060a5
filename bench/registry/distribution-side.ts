import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { goProgram } from '../../test/support/go-program';
import { freePort } from '../../test/support/processes';
import { processTree } from './accounting';
import { startServer } from './server-process';
import type { Side } from './side';
import { tagName } from './side';

const VERSION = 'v3.1.2';
const PACKAGE = 'github.com/distribution/distribution/v3/cmd/registry';

interface Binary {
  path: string;
  version: string;
}

/** The peer of record from the user's cache, built with Go where it is not there yet; else Debian's older one. */
export async function findDistribution(): Promise<Binary> {
  const binary = await goProgram({ package: PACKAGE, version: VERSION, name: 'distribution' });
  if (typeof binary === 'string') return { path: binary, version: `distribution ${VERSION}` };
  const packaged = '/usr/bin/docker-registry';
  if (!existsSync(packaged)) {
    throw new Error(`${binary.missing}, and Debian's docker-registry is not installed`);
  }
  return { path: packaged, version: "Debian's docker-registry, which the bars are not made for" };
}

/** The reference registry with its in-memory cache of descriptors, without authentication and access log. */
export async function startDistribution({ path, version }: Binary): Promise<Side> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-bench-peer-'));
  const port = await freePort();
  const configFile = join(folder, 'config.yml');
  const storage = join(folder, 'storage');
  writeFileSync(configFile, JSON.stringify(configOf(storage, port)));
  const logFile = join(folder, 'registry.log');
  const server = await startServer(path, ['serve', configFile], {
    logFile,
    url: `http://127.0.0.1:${port}/v2/`,
    env: { OTEL_TRACES_EXPORTER: 'none' },
  });
  const root = join(storage, 'docker', 'registry', 'v2');
  return {
    name: 'distribution',
    version,
    port,
    namespace: 'bench',
    headersFor: () => Promise.resolve(''),
    pids: () => processTree(server.pid),
    databasePids: () => [],
    removeBlobs(digests) {
      for (const digest of digests) {
        const hex = digest.slice('sha256:'.length);
        rmSync(join(root, 'blobs', 'sha256', hex.slice(0, 2), hex), { recursive: true });
      }
    },
    fillTags(repository, tag, count) {
      const tags = join(root, 'repositories', repository, '_manifests', 'tags');
      for (let index = 0; index < count - 1; index += 1) {
        const current = join(tags, tagName(index), 'current');
        mkdirSync(current, { recursive: true });
        copyFileSync(join(tags, tag, 'current', 'link'), join(current, 'link'));
      }
      return Promise.resolve();
    },
    healthPath: '/v2/',
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function configOf(storage: string, port: number): object {
  return {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: storage, maxthreads: 100 },
      cache: { blobdescriptor: 'inmemory' },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: { addr: `127.0.0.1:${port}` },
  };
}
