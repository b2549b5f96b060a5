/** One request as the model and the product get it; the path names sessions by what the plan calls them. */
export interface ModelRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Buffer | null;
}

/** What a request is to be answered with: all headers that matter, the absent ones too. */
export interface Reply {
  status: number;
  headers: Record<string, string>;
  /** Of a refusal only the code: its message is for people. */
  body: Buffer | { code: string };
}

/** The codes of the protocol and their status (registry spec 2). */
const STATUS = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  INVALID_REQUEST: 400,
  MANIFEST_BLOB_UNKNOWN: 400,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  TAG_EXPIRED: 404,
  TAG_INVALID: 400,
  UNAUTHORIZED: 401,
  UNSUPPORTED: 405,
} as const;
export type Code = keyof typeof STATUS;

export class Refusal extends Error {
  constructor(
    readonly code: Code,
    readonly headers: Record<string, string> = {},
    readonly status: number = STATUS[code],
  ) {
    super(code);
  }

  reply(): Reply {
    const headers = { 'content-type': 'application/json', ...this.headers };
    return { status: this.status, headers, body: { code: this.code } };
  }
}

export function empty(status: number, headers: Record<string, string> = {}): Reply {
  const hasLength = status !== 204 && status !== 304;
  return {
    status,
    headers: { ...(hasLength && { 'content-length': '0' }), ...headers },
    body: Buffer.alloc(0),
  };
}

export function bytes(body: Buffer, headers: Record<string, string>, status = 200): Reply {
  return { status, headers: { 'content-length': String(body.length), ...headers }, body };
}

export function json(value: object, headers: Record<string, string> = {}): Reply {
  return bytes(Buffer.from(JSON.stringify(value)), { 'content-type': 'application/json', ...headers });
}
