import { deleteBlob } from './blobs/delete-blob';
import { getBlob } from './blobs/get-blob';
import { listCatalog } from './catalog/list-catalog';
import type { Exchange, ProvenExchange, ReadExchange, Registry, RepositoryExchange } from './exchange';
import { deleteManifestOrTag } from './manifests/delete-manifest-or-tag';
import { getManifest } from './manifests/get-manifest';
import { pushManifest } from './manifests/push-manifest';
import { ping } from './ping';
import { listReferrers } from './referrers/list-referrers';
import type { Resource } from './route-path';
import { listTags } from './tags/list-tags';
import { issueToken } from './token/issue-token';
import type { Action } from './token/scopes';
import { appendToUpload } from './uploads/append-to-upload';
import { beginUpload } from './uploads/begin-upload';
import { dropUpload } from './uploads/drop-upload';
import { finishUpload } from './uploads/finish-upload';
import { uploadStatus } from './uploads/upload-status';

type Handle<E> = (exchange: E, registry: Registry) => Promise<void>;

interface Place {
  method: string;
  resource: Resource;
  /** For people and for tests that walk the table. */
  pattern: string;
}

/**
 * What a caller needs before the handler runs. `open`: nothing. `token`: any token of ours. `scope`: a token with the
 * action; an act that follows looks at identity and repository itself. `read`: the action `pull`, and a repository that
 * may be read now.
 */
export type Route = Place &
  (
    | { access: 'open'; handle: Handle<Exchange> }
    | { access: 'token'; handle: Handle<ProvenExchange> }
    | {
        access: 'scope';
        action: Action;
        /** What the challenge asks for where that is more. */
        challenge?: Action;
        handle: Handle<RepositoryExchange>;
      }
    | { access: 'read'; handle: Handle<ReadExchange> }
  );

const MANIFEST = '/v2/{name}/manifests/{reference}';
const BLOB = '/v2/{name}/blobs/{digest}';
const UPLOADS = '/v2/{name}/blobs/uploads/';
const UPLOAD = '/v2/{name}/blobs/uploads/{uuid}';

export const ROUTES: readonly Route[] = [
  { method: 'GET', resource: 'root', pattern: '/v2/', access: 'token', handle: ping },
  { method: 'GET', resource: 'token', pattern: '/v2/auth', access: 'open', handle: issueToken },
  { method: 'GET', resource: 'catalog', pattern: '/v2/_catalog', access: 'token', handle: listCatalog },

  { method: 'GET', resource: 'manifest', pattern: MANIFEST, access: 'read', handle: getManifest },
  {
    method: 'PUT',
    resource: 'manifest',
    pattern: MANIFEST,
    access: 'scope',
    action: 'push',
    handle: pushManifest,
  },
  {
    method: 'DELETE',
    resource: 'manifest',
    pattern: MANIFEST,
    access: 'scope',
    action: 'delete',
    handle: deleteManifestOrTag,
  },

  { method: 'GET', resource: 'blob', pattern: BLOB, access: 'read', handle: getBlob },
  {
    method: 'DELETE',
    resource: 'blob',
    pattern: BLOB,
    access: 'scope',
    action: 'delete',
    handle: deleteBlob,
  },

  {
    method: 'POST',
    resource: 'uploads',
    pattern: UPLOADS,
    access: 'scope',
    action: 'push',
    handle: beginUpload,
  },
  {
    method: 'GET',
    resource: 'upload',
    pattern: UPLOAD,
    access: 'scope',
    // Some clients cache one token for all that only reads.
    action: 'pull',
    challenge: 'push',
    handle: uploadStatus,
  },
  {
    method: 'PATCH',
    resource: 'upload',
    pattern: UPLOAD,
    access: 'scope',
    action: 'push',
    handle: appendToUpload,
  },
  {
    method: 'PUT',
    resource: 'upload',
    pattern: UPLOAD,
    access: 'scope',
    action: 'push',
    handle: finishUpload,
  },
  {
    method: 'DELETE',
    resource: 'upload',
    pattern: UPLOAD,
    access: 'scope',
    action: 'push',
    handle: dropUpload,
  },

  { method: 'GET', resource: 'tags', pattern: '/v2/{name}/tags/list', access: 'read', handle: listTags },
  {
    method: 'GET',
    resource: 'referrers',
    pattern: '/v2/{name}/referrers/{digest}',
    access: 'scope',
    action: 'pull',
    handle: listReferrers,
  },
];

/** HEAD is GET without the body. */
export function findRoute(method: string, resource: Resource): Route | undefined {
  const wanted = method === 'HEAD' ? 'GET' : method;
  return ROUTES.find((route) => route.resource === resource && route.method === wanted);
}

/** For the answer to a method that an address does not have. */
export function methodsOf(resource: Resource): string[] {
  const methods = ROUTES.filter((route) => route.resource === resource).map((route) => route.method);
  return methods.includes('GET') ? [...methods, 'HEAD'] : methods;
}
