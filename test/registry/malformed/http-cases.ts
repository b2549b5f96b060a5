import type { MalformedCase, Sent } from './malformed-case';
import { casesOf, request, shown } from './malformed-case';

const HOST = 'Host: registry.test';
const CLOSE = 'Connection: close';

/** Bytes that are no request, or one that the server must not guess at (RFC 9112). */
const UNREADABLE: [name: string, lines: string[], status: number][] = [
  ['no request at all', ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'], 400],
  ['the preface of HTTP/2', ['PRI * HTTP/2.0', '', 'SM'], 400],
  ['HTTP/0.9', ['GET /v2/'], 400],
  ['HTTP/3.0', ['GET /v2/ HTTP/3.0', HOST], 400],
  ['a version that is none', ['GET /v2/ HTTP/one', HOST], 400],
  ['a method in lower case', ['get /v2/ HTTP/1.1', HOST], 400],
  ['a method that nobody knows', ['FETCH /v2/ HTTP/1.1', HOST], 400],
  ['two blanks in the request line', ['GET /v2/ /v2/ HTTP/1.1', HOST], 400],
  ['a NUL byte in the path', ['GET /v2/\0/tags/list HTTP/1.1', HOST], 400],
  ['a control character in the path', ['GET /v2/a\x01/tags/list HTTP/1.1', HOST], 400],
  ['a header without a colon', ['GET /v2/ HTTP/1.1', HOST, 'Nonsense'], 400],
  ['a header name with a blank', ['GET /v2/ HTTP/1.1', HOST, 'Content Range: 0-1'], 400],
  ['a blank before the colon', ['GET /v2/ HTTP/1.1', HOST, 'Content-Length : 0'], 400],
  ['a NUL byte in a header', ['GET /v2/ HTTP/1.1', HOST, 'User-Agent: a\0b'], 400],
  ['a bare CR in a header', ['GET /v2/ HTTP/1.1', HOST, 'User-Agent: a\rb'], 400],
  ['a folded header', ['GET /v2/ HTTP/1.1', HOST, 'User-Agent: a', ' b'], 400],
  ['an empty header name', ['GET /v2/ HTTP/1.1', HOST, ': nothing'], 400],
  ['no Host', ['GET /v2/ HTTP/1.1', CLOSE], 400],
  ['two Hosts', ['GET /v2/ HTTP/1.1', HOST, 'Host: other.test', CLOSE], 400],
  ['the same Host twice', ['GET /v2/ HTTP/1.1', HOST, HOST, CLOSE], 400],
  ['a Host with a path', ['GET /v2/ HTTP/1.1', 'Host: registry.test/v2', CLOSE], 400],
  ['a Host with a user', ['GET /v2/ HTTP/1.1', 'Host: me@registry.test', CLOSE], 400],
  ['a Host with blanks', ['GET /v2/ HTTP/1.1', 'Host: a b', CLOSE], 400],
  ['a tunnel', ['CONNECT registry.test:443 HTTP/1.1', 'Host: registry.test:443'], 405],
  [
    'an expectation that nobody can meet',
    ['PUT /v2/a/manifests/b HTTP/1.1', HOST, CLOSE, 'Expect: 200-ok'],
    417,
  ],
  ['a long request line', [`GET /v2/${'a'.repeat(40_000)}/tags/list HTTP/1.1`, HOST], 431],
  ['a long query', [`GET /v2/auth?scope=${'a'.repeat(40_000)} HTTP/1.1`, HOST], 431],
  ['a long header', ['GET /v2/ HTTP/1.1', HOST, `Authorization: Bearer ${'a'.repeat(40_000)}`], 431],
  ['a long header name', ['GET /v2/ HTTP/1.1', HOST, `X-${'a'.repeat(40_000)}: 1`], 431],
  ['many headers', ['GET /v2/ HTTP/1.1', HOST, ...Array.from({ length: 5000 }, (_, n) => `X-${n}: 1`)], 431],
];

/** How long a body is, told in ways that two readers may read differently: each a door for smuggling. */
const FRAMING: string[][] = [
  ['Content-Length: -1'],
  ['Content-Length: +5'],
  ['Content-Length: 5.0'],
  ['Content-Length: 0x5'],
  ['Content-Length: five'],
  ['Content-Length:'],
  ['Content-Length: 5 5'],
  ['Content-Length: 5, 5'],
  ['Content-Length: 5', 'Content-Length: 5'],
  ['Content-Length: 5', 'Content-Length: 6'],
  ['Content-Length: 99999999999999999999999999'],
  ['Content-Length: 18446744073709551621'],
  ['Content-Length: 5', 'Transfer-Encoding: chunked'],
  ['Transfer-Encoding: chunked', 'Content-Length: 5'],
  ['Transfer-Encoding: identity'],
  ['Transfer-Encoding: gzip'],
  ['Transfer-Encoding: chunked, gzip'],
  ['Transfer-Encoding: chunked, chunked'],
  ['Transfer-Encoding: xchunked'],
  ['Transfer-Encoding: "chunked"'],
];

/** Bodies after `Transfer-Encoding: chunked`. */
const CHUNKS: [name: string, body: string][] = [
  ['a size that is no number', 'zz\r\nab\r\n0\r\n\r\n'],
  ['a negative size', '-1\r\na\r\n0\r\n\r\n'],
  ['a size with a sign', '+2\r\nab\r\n0\r\n\r\n'],
  ['a size with 0x', '0x2\r\nab\r\n0\r\n\r\n'],
  ['a size beyond any number', 'fffffffffffffffff\r\nab\r\n0\r\n\r\n'],
  ['a chunk longer than its size', '2\r\nabcd\r\n0\r\n\r\n'],
  ['a chunk that ends in a bare LF', '2\r\nab\n0\n\n'],
  ['an empty size', '\r\nab\r\n0\r\n\r\n'],
  ['an endless extension', `2;${'a'.repeat(40_000)}\r\nab\r\n0\r\n\r\n`],
  ['a trailer that is no header', '2\r\nab\r\n0\r\nnonsense\r\n\r\n'],
];

/** Methods that exist elsewhere, and paths that have others. */
const METHODS: [method: string, path: string][] = [
  ...['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'LINK', 'QUERY'].map(
    (method): [string, string] => [method, '/v2/'],
  ),
  ['POST', '/v2/auth'],
  ['DELETE', '/v2/_catalog'],
  ['POST', '/v2/a/b/manifests/v1'],
  ['PATCH', '/v2/a/b/manifests/v1'],
  ['POST', '/v2/a/b/blobs/sha256:0'],
  ['PUT', '/v2/a/b/blobs/sha256:0'],
  ['GET', '/v2/a/b/blobs/uploads/'],
  ['PUT', '/v2/a/b/blobs/uploads/'],
  ['POST', '/v2/a/b/blobs/uploads/x'],
  ['DELETE', '/v2/a/b/tags/list'],
  ['PUT', '/v2/a/b/referrers/sha256:0'],
];

export const HTTP_CASES: MalformedCase[] = [
  ...casesOf(UNREADABLE, ([name, lines, status]) => ({
    name,
    status,
    bytes: () => [Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')],
  })),
  ...['POST', 'PATCH', 'PUT'].flatMap((method) =>
    casesOf(FRAMING, (headers) => ({
      name: `${method} with ${headers.join(' and ')}`,
      status: 400,
      needsUpload: method !== 'POST',
      bytes: (target) => {
        const start = `/v2/${target.repository}/blobs/uploads/`;
        const path = method === 'POST' ? start : target.upload;
        return request(target, method, `${path}?digest=${target.blob}`, { headers, body: 'layer' });
      },
    })),
  ),
  ...casesOf(CHUNKS, ([name, body]) => ({
    name: `a manifest with ${name}`,
    then: 'end' as const,
    bytes: (target) => put(target.repository, target, body),
  })),
  ...casesOf(METHODS, ([method, path]) => ({
    name: `${method} ${shown(path)}`,
    status: 405,
    bytes: (target) => request(target, method, path),
  })),
];

function put(repository: string, target: Parameters<typeof request>[0], body: string): Buffer[] {
  const sent: Sent = { headers: ['Transfer-Encoding: chunked'], body };
  return request(target, 'PUT', `/v2/${repository}/manifests/broken`, sent);
}
