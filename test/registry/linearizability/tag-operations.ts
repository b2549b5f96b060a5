import { uniqueName } from '../../support/factories';
import { OCI_MANIFEST, buildImage } from '../../support/images';
import type { Random } from '../../support/random';
import type { RegistryClient } from '../../support/registry-client';
import { codesOf } from '../../support/registry-client';
import type { TagInput, TagOutput } from './tag-specification';
import { IMAGES } from './tag-specification';

/** Half of what is asked for only looks: that is what a change must not escape. */
export function chooseTagInput(random: Random): TagInput {
  const image = random.pick(IMAGES);
  const looks: TagInput[] = [
    { act: 'read' },
    { act: 'read' },
    { act: 'list' },
    { act: 'read manifest', image },
  ];
  const changes: TagInput[] = [
    ...[{ act: 'put', image } as const, { act: 'put', image } as const],
    ...[{ act: 'delete tag' } as const, { act: 'delete manifest', image } as const],
  ];
  return random.pick(random.pick([looks, changes]));
}

/** Acts on a tag that was never put, and on the images that it may name, in a repository of its own. */
export async function tagOperations(
  clients: readonly [RegistryClient, ...RegistryClient[]],
  owner: string,
): Promise<(client: number, input: TagInput) => Promise<TagOutput>> {
  const repository = `${owner}/${uniqueName('tags')}`;
  const built = IMAGES.map((name) => buildImage({ layers: [], annotations: { name } }));
  await clients[0].pushBlob(repository, built[0]?.config.text ?? '');
  const digestOf = (name: string) => built[IMAGES.findIndex((image) => image === name)]?.digest ?? '';
  const bodyOf = (name: string) => built[IMAGES.findIndex((image) => image === name)]?.body ?? '';
  const at = (reference: string) => `/v2/${repository}/manifests/${reference}`;
  const headers = { 'content-type': OCI_MANIFEST };

  return async (n, input) => {
    const client = clients[n] ?? clients[0];
    switch (input.act) {
      case 'put':
        return statusOf(await client.call('PUT', at('moving'), { body: bodyOf(input.image), headers }));
      case 'delete tag':
        return statusOf(await client.call('DELETE', at('moving')));
      case 'delete manifest':
        return statusOf(await client.call('DELETE', at(digestOf(input.image))));
      case 'read manifest':
        return statusOf(await client.call('HEAD', at(digestOf(input.image))));
      case 'read':
        return named(await client.call('GET', at('moving')));
      case 'list': {
        const response = await client.expect(200, 'GET', `/v2/${repository}/tags/list`);
        return ((await response.json()) as { tags: string[] }).tags.includes('moving');
      }
      default:
        return input satisfies never;
    }
  };

  async function named(response: Response): Promise<string> {
    if (response.status !== 200) return (await codesOf(response))[0] ?? 'none';
    const { annotations } = (await response.json()) as { annotations: { name: string } };
    const isItsOwn = response.headers.get('docker-content-digest') === digestOf(annotations.name);
    return isItsOwn ? annotations.name : 'a digest of another image';
  }
}

async function statusOf(response: Response): Promise<number> {
  await response.arrayBuffer();
  return response.status;
}
