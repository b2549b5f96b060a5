import { createHash } from 'node:crypto';

import { OCI_INDEX } from '../../support/images';
import type { Manifest } from './read-manifest';
import { readManifest } from './read-manifest';
import type { ModelRequest, Reply } from './reply';
import { Refusal, bytes, empty, json } from './reply';

export type Right = 'read' | 'write';

/** Who may do what, from the beginning to the end; repositories that nobody made yet are among them. */
export interface World<Caller extends string = string> {
  /** The host of challenges. */
  host: string;
  grants: ReadonlyMap<string, Partial<Record<Caller, Right>>>;
  /** Repositories that are there before the first push, and who else reads them. */
  premade: ReadonlyMap<string, 'private' | 'public'>;
}

interface Repository {
  visibility: 'private' | 'public';
  /** By the digest that content is stored by, sha256. */
  blobs: Set<string>;
  /** In the order of their first push; `isDeleted` ones come back where they were. */
  manifests: Map<string, Manifest & { isDeleted: boolean }>;
  /** Null for a tag that has ended. */
  tags: Map<string, string | null>;
}

interface Asked extends ModelRequest {
  caller: string;
  name: string;
  reference: string;
  query: URLSearchParams;
  /** What the plan calls the session that this request opens, should it open one. */
  opens: string;
}

export const EMPTY_LAYER = Buffer.from(
  '1f8b080000096e8800ff621805a360148c5800080000ffff2eafb5ef00040000',
  'hex',
);
const DIGEST = /^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;
const TAG = /^\w[\w.-]{0,127}$/;

/**
 * The registry as `registry spec` 4 to 8 tells it: a few maps, one request after the other, nothing that is slow, away
 * or half done. What the product answers is compared with it.
 */
export class ModelRegistry {
  readonly repositories = new Map<string, Repository>();
  readonly uploads = new Map<string, { repository: string; received: Buffer }>();
  /** Every content that was ever pushed, by each digest that it was announced with; sha256 is always one of them. */
  private readonly contents = new Map<string, Buffer>();

  constructor(private readonly world: World) {
    for (const [name, visibility] of world.premade) this.make(name, visibility);
  }

  answer(caller: string, request: ModelRequest, opens: string): Reply {
    try {
      return withoutBody(request, this.route(caller, request, opens));
    } catch (error) {
      if (error instanceof Refusal) return withoutBody(request, error.reply());
      throw error;
    }
  }

  hasBlob(repository: string, digest: string): boolean {
    const content = this.contents.get(digest);
    return content !== undefined && (this.repositories.get(repository)?.blobs.has(sha256(content)) ?? false);
  }

  private route(caller: string, request: ModelRequest, opens: string): Reply {
    const { pathname, searchParams: query } = new URL(request.path, 'http://registry');
    if (pathname === '/v2/_catalog') return this.catalog(caller, query);
    const [, name = '', resource = '', reference = ''] =
      /^\/v2\/(.+)\/(blobs\/uploads|blobs|manifests|referrers|tags)\/(.*)$/.exec(pathname) ?? [];
    const asked: Asked = { ...request, caller, name, reference, query, opens };
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const reads = method === 'GET' && resource !== 'blobs/uploads';
    this.authorize(asked, reads ? 'read' : 'write', resource);
    if (reads && resource !== 'referrers') this.find(name);
    switch (`${method} ${resource}`) {
      case 'POST blobs/uploads':
        return this.beginUpload(asked);
      case 'GET blobs/uploads':
        return this.session(204, asked);
      case 'PATCH blobs/uploads':
        this.receive(asked);
        return this.session(202, asked);
      case 'PUT blobs/uploads':
        return this.finishUpload(asked);
      case 'DELETE blobs/uploads':
        this.upload(asked);
        this.uploads.delete(reference);
        return empty(204);
      case 'GET blobs':
        return this.getBlob(asked);
      case 'DELETE blobs':
        return this.deleteBlob(asked);
      case 'GET manifests':
        return this.getManifest(asked);
      case 'PUT manifests':
        return this.putManifest(asked);
      case 'DELETE manifests':
        return this.deleteManifest(asked);
      case 'GET tags':
        return this.listTags(asked);
      case 'GET referrers':
        return this.listReferrers(asked);
      default:
        throw new Error(`the plan asks for ${method} ${request.path}`);
    }
  }

  // Rights (registry spec 3, 9.3)

  private authorize({ caller, name, method }: Asked, needed: Right, resource: string): void {
    const right = this.rightOf(caller, name);
    if (right === 'write' || right === needed) return;
    const deletes = method === 'DELETE' && resource !== 'blobs/uploads';
    const actions = needed === 'read' ? 'pull' : deletes ? 'pull,push,delete' : 'pull,push';
    const { host } = this.world;
    throw new Refusal('UNAUTHORIZED', {
      'www-authenticate': `Bearer realm="http://${host}/v2/auth",service="${host}",scope="repository:${name}:${actions}",error="insufficient_scope"`,
    });
  }

  private rightOf(caller: string, name: string): Right | undefined {
    const isPublic = this.repositories.get(name)?.visibility === 'public';
    return this.world.grants.get(name)?.[caller] ?? (isPublic ? 'read' : undefined);
  }

  private find(name: string): Repository {
    const repository = this.repositories.get(name);
    if (!repository) throw new Refusal('NAME_UNKNOWN');
    return repository;
  }

  private make(name: string, visibility: Repository['visibility'] = 'private'): Repository {
    const known = this.repositories.get(name);
    const repository = known ?? { visibility, blobs: new Set(), manifests: new Map(), tags: new Map() };
    this.repositories.set(name, repository);
    return repository;
  }

  // Uploads (registry spec 4.2 to 4.6)

  private beginUpload(asked: Asked): Reply {
    const { name, query, caller, opens } = asked;
    const digest = query.has('digest') ? this.announced(query) : undefined;
    const mounted = query.get('mount');
    if (mounted !== null && !DIGEST.test(mounted)) throw new Refusal('DIGEST_INVALID');
    this.make(name);
    if (mounted !== null) {
      const sources = query.has('from') ? [query.get('from') ?? ''] : [...this.repositories.keys()];
      if (sources.some((from) => this.rightOf(caller, from) && this.hasBlob(from, mounted))) {
        return this.link(name, mounted, this.contents.get(mounted) ?? Buffer.alloc(0));
      }
    }
    this.uploads.set(opens, { repository: name, received: Buffer.alloc(0) });
    if (digest === undefined) return this.session(202, { ...asked, reference: opens });
    return this.finishUpload({ ...asked, reference: opens });
  }

  private upload({ name, reference }: Asked): { received: Buffer } {
    this.find(name);
    const upload = this.uploads.get(reference);
    if (upload?.repository !== name) throw new Refusal('BLOB_UPLOAD_UNKNOWN');
    return upload;
  }

  private session(status: number, asked: Asked): Reply {
    return empty(status, sessionHeaders(asked, this.upload(asked).received.length));
  }

  private receive(asked: Asked): Buffer {
    const upload = this.upload(asked);
    const body = asked.body ?? Buffer.alloc(0);
    const range = asked.headers['content-range'];
    if (range !== undefined) {
      const [, first = '', last = ''] = /^(\d+)-(\d+)$/.exec(range) ?? [];
      if (first === '') throw new Refusal('INVALID_REQUEST');
      if (Number(last) - Number(first) + 1 !== body.length) throw new Refusal('SIZE_INVALID');
      if (Number(first) !== upload.received.length) {
        throw new Refusal('BLOB_UPLOAD_INVALID', sessionHeaders(asked, upload.received.length), 416);
      }
    }
    upload.received = Buffer.concat([upload.received, body]);
    return upload.received;
  }

  private finishUpload(asked: Asked): Reply {
    const digest = this.announced(asked.query);
    const received = this.receive(asked);
    this.uploads.delete(asked.reference);
    if (digestAs(digest, received) !== digest) throw new Refusal('DIGEST_INVALID');
    return this.link(asked.name, digest, received);
  }

  private announced(query: URLSearchParams): string {
    const digest = query.get('digest') ?? '';
    if (digest === '') throw new Refusal('BLOB_UPLOAD_INVALID');
    if (!DIGEST.test(digest)) throw new Refusal('DIGEST_INVALID');
    return digest;
  }

  // Blobs (registry spec 4.1, 4.7)

  private link(name: string, digest: string, content: Buffer): Reply {
    this.contents.set(sha256(content), content);
    this.contents.set(digest, content);
    this.find(name).blobs.add(sha256(content));
    return empty(201, { location: `/v2/${name}/blobs/${digest}`, 'docker-content-digest': digest });
  }

  private getBlob({ caller, name, reference: digest, method, headers }: Asked): Reply {
    if (!DIGEST.test(digest)) throw new Refusal('DIGEST_INVALID');
    // Who may push and asks for the empty layer is to push it like any other.
    const isBeforePush = method === 'HEAD' && this.rightOf(caller, name) === 'write';
    const isEverywhere = digest === sha256(EMPTY_LAYER) && !isBeforePush;
    const known = this.hasBlob(name, digest) ? this.contents.get(digest) : undefined;
    const content = known ?? (isEverywhere ? EMPTY_LAYER : undefined);
    if (!content) throw new Refusal('BLOB_UNKNOWN');
    const { visibility } = this.find(name);
    const common = {
      'docker-content-digest': digest,
      etag: `"${digest}"`,
      'cache-control': `${visibility}, max-age=31536000, immutable`,
    };
    if (headers['if-none-match'] === `"${digest}"`) return empty(304, common);
    const ofBytes = { ...common, 'accept-ranges': 'bytes', 'content-type': 'application/octet-stream' };
    return ranged(content, headers.range, ofBytes);
  }

  private deleteBlob({ name, reference: digest }: Asked): Reply {
    if (!DIGEST.test(digest)) throw new Refusal('DIGEST_INVALID');
    const { blobs, manifests } = this.find(name);
    if (!this.hasBlob(name, digest)) throw new Refusal('BLOB_UNKNOWN');
    const stored = this.stored(digest);
    const live = [...manifests.values()].filter((manifest) => !manifest.isDeleted);
    if (live.some((manifest) => manifest.blobs.some((blob) => this.stored(blob.digest) === stored))) {
      throw new Refusal('UNSUPPORTED');
    }
    blobs.delete(stored);
    return empty(202);
  }

  private stored(digest: string): string {
    const content = this.contents.get(digest);
    return content ? sha256(content) : digest;
  }

  // Manifests and tags (registry spec 5)

  private getManifest({ name, reference, headers }: Asked): Reply {
    const { manifests, tags } = this.find(name);
    const isDigest = checkReference(reference);
    const digest = isDigest ? reference : tags.get(reference);
    const manifest = manifests.get(digest ?? '');
    if (!digest || !manifest || manifest.isDeleted) {
      throw new Refusal(!isDigest && tags.has(reference) ? 'TAG_EXPIRED' : 'MANIFEST_UNKNOWN');
    }
    const common = { 'docker-content-digest': digest, etag: `"${digest}"` };
    if (headers['if-none-match'] === `"${digest}"`) return empty(304, common);
    return bytes(manifest.body, { ...common, 'content-type': manifest.mediaType });
  }

  private putManifest({ name, reference, query, headers, body: sent }: Asked): Reply {
    const isDigest = checkReference(reference);
    const tags = isDigest ? query.getAll('tag').flatMap((value) => value.split(',')) : [reference];
    if (!tags.every((tag) => TAG.test(tag))) throw new Refusal('TAG_INVALID');
    const body = sent ?? Buffer.alloc(0);
    const digest = digestAs(isDigest ? reference : 'sha256:', body);
    if (isDigest && digest !== reference) throw new Refusal('DIGEST_INVALID');
    const manifest = readManifest(headers['content-type'], body);
    this.checkParts(name, manifest);
    // Only a push that succeeds makes its repository.
    const repository = this.make(name);
    const known = repository.manifests.get(digest);
    repository.manifests.set(digest, { ...(known ?? manifest), isDeleted: false });
    for (const tag of tags) repository.tags.set(tag, digest);
    return empty(201, {
      location: `/v2/${name}/manifests/${digest}`,
      'docker-content-digest': digest,
      ...(manifest.subject !== null && { 'oci-subject': manifest.subject }),
      ...(isDigest && tags.length > 0 && { 'oci-tag': [...new Set(tags)].join(', ') }),
    });
  }

  private checkParts(name: string, { blobs, children }: Manifest): void {
    const manifests = this.repositories.get(name)?.manifests;
    for (const { digest, size } of blobs) {
      if (!this.hasBlob(name, digest)) throw new Refusal('MANIFEST_BLOB_UNKNOWN');
      if (this.contents.get(digest)?.length !== size) throw new Refusal('MANIFEST_INVALID');
    }
    for (const { digest, size } of children) {
      const child = manifests?.get(digest);
      if (!child || child.isDeleted) throw new Refusal('MANIFEST_BLOB_UNKNOWN');
      if (child.body.length !== size) throw new Refusal('MANIFEST_INVALID');
    }
  }

  private deleteManifest({ name, reference }: Asked): Reply {
    const isDigest = checkReference(reference);
    const { manifests, tags } = this.find(name);
    if (!isDigest) {
      if (!tags.get(reference)) throw new Refusal('MANIFEST_UNKNOWN');
      tags.set(reference, null);
      return empty(202);
    }
    const manifest = manifests.get(reference);
    if (!manifest || manifest.isDeleted) throw new Refusal('MANIFEST_UNKNOWN');
    for (const parent of manifests.values()) {
      const names = parent.children.some((child) => child.digest === reference);
      if (names && !parent.isDeleted) throw new Refusal('UNSUPPORTED');
    }
    manifest.isDeleted = true;
    for (const [tag, digest] of tags) if (digest === reference) tags.set(tag, null);
    return empty(202);
  }

  // Listings (registry spec 6 to 8)

  private listTags({ name, query }: Asked): Reply {
    const tags = [...this.find(name).tags].filter(([, digest]) => digest !== null).map(([tag]) => tag);
    const { page, link } = paged(tags, query, `/v2/${name}/tags/list`);
    return json({ name, tags: page }, link);
  }

  private catalog(caller: string, query: URLSearchParams): Reply {
    const names = [...this.repositories.keys()].filter((name) => this.world.grants.get(name)?.[caller]);
    const { page, link } = paged(names, query, '/v2/_catalog');
    return json({ repositories: page }, link);
  }

  private listReferrers({ name, reference, query }: Asked): Reply {
    if (!DIGEST.test(reference)) throw new Refusal('DIGEST_INVALID');
    const wanted = query.get('artifactType');
    const manifests = [...(this.repositories.get(name)?.manifests ?? [])]
      .filter(([, { subject, isDeleted }]) => subject === reference && !isDeleted)
      .filter(([, { artifactType }]) => wanted === null || artifactType === wanted)
      .map(([digest, { mediaType, body, artifactType, annotations }]) => ({
        ...{ mediaType, digest, size: body.length },
        ...(artifactType !== null && { artifactType }),
        ...(annotations && { annotations }),
      }));
    return json(
      { schemaVersion: 2, mediaType: OCI_INDEX, manifests },
      { 'content-type': OCI_INDEX, ...(wanted !== null && { 'oci-filters-applied': 'artifactType' }) },
    );
  }
}

function withoutBody({ method }: ModelRequest, reply: Reply): Reply {
  return method === 'HEAD' ? { ...reply, body: Buffer.alloc(0) } : reply;
}

function sessionHeaders({ name, reference }: Asked, receivedBytes: number): Record<string, string> {
  return {
    location: `/v2/${name}/blobs/uploads/${reference}`,
    range: `0-${Math.max(0, receivedBytes - 1)}`,
    'docker-upload-uuid': reference,
  };
}

/** True for a digest, false for a tag. */
function checkReference(reference: string): boolean {
  const isDigest = reference.includes(':');
  if (isDigest && !DIGEST.test(reference)) throw new Refusal('DIGEST_INVALID');
  if (!isDigest && !TAG.test(reference)) throw new Refusal('TAG_INVALID');
  return isDigest;
}

function ranged(content: Buffer, range: string | undefined, headers: Record<string, string>): Reply {
  const size = content.length;
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? [];
  if (first === '' && last === '') return bytes(content, headers);
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (start > end || start >= size) {
    throw new Refusal('INVALID_REQUEST', { 'content-range': `bytes */${size}` }, 416);
  }
  const contentRange = `bytes ${start}-${end}/${size}`;
  return bytes(content.subarray(start, end + 1), { ...headers, 'content-range': contentRange }, 206);
}

/** In ASCII order behind `last`; 100 unless `n` says otherwise, 1000 at most. */
function paged(
  names: string[],
  query: URLSearchParams,
  path: string,
): { page: string[]; link: Record<string, string> } {
  const n = query.get('n') ?? '100';
  if (!/^\d+$/.test(n)) throw new Refusal('INVALID_REQUEST');
  const size = Math.min(Number(n), 1000);
  const last = query.get('last') ?? '';
  const behind = names.sort().filter((name) => name > last);
  const page = behind.slice(0, size);
  const end = page.at(-1);
  if (end === undefined || behind.length <= size) return { page, link: {} };
  const next = new URLSearchParams({ n: String(size), last: end });
  return { page, link: { link: `<${path}?${next.toString()}>; rel="next"` } };
}

/** The digest of content in the algorithm of another digest. */
function digestAs(like: string, content: Buffer): string {
  const algorithm = like.startsWith('sha512:') ? 'sha512' : 'sha256';
  return `${algorithm}:${createHash(algorithm).update(content).digest('hex')}`;
}

function sha256(content: Buffer): string {
  return digestAs('sha256:', content);
}
