import type { IncomingMessage } from 'node:http';

const HOST = /^(?:[\w.~-]|%[0-9a-f]{2})*(?::\d*)?$|^\[[0-9a-f:.]+\](?::\d*)?$/i;

/** What is wrong with the `Host` of a request (RFC 9112, 3.2); undefined when nothing is. */
export function hostFault({
  headers: { host },
  rawHeaders,
  httpVersion,
}: IncomingMessage): string | undefined {
  if (host === undefined) return httpVersion === '1.0' ? undefined : 'the header Host is missing';
  if (countOf('host', rawHeaders) > 1) return 'there is more than one header Host';
  return HOST.test(host) ? undefined : `"${host}" is not the name of a host`;
}

/** Of names and values in turn; Node keeps only the first `Host` elsewhere. */
function countOf(name: string, rawHeaders: readonly string[]): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const one = rawHeaders[at];
    if (one?.length === name.length && one.toLowerCase() === name) count += 1;
  }
  return count;
}

/** The path and query of a request, which may name scheme and host before them (RFC 9112, 3.2.2). */
export function originForm(url: string): string {
  const [origin] = /^https?:\/\/[^/?#]*/i.exec(url) ?? [''];
  const rest = url.slice(origin.length);
  return origin === '' || rest.startsWith('/') ? rest : `/${rest}`;
}
