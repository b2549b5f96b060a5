/** Why an act was refused; the doors (`api/`, `registry/`) translate it into their own error bodies. */
export type ActErrorReason =
  | 'invalid' // bad input: 400
  | 'unauthorized' // nobody is signed in: 401
  | 'forbidden' // signed in, lacks the right: 403
  | 'not-found' // 404
  | 'conflict' // 409
  | 'limit' // too many: 429
  | 'wrong-state'; // the repository or namespace does not allow it now: 503 in the API, 405 in the registry

/** A refusal that a person can act on; `message` is lower case and names the thing and the value. */
export class ActError extends Error {
  constructor(
    readonly reason: ActErrorReason,
    message: string,
    /** The input field at fault, where there is one. */
    readonly field?: string,
  ) {
    super(message);
    this.name = 'ActError';
  }
}

/** No password is looked at for a while: 429 with `Retry-After`. */
export class LoginThrottledError extends ActError {
  readonly retryAfterS: number;

  constructor({ message, retryAfterS }: { message: string; retryAfterS: number }) {
    super('limit', message);
    this.name = 'LoginThrottledError';
    this.retryAfterS = retryAfterS;
  }
}
