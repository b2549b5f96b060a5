import type { IncomingMessage, ServerResponse } from 'node:http';

import { RegistryError } from '../errors';
import type { Registry } from '../exchange';
import { search } from './search';
import { sendV1 } from './send-v1';
import { confirmUser, tellUser } from './users';

interface V1Request {
  req: IncomingMessage;
  res: ServerResponse;
  url: string;
  /** Lets a client that waits with its body send it. */
  acceptBody: () => void;
}

/**
 * What is left of the first protocol of registries: `docker search`, and the probes of clients that try to log in by it
 * (registry spec 13). Nothing is pushed or pulled by it any more.
 */
export async function answerV1({ req, res, url, acceptBody }: V1Request, registry: Registry): Promise<void> {
  const mark = url.indexOf('?');
  const path = (mark < 0 ? url : url.slice(0, mark)).replace(/\/$/, '');
  const method = req.method === 'HEAD' ? 'GET' : (req.method ?? '');
  const allowed = METHODS[path];
  if (!allowed) throw absent(path);
  if (!allowed.includes(method)) {
    throw new RegistryError('UNSUPPORTED', {}, { headers: { Allow: allowed.join(', ') } });
  }
  const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
  if (path === '/v1/_ping') sendV1(res, 200, true, PING_HEADERS);
  else if (path === '/v1/search') await search({ req, res, query }, registry);
  else if (method === 'POST') await confirmUser({ req, res, acceptBody }, registry);
  else await tellUser({ req, res }, registry);
}

const METHODS: Record<string, readonly string[]> = {
  '/v1/_ping': ['GET', 'HEAD'],
  '/v1/search': ['GET', 'HEAD'],
  '/v1/users': ['GET', 'HEAD', 'POST'],
};
const PING_HEADERS = { 'X-Docker-Registry-Version': '0.6.0', 'X-Docker-Registry-Standalone': '0' };

function absent(path: string): RegistryError {
  const wasThere = /^\/v1\/(?:repositories|images)\//.test(path);
  const message = wasThere
    ? 'images are pushed and pulled by version 2 of the protocol only'
    : 'no such address';
  return new RegistryError('UNSUPPORTED', {}, { status: wasThere ? 410 : 404, message });
}
