import { RegistryError } from './errors';

/** The kinds of address that the protocol has. */
export type Resource =
  'root' | 'token' | 'catalog' | 'manifest' | 'blob' | 'uploads' | 'upload' | 'tags' | 'referrers';

export interface RoutePath {
  resource: Resource;
  /** Repository as written; empty for addresses without one. */
  name: string;
  reference: string;
}

/**
 * Reads a path below `/v2`. Names of repositories have slashes of their own, so it is cut at its last keyword
 * (performance spec 5). Undefined when nothing of the protocol lives there.
 */
export function parseRoutePath(pathname: string): RoutePath | undefined {
  if (pathname === '/v2' || pathname === '/v2/') return { resource: 'root', name: '', reference: '' };
  const parts = pathname.slice('/v2/'.length).split('/').map(decode);
  if (parts.length === 1 && parts[0] === 'auth') return { resource: 'token', name: '', reference: '' };
  if (parts.length === 1 && parts[0] === '_catalog') return { resource: 'catalog', name: '', reference: '' };
  return repositoryRoute(parts);
}

function repositoryRoute(parts: string[]): RoutePath | undefined {
  const last = parts.at(-1) ?? '';
  const keyword = parts.at(-2);
  const before = parts.at(-3);
  const route = (resource: Resource, reference: string, taken: number) => {
    const name = parts.slice(0, parts.length - taken).join('/');
    return name === '' ? undefined : { resource, name, reference };
  };
  if (keyword === 'uploads' && before === 'blobs') {
    return last === '' ? route('uploads', '', 3) : route('upload', last, 3);
  }
  if (keyword === 'blobs') return last === 'uploads' ? route('uploads', '', 2) : route('blob', last, 2);
  if (keyword === 'manifests') return route('manifest', last, 2);
  if (keyword === 'referrers') return route('referrers', last, 2);
  if (keyword === 'tags' && last === 'list') return route('tags', '', 2);
  return undefined;
}

function decode(part: string): string {
  if (!part.includes('%')) return part;
  try {
    return decodeURIComponent(part);
  } catch (error) {
    throw new RegistryError(
      'NAME_INVALID',
      {},
      { message: 'the path is not valid percent-encoding', cause: error },
    );
  }
}
