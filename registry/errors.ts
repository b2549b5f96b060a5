/** The error codes of the protocol (registry spec 2): HTTP status and what people read when there is nothing closer. */
export const ERRORS = {
  NAME_INVALID: { status: 400, message: 'invalid repository name' },
  NAME_UNKNOWN: { status: 404, message: 'repository name not known to registry' },
  DIGEST_INVALID: { status: 400, message: 'provided digest did not match uploaded content' },
  BLOB_UNKNOWN: { status: 404, message: 'blob unknown to registry' },
  BLOB_UPLOAD_UNKNOWN: { status: 404, message: 'blob upload unknown to registry' },
  BLOB_UPLOAD_INVALID: { status: 400, message: 'blob upload invalid' },
  SIZE_INVALID: { status: 400, message: 'provided length did not match content length' },
  MANIFEST_UNKNOWN: { status: 404, message: 'manifest unknown' },
  TAG_EXPIRED: {
    status: 404,
    message: 'tag was deleted or has expired; it can be revived through the time machine',
  },
  MANIFEST_INVALID: { status: 400, message: 'manifest invalid' },
  MANIFEST_BLOB_UNKNOWN: { status: 400, message: 'manifest names a blob that is unknown to the repository' },
  TAG_INVALID: { status: 400, message: 'invalid tag name' },
  TAG_IMMUTABLE: { status: 409, message: 'tag is immutable' },
  UNAUTHORIZED: { status: 401, message: 'access to the requested resource is not authorized' },
  DENIED: { status: 403, message: 'requested access to the resource is denied' },
  UNSUPPORTED: { status: 405, message: 'the operation is unsupported' },
  INVALID_REQUEST: { status: 400, message: 'invalid request' },
  TOOMANYREQUESTS: { status: 429, message: 'too many requests' },
  /** Not of the protocol's list either; what other registries say when they should be asked again later. */
  UNAVAILABLE: { status: 503, message: 'service unavailable' },
  /** Not of the protocol's list, which has nothing for a fault of ours. */
  UNKNOWN: { status: 500, message: 'unknown error' },
} as const satisfies Record<string, { status: number; message: string }>;
export type ErrorCode = keyof typeof ERRORS;

export interface ErrorOverrides {
  status?: number;
  message?: string;
  headers?: Record<string, string>;
  /** Fields beside code, message and detail. */
  fields?: Record<string, unknown>;
  cause?: unknown;
}

/** A refusal in the words of the protocol; the dispatcher renders it. */
export class RegistryError extends Error {
  readonly status: number;
  readonly headers: Record<string, string>;
  private readonly fields: Record<string, unknown>;

  constructor(
    readonly code: ErrorCode,
    readonly detail: object = {},
    overrides: ErrorOverrides = {},
  ) {
    super(overrides.message ?? ERRORS[code].message, { cause: overrides.cause });
    this.name = 'RegistryError';
    this.status = overrides.status ?? ERRORS[code].status;
    this.headers = overrides.headers ?? {};
    this.fields = overrides.fields ?? {};
  }

  /** The same refusal that tells more. */
  withDetail(detail: object): RegistryError {
    const { status, message, headers, fields, cause } = this;
    const overrides = { status, message, headers, fields, cause };
    return new RegistryError(this.code, { ...this.detail, ...detail }, overrides);
  }

  /** The body that clients read. */
  toBody(): object {
    const { code, message, detail, fields } = this;
    return { errors: [{ code, message, detail, ...fields }] };
  }
}
