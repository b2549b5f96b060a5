import type { IncomingMessage } from 'node:http';

import type { ZodError } from 'zod';

import { invalidRequest, PlainRefusal } from '../errors';
import type { ApiRoute } from '../route';
import { parseJson } from './parse-json';

const JSON_LIMIT_BYTES = 1024 * 1024;

export interface RequestBody {
  json: unknown;
  raw: Buffer;
}

const EMPTY = Buffer.alloc(0);

/** Whoever needs longer for a body of this size holds a connection for nothing. */
const LIMIT_MS = 60_000;

/** Reads and checks the body that a route asks for; nothing is read where it asks for none. */
export async function readBody(
  request: IncomingMessage,
  route: ApiRoute,
  limitMs = LIMIT_MS,
): Promise<RequestBody> {
  if (route.rawBody) {
    const raw = await readBytes(request, { limitBytes: route.rawBody.limitBytes, limitMs }, tooLarge);
    return { json: undefined, raw };
  }
  if (!route.bodySchema) return { json: undefined, raw: EMPTY };
  const parsed = route.bodySchema.safeParse(await readJson(request, route.optionalBody ?? false, limitMs));
  if (!parsed.success) throw schemaRefusal(parsed.error);
  return { json: parsed.data, raw: EMPTY };
}

async function readJson(request: IncomingMessage, optional: boolean, limitMs: number): Promise<unknown> {
  if (!isJson(request.headers['content-type'])) {
    if (optional) return {};
    throw new PlainRefusal(415, { message: 'the request needs the header Content-Type: application/json' });
  }
  const bytes = await readBytes(request, { limitBytes: JSON_LIMIT_BYTES, limitMs }, () =>
    invalidRequest(`the body is larger than ${JSON_LIMIT_BYTES} bytes`),
  );
  if (optional && bytes.length === 0) return {};
  let value: unknown;
  try {
    value = parseJson(bytes);
  } catch (error) {
    throw new PlainRefusal(400, { message: `the body ${(error as SyntaxError).message}` });
  }
  if (value === null) throw invalidRequest('the body is null; an object is needed');
  return value;
}

function isJson(contentType: string | undefined): boolean {
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  return type === 'application/json' || /^application\/[\w.-]+\+json$/.test(type);
}

/** Not by `for await`: leaving such a loop early closes the connection, and with it the answer. */
async function readBytes(
  request: IncomingMessage,
  { limitBytes, limitMs }: { limitBytes: number; limitMs: number },
  refusal: () => Error,
): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) throw refusal();
  let timer: NodeJS.Timeout | undefined;
  const body = new Promise<Buffer>((resolve, reject) => {
    timer = setTimeout(() => reject(tooSlow(limitMs)), limitMs);
    const chunks: Buffer[] = [];
    let received = 0;
    request.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (received > limitBytes) reject(refusal());
      else chunks.push(chunk);
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', reject);
  });
  return body.finally(() => clearTimeout(timer));
}

function tooSlow(limitMs: number): PlainRefusal {
  return new PlainRefusal(408, { message: `the body did not arrive within ${limitMs / 1000} s` });
}

function tooLarge(): PlainRefusal {
  return new PlainRefusal(413, { message: 'the body is too large' });
}

/** `visibility: Invalid option …; repository: …`: every field at fault with its reason. */
function schemaRefusal(error: ZodError): Error {
  const issues = error.issues.map((issue) => ({
    field: issue.path.join('.') || 'body',
    reason: issue.message,
  }));
  return invalidRequest(
    issues.map(({ field, reason }) => `${field}: ${reason}`).join('; '),
    issues[0]?.field,
  );
}
