import { OutboundError } from './errors';

export interface GitUrl {
  protocol: 'ssh' | 'http' | 'https';
  /** Lower case; IPv6 without brackets. */
  host: string;
  port: number;
  user: string | undefined;
  /** For git itself: as given, control characters and options excluded; over HTTP without user and password. */
  url: string;
  /** For logs and messages: names no password, and over HTTP no user either, since many hosts take a token there. */
  display: string;
  /** The header that carries the user and password of an HTTP address. */
  authorization: string | undefined;
}

const DEFAULT_PORTS = { ssh: 22, http: 80, https: 443 } as const;
const SCP_LIKE = /^(?:([\w.+-]+)@)?(\[[0-9a-f:.]+\]|[\w.-]+):(?!\/\/)(.+)$/i;
const HOST_NAME = /^(\[[0-9a-f:.]+\]|[\w]([\w.-]*[\w.])?)$/i;
const USER_NAME = /^\w[\w.+-]*$/;

/**
 * Reads `ssh://[user@]host[:port]/path`, `user@host:path`, `https://…` and `http://…`. Everything else that git
 * would take (`file://`, paths, `ext::`, options) is `invalid-url`: it would reach this machine, not a host.
 */
export function parseGitUrl(url: string): GitUrl {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (url === '' || /[\s\u0000-\u001f\u007f]/.test(url)) throw invalid('must not be empty or hold spaces');
  if (url.startsWith('-')) throw invalid('must not begin with "-"');
  if (/^\w+::/.test(url)) throw invalid('must not name a git remote helper');
  return url.includes('://') ? parseFull(url) : parseScpLike(url);
}

function parseFull(url: string): GitUrl {
  if (!URL.canParse(url)) throw invalid('is not a valid URL');
  const parsed = new URL(url);
  const protocol = parsed.protocol.slice(0, -1);
  if (protocol !== 'ssh' && protocol !== 'http' && protocol !== 'https') {
    throw invalid(`must begin with ssh://, https:// or http://, or read user@host:path, not "${protocol}"`);
  }
  // Two readings of one text are how a check is passed: git must see what the URL parser saw.
  if (url.includes('\\')) throw invalid('must not hold backslashes');
  if (parsed.pathname.length < 2) throw invalid('names no repository on the host');
  const user = parsed.username === '' ? undefined : decode(parsed.username);
  if (protocol === 'ssh') return sshUrl(url, parsed, user);
  // curl would not match a name with its root dot against the pinned one, and ask the resolver again.
  parsed.hostname = parsed.hostname.replace(/\.$/, '');
  const authorization = basicCredentials(parsed);
  parsed.username = '';
  parsed.password = '';
  return {
    protocol,
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: Number(parsed.port || DEFAULT_PORTS[protocol]),
    user,
    url: parsed.href,
    display: parsed.href,
    authorization,
  };
}

/** The address as everybody may see it; text that is no git address is given back as it is. */
export function withoutCredentials(url: string): string {
  try {
    return parseGitUrl(url).display;
  } catch {
    // Nothing of ours makes git use it.
    return url;
  }
}

function basicCredentials({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  return `Basic ${Buffer.from(`${decode(username)}:${decode(password)}`).toString('base64')}`;
}

function sshUrl(url: string, parsed: URL, user: string | undefined): GitUrl {
  if (parsed.password !== '') throw invalid('must not hold a password: SSH uses the key of the trigger');
  if (user !== undefined && !USER_NAME.test(user)) throw invalid('has a user name that SSH would misread');
  return {
    protocol: 'ssh',
    host: checkHost(parsed.hostname),
    port: Number(parsed.port || DEFAULT_PORTS.ssh),
    user,
    url,
    display: url,
    authorization: undefined,
  };
}

function parseScpLike(url: string): GitUrl {
  const match = SCP_LIKE.exec(url);
  if (!match) throw invalid('must begin with ssh://, https:// or http://, or read user@host:path');
  const [, user, host = ''] = match;
  const port = DEFAULT_PORTS.ssh;
  return { protocol: 'ssh', host: checkHost(host), port, user, url, display: url, authorization: undefined };
}

function checkHost(host: string): string {
  if (!HOST_NAME.test(host)) throw invalid(`has no usable host name: "${host}"`);
  return host.replace(/^\[|\]$/g, '').toLowerCase();
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A lone percent sign; the caller's own check of the user name decides about it.
    return text;
  }
}

function invalid(reason: string): OutboundError {
  return new OutboundError('invalid-url', `the git address ${reason}`);
}
