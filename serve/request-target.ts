import type { IncomingMessage } from 'node:http';

const HOST = /^(?:[\w.~-]|%[0-9a-f]{2})*(?::\d*)?$|^\[[0-9a-f:.]+\](?::\d*)?$/i;

/** What is wrong with the `Host` of a request (RFC 9112, 3.2); undefined when nothing is. */
export function hostFault({ headersDistinct, httpVersion }: IncomingMessage): string | undefined {
  const [host, ...others] = headersDistinct.host ?? [];
  if (host === undefined) return httpVersion === '1.0' ? undefined : 'the header Host is missing';
  if (others.length > 0) return 'there is more than one header Host';
  return HOST.test(host) ? undefined : `"${host}" is not the name of a host`;
}

/** The path and query of a request, which may name scheme and host before them (RFC 9112, 3.2.2). */
export function originForm(url: string): string {
  const [origin] = /^https?:\/\/[^/?#]*/i.exec(url) ?? [''];
  const rest = url.slice(origin.length);
  return origin === '' || rest.startsWith('/') ? rest : `/${rest}`;
}
