import type { ModelRegistry } from './model-registry';
import type { Step } from './plan';
import type { Caller, Scene } from './scene';
import { CALLERS, TAGS, sha256, sha512 } from './scene';

/** Asks for all there is and all there might be, as whoever may see it; each process answers half of it. */
export function* readEverything(scene: Scene, model: ModelRegistry): Iterable<Step> {
  let count = 0;
  for (const { caller, path } of addresses(scene, model)) {
    count += 1;
    const request = { method: 'GET', headers: {}, body: null, isStreamed: false, opens: '' };
    yield { ...request, caller, path, process: count % 2 === 0 ? 0 : 1 };
  }
}

function* addresses(scene: Scene, model: ModelRegistry): Iterable<{ caller: Caller; path: string }> {
  for (const caller of CALLERS) yield { caller, path: '/v2/_catalog' };
  for (const [name, grants] of scene.world.grants) {
    const caller = CALLERS.find((one) => grants[one] === 'write') ?? 'ann';
    const digests = scene.manifests.flatMap(({ body }) => [sha256(body), sha512(body)]);
    const blobs = scene.blobs.flatMap((blob) => [sha256(blob), sha512(blob)]);
    const paths = [
      'tags/list',
      ...TAGS.map((tag) => `manifests/${tag}`),
      ...digests.map((digest) => `manifests/${digest}`),
      ...blobs.map((digest) => `blobs/${digest}`),
      ...digests.slice(0, 12).map((digest) => `referrers/${digest}`),
    ];
    for (const path of paths) yield { caller, path: `/v2/${name}/${path}` };
  }
  for (const [id, { repository }] of model.uploads) {
    const caller = CALLERS.find((one) => scene.world.grants.get(repository)?.[one] === 'write') ?? 'ann';
    yield { caller, path: `/v2/${repository}/blobs/uploads/${id}` };
  }
}
