import { createHash } from 'node:crypto';

export interface Credentials {
  username: string;
  password: string;
}

export interface CallOptions {
  headers?: Record<string, string>;
  body?: Buffer | string | ReadableStream;
  /** Asks for a token with this scope; the actions of a push on the path's repository by default, null sends none. */
  scope?: string | null;
  signal?: AbortSignal;
}

/** A client of the registry that gets itself a token for each scope and uses it for half of its life. */
export class RegistryClient {
  private readonly tokens = new Map<string, { token: string; staleAtMs: number }>();

  constructor(
    readonly url: string,
    private readonly credentials: Credentials | null = null,
  ) {}

  /** Where else the same client would go: another process behind the same name. */
  at(url: string): RegistryClient {
    const other = new RegistryClient(url, this.credentials);
    for (const [scope, known] of this.tokens) other.tokens.set(scope, known);
    return other;
  }

  forgetTokens(): void {
    this.tokens.clear();
  }

  requestToken(scopes: string[], query = ''): Promise<Response> {
    const parameters = scopes.map((scope) => `scope=${encodeURIComponent(scope)}`).join('&');
    return fetch(`${this.url}/v2/auth?${parameters}${query}`, { headers: this.basic() });
  }

  async call(method: string, path: string, options: CallOptions = {}): Promise<Response> {
    const scope = options.scope === undefined ? scopeOf(path) : options.scope;
    const authorization = scope === null ? {} : { authorization: `Bearer ${await this.token(scope)}` };
    const init: RequestInit & { duplex?: 'half' } = {
      method,
      headers: { ...authorization, ...options.headers },
      redirect: 'manual',
    };
    if (options.signal) init.signal = options.signal;
    if (options.body !== undefined) Object.assign(init, { body: options.body, duplex: 'half' });
    return fetch(new URL(path, this.url), init);
  }

  /** POST, then PUT with the bytes; the digest. */
  async pushBlob(repository: string, bytes: Buffer | string): Promise<string> {
    const digest = sha256(bytes);
    const started = await this.expect(202, 'POST', `/v2/${repository}/blobs/uploads/`);
    const location = started.headers.get('location') ?? '';
    await this.expect(201, 'PUT', `${location}?digest=${digest}`, { body: Buffer.from(bytes) });
    return digest;
  }

  /** A call that must have this status; the answer. */
  async expect(status: number, method: string, path: string, options: CallOptions = {}): Promise<Response> {
    const response = await this.call(method, path, options);
    if (response.status !== status) {
      throw new Error(`${method} ${path}: ${response.status}, not ${status}: ${await response.text()}`);
    }
    return response;
  }

  async token(scope: string): Promise<string> {
    const known = this.tokens.get(scope);
    if (known && performance.now() < known.staleAtMs) return known.token;
    const response = await this.requestToken([scope]);
    const { token, expires_in = 0 } = (await response.json()) as { token?: string; expires_in?: number };
    if (token === undefined) throw new Error(`no token for ${scope}: ${response.status}`);
    this.tokens.set(scope, { token, staleAtMs: performance.now() + expires_in * 500 });
    return token;
  }

  private basic(): Record<string, string> {
    if (!this.credentials) return {};
    const { username, password } = this.credentials;
    return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
  }
}

export function sha256(bytes: Buffer | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Codes of an error answer. */
export async function codesOf(response: Response): Promise<string[]> {
  const body = (await response.json()) as { errors: { code: string }[] };
  return body.errors.map((error) => error.code);
}

function scopeOf(path: string): string {
  const name =
    /^(?:https?:\/\/[^/]+)?\/v2\/(.+?)\/(?:blobs|manifests|tags|referrers)\//.exec(path)?.[1] ?? '';
  return `repository:${name}:pull,push`;
}
