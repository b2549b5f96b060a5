import { findTaggedManifest } from '../../db/stores/tag-history';
import type { ApiDeps } from '../api-deps';
import { notFound } from '../errors';
import { foundRepository } from '../found-repository';
import type { ApiRoute } from '../route';
import { route } from '../route';
import { readLayerHistory } from './image-config';
import { presentManifest, readImageManifest } from './present-manifest';

/** Manifests as people look at them (api spec 8); the bytes for clients are served under `/v2`. */
export function createManifestRoutes(deps: ApiDeps): ApiRoute[] {
  return [
    route({
      method: 'GET',
      path: '/repository/{r}/manifest/{digest}',
      operationId: 'getRepoManifest',
      access: 'repository-read',
      async handle(request) {
        const { manager } = deps.dataSource;
        const digest = request.params.digest ?? '';
        const repositoryId = foundRepository(request).id;
        const manifest = await findTaggedManifest(manager, repositoryId, digest, deps.now());
        if (!manifest) throw notFound();
        const config = readImageManifest(manifest)?.config;
        const history = config
          ? await readLayerHistory(manager, deps.storage, { repositoryId, digest: config.digest })
          : [];
        return { status: 200, body: presentManifest(digest, manifest, history) };
      },
    }),
  ];
}
