import { uniqueName } from '../../support/factories';
import { OCI_MANIFEST, buildImage } from '../../support/images';
import type { Random } from '../../support/random';
import type { RegistryClient } from '../../support/registry-client';
import type { BlobAct } from './blob-specification';

/** Half of what is asked for only looks: that is what a change must not escape. */
export function chooseBlobAct(random: Random): BlobAct {
  const looks = ['head', 'get', 'head', 'get', 'head of mounted'] as const;
  const pushes = ['push', 'push in two requests', 'mount', 'put manifest'] as const;
  const deletes = ['delete', 'delete', 'delete manifest', 'delete mounted'] as const;
  return random.pick<BlobAct>(random.pick([looks, looks, pushes, deletes]));
}

/** Acts on a blob that nobody has pushed before, in two repositories of their own; each answers its status. */
export async function blobOperations(
  clients: readonly [RegistryClient, ...RegistryClient[]],
  owner: string,
): Promise<(client: number, act: BlobAct) => Promise<number>> {
  const [source, target] = [`${owner}/${uniqueName('source')}`, `${owner}/${uniqueName('target')}`];
  const bytes = Buffer.from(uniqueName('layer'));
  const image = buildImage({ layers: [bytes] });
  const digest = image.layers[0]?.digest ?? '';
  for (const name of [source, target]) await clients[0].pushBlob(name, image.config.text);
  const uploads = (name: string) => `/v2/${name}/blobs/uploads/`;
  const blob = (name: string) => `/v2/${name}/blobs/${digest}`;
  const manifest = `/v2/${source}/manifests/${image.digest}`;
  const headers = { 'content-type': OCI_MANIFEST };

  const requests: Record<BlobAct, (client: RegistryClient, other: RegistryClient) => Promise<Response>> = {
    push: (client) => client.call('POST', `${uploads(source)}?digest=${digest}`, { body: bytes }),
    'push in two requests': async (client, other) => {
      const started = await client.expect(202, 'POST', uploads(source));
      const location = started.headers.get('location') ?? '';
      return other.call('PUT', `${location}?digest=${digest}`, { body: bytes });
    },
    mount: (client) => client.call('POST', `${uploads(target)}?mount=${digest}&from=${source}`),
    head: (client) => client.call('HEAD', blob(source)),
    get: (client) => client.call('GET', blob(source)),
    delete: (client) => client.call('DELETE', blob(source)),
    'head of mounted': (client) => client.call('HEAD', blob(target)),
    'delete mounted': (client) => client.call('DELETE', blob(target)),
    'put manifest': (client) => client.call('PUT', manifest, { body: image.body, headers }),
    'delete manifest': (client) => client.call('DELETE', manifest),
  };
  return async (n, act) => {
    const [client = clients[0], other = clients[0]] = [clients[n], clients[(n + 1) % clients.length]];
    const response = await requests[act](client, other);
    await response.arrayBuffer();
    return response.status;
  };
}
