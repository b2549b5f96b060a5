import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';

import type { ContainerCreateOptions, ContainerInspectInfo } from 'dockerode';

import { emptyDatabase, TEST_SECRET_KEY } from './database';
import { docker, dockerHost } from './docker';
import { uniqueName } from './factories';
import { freePort } from './processes';
import { PRODUCT_IMAGE } from './product-image';
import { ownTemporal } from './temporal';

const ROLES = {
  serve: ['serve'],
  relay: ['relay'],
  worker: ['worker', '--queues', 'orchestration,scan,deliver,maintenance'],
  builder: ['worker', '--queues', 'build'],
} as const;
type ContainerRole = keyof typeof ROLES;

export interface ProductContainers {
  /** Of `serve`, as clients reach it. */
  url: string;
  /** Runs the image to its end, in the configuration of the others unless another is given. */
  run(
    args: string[],
    options?: { entrypoint?: string; env?: Record<string, string> },
  ): Promise<{ code: number; output: string }>;
  inspect(role: ContainerRole): Promise<ContainerInspectInfo>;
  log(role: ContainerRole): Promise<string>;
  stop(role: ContainerRole, graceSeconds: number): Promise<void>;
  dispose(): Promise<void>;
}

/** The product as containers on the machine's network, migrated; with nothing that it does not need. */
export async function startContainers(): Promise<ProductContainers> {
  const engine = await docker();
  const socket = (await dockerHost()).slice('unix://'.length);
  const temporal = await ownTemporal();
  const port = await freePort();
  const volume = uniqueName('slipway-test');
  const env: Record<string, string> = {
    SERVER_HOSTNAME: `127.0.0.1:${port}`,
    LISTEN_ADDRESS: '127.0.0.1',
    LISTEN_PORT: String(port),
    DATABASE_URL: await emptyDatabase(),
    DATABASE_SECRET_KEY: TEST_SECRET_KEY,
    TEMPORAL_ADDRESS: temporal.address,
    DOCKER_HOST: 'unix:///run/engine.sock',
  };

  async function create(
    command: readonly string[],
    fields: ContainerCreateOptions = {},
    variables: Record<string, string> = env,
  ) {
    return engine.createContainer({
      Image: PRODUCT_IMAGE,
      Cmd: [...command],
      Env: Object.entries(variables).map(([name, value]) => `${name}=${value}`),
      // Its output comes as it is, without the engine's frames.
      Tty: true,
      ...fields,
      HostConfig: {
        NetworkMode: 'host',
        ReadonlyRootfs: true,
        Tmpfs: { '/tmp': '' },
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges'],
        // Where the engine's socket belongs to a group, the builder needs it.
        GroupAdd: [String(statSync(socket).gid)],
        Binds: [`${volume}:/var/lib/slipway/storage`, `${socket}:/run/engine.sock`],
      },
    });
  }

  const containers = {} as Record<ContainerRole, Awaited<ReturnType<typeof create>>>;
  const made: ProductContainers = {
    url: `http://127.0.0.1:${port}`,
    async run(args, { entrypoint, env: variables } = {}) {
      const fields = entrypoint === undefined ? {} : { Entrypoint: [entrypoint] };
      const container = await create(args, fields, variables);
      try {
        await container.start();
        const { StatusCode: code } = (await container.wait()) as { StatusCode: number };
        const output = await container.logs({ stdout: true, stderr: true });
        return { code, output: output.toString('utf8').replaceAll('\r\n', '\n') };
      } finally {
        await container.remove({ force: true });
      }
    },
    inspect: (role) => containers[role].inspect(),
    async log(role) {
      return (await containers[role].logs({ stdout: true, stderr: true, tail: 200 })).toString('utf8');
    },
    async stop(role, graceSeconds) {
      await containers[role].stop({ t: graceSeconds });
    },
    async dispose() {
      for (const container of Object.values(containers)) await container.remove({ force: true });
      await engine.getVolume(volume).remove({ force: true });
      await temporal.dispose();
    },
  };

  // The engine hands its socket to root alone, or to a group.
  execFileSync('chmod', ['g+rw', socket]);
  const { code, output } = await made.run(['migrate']);
  if (code !== 0) throw new Error(`migrate ended with ${code}: ${output}`);
  for (const role of Object.keys(ROLES) as ContainerRole[]) {
    const healthPort = String(await freePort());
    containers[role] = await create(ROLES[role], {}, { ...env, SLIPWAY_HEALTH_PORT: healthPort });
    await containers[role].start();
  }
  return made;
}
