import type { ActError, ActErrorReason } from '../commands/act-error';
import { LoginThrottledError } from '../commands/act-error';

/** Error types of the REST API (api spec 3): stable names, each with its status and what it means. */
export const ERROR_TYPES = {
  invalid_request: {
    status: 400,
    description: 'The request is malformed or a value in it is not acceptable.',
  },
  invalid_token: { status: 401, description: 'Nobody is signed in, or the access token is not valid.' },
  fresh_login_required: { status: 401, description: 'The password must be typed again before this call.' },
  insufficient_scope: { status: 403, description: 'Who is signed in, or the token, may not do this.' },
  not_found: { status: 404, description: 'The thing that was asked for does not exist.' },
  conflict: { status: 409, description: 'The present state of the thing contradicts the request.' },
  tag_immutable: { status: 409, description: 'The tag is immutable.' },
  internal_error: { status: 500, description: 'Something failed on our side.' },
} as const satisfies Record<string, { status: number; description: string }>;
type ErrorType = keyof typeof ERROR_TYPES;

/** An answer other than success; thrown anywhere below the router, which sends it. */
export abstract class ApiRefusal extends Error {
  abstract readonly status: number;

  constructor(
    message: string,
    readonly headers: Record<string, string>,
  ) {
    super(message);
  }

  /** The JSON, or the plain text, that goes out; `baseUrl` is where clients reach us. */
  abstract body(baseUrl: string): Record<string, unknown> | string;
}

/** The standard body: all keys of api spec 3, `extra` merged in. */
export class ApiProblem extends ApiRefusal {
  readonly status: number;

  constructor(
    readonly errorType: ErrorType,
    detail: string,
    private readonly extra: Record<string, unknown> = {},
    headers: Record<string, string> = {},
  ) {
    super(detail, headers);
    this.name = 'ApiProblem';
    this.status = ERROR_TYPES[errorType].status;
  }

  body(baseUrl: string): Record<string, unknown> {
    return {
      detail: this.message,
      error_message: this.message,
      error_type: this.errorType,
      title: this.errorType,
      type: `${baseUrl}/api/v1/error/${this.errorType}`,
      status: this.status,
      ...this.extra,
    };
  }
}

/** One of the other shapes of api spec 3, such as `{"message": …}` or `{"error": …}`. */
export class PlainRefusal extends ApiRefusal {
  constructor(
    readonly status: number,
    private readonly content: Record<string, unknown>,
    headers: Record<string, string> = {},
  ) {
    super(`answered ${status}`, headers);
    this.name = 'PlainRefusal';
  }

  body(): Record<string, unknown> {
    return this.content;
  }
}

/** A sentence and no JSON: what sign-in answers while it is throttled (api spec 20). */
class TextRefusal extends ApiRefusal {
  constructor(
    readonly status: number,
    message: string,
    headers: Record<string, string>,
  ) {
    super(message, headers);
    this.name = 'TextRefusal';
  }

  body(): string {
    return this.message;
  }
}

export const tooManyLogins = ({ message, retryAfterS }: { message: string; retryAfterS: number }) =>
  new TextRefusal(429, message, { 'Retry-After': String(retryAfterS) });
export const requiresAuthentication = (sessionRequired = false) =>
  new ApiProblem('invalid_token', 'Requires authentication', { session_required: sessionRequired });
export const unauthorized = () => new ApiProblem('insufficient_scope', 'Unauthorized');
export const notFound = (detail = 'Not Found') => new ApiProblem('not_found', detail);
export const invalidRequest = (detail: string, field?: string) =>
  new ApiProblem('invalid_request', detail, field === undefined ? {} : { field });

const REASONS: Record<Exclude<ActErrorReason, 'limit' | 'wrong-state'>, ErrorType> = {
  invalid: 'invalid_request',
  unauthorized: 'invalid_token',
  forbidden: 'insufficient_scope',
  'not-found': 'not_found',
  conflict: 'conflict',
};

/** How the API words a command's refusal. */
export function refusalOf(error: ActError): ApiRefusal {
  if (error instanceof LoginThrottledError) return tooManyLogins(error);
  if (error.reason === 'limit') return new PlainRefusal(429, { message: error.message });
  if (error.reason === 'wrong-state') return new PlainRefusal(503, { message: error.message });
  const extra = error.field === undefined ? {} : { field: error.field };
  // The one thing that a change of a tag can contradict.
  if (error.reason === 'conflict' && error.field === 'tag') {
    return new ApiProblem('tag_immutable', error.message, extra);
  }
  return new ApiProblem(REASONS[error.reason], error.message, extra);
}
