import type { MalformedCase } from './malformed-case';
import { casesOf, request, shown } from './malformed-case';

const LONG = 'a'.repeat(256);
const SHA256 = `sha256:${'0'.repeat(64)}`;

const NAMES = [
  '..',
  '.',
  '../..',
  'a/..',
  '..%2f..%2fetc',
  '%2e%2e/%2e%2e',
  'a//b',
  'a/./b',
  '%00',
  'a%00/b',
  'a/b%00',
  '%',
  '%4',
  '%zz/b',
  'a/%c3%28',
  '%ff%fe/b',
  '%ed%a0%80/b',
  'A/b',
  'a/B',
  'me/App',
  '-a/b',
  'a/-b',
  '_a/b',
  'a/_b',
  'a/.b',
  'a b/c',
  'a+b/c',
  'a%20b/c',
  'a%0d%0aX-Evil:%201/c',
  'a%5cb/c',
  'a:b/c',
  'a@b/c',
  'a~b/c',
  '%F0%9F%90%B3/b',
  'caf%C3%A9/b',
  `${LONG}/b`,
  `a/${LONG}`,
  `a/${'b/'.repeat(200)}c`,
  `${'a/'.repeat(5000)}b`,
  '$temp/b',
  '%24%7bjndi%7d/b',
  "a'--/b",
  'a%27%20OR%201=1%20--/b',
];

const TAGS = [
  '..',
  '.hidden',
  '-v1',
  'v1%00',
  'v1%20',
  'v1%0a',
  'v%2f1',
  'v1+build',
  'v1@x',
  'v1~',
  'v1,v2',
  'caf%C3%A9',
  '%F0%9F%90%B3',
  '%ff',
  'a'.repeat(129),
  'a'.repeat(4000),
  '%24temp-1',
  '%E2%80%AEv1',
];

export const DIGESTS = [
  'sha256:',
  'sha256',
  ':',
  `:${'0'.repeat(64)}`,
  `sha256:${'0'.repeat(63)}`,
  `sha256:${'0'.repeat(65)}`,
  `sha256:${'0'.repeat(128)}`,
  `sha512:${'0'.repeat(64)}`,
  `sha512:${'0'.repeat(127)}`,
  `sha384:${'0'.repeat(96)}`,
  `sha1:${'0'.repeat(40)}`,
  `md5:${'0'.repeat(32)}`,
  `SHA256:${'0'.repeat(64)}`,
  `sha256:${'A'.repeat(64)}`,
  `sha256:${'g'.repeat(64)}`,
  `sha256:${'0'.repeat(63)}%00`,
  `sha256:${'0'.repeat(64)}%0a`,
  `sha256:${'0'.repeat(64)}%20`,
  `sha256::${'0'.repeat(64)}`,
  `sha256:${'0'.repeat(32)}:${'0'.repeat(31)}`,
  `sha256+b64:${'0'.repeat(64)}`,
  `sha256-${'0'.repeat(64)}:x`,
  `${SHA256},${SHA256}`,
  `sha256:${'0'.repeat(10_000)}`,
  'sha256:baddigeststring',
  `sha256:%EF%BC%90${'0'.repeat(63)}`,
  `__proto__:${'0'.repeat(64)}`,
  `constructor:${'0'.repeat(64)}`,
];

const ELSEWHERE = [
  '/v2//',
  '/v2/../',
  '/v2/../../etc/passwd',
  '/v2/%2e%2e/%2e%2e/etc/passwd',
  '/v2/auth/x',
  '/v2/_catalog/x',
  '/v2/_oci/nothing',
  '/v2/a',
  '/v2/a/b',
  '/v2/a/b/tags',
  '/v2/a/b/tags/list/',
  '/v2/a/b/manifests',
  '/v2/manifests/v1',
  '/v2/%6danifests',
  '/v2/a/b/blobs/uploads/x/y',
  '/v2/?',
  '/v2/a/b/manifests/v1/',
];

const UPLOADS = [
  'x',
  '..',
  '%2e%2e',
  '.%00',
  '%00',
  '-1',
  '0',
  '00000000-0000-0000-0000-000000000000',
  '00000000-0000-0000-0000-00000000000',
  '{00000000-0000-0000-0000-000000000000}',
  'urn:uuid:00000000-0000-0000-0000-000000000000',
  '%F0%9F%90%B3',
  'a'.repeat(10_000),
  "x'%20OR%20'1'='1",
  '..%2f..%2fblobs',
];

/** Of the session that is there, written otherwise. */
const ALIASES: [name: string, change: (uuid: string) => string][] = [
  ['in upper case', (uuid) => uuid.toUpperCase()],
  ['with a blank behind it', (uuid) => `${uuid}%20`],
  ['with a NUL behind it', (uuid) => `${uuid}%00`],
  ['without its hyphens', (uuid) => uuid.replaceAll('-', '')],
  ['with a dot before it', (uuid) => `.${uuid}`],
  ['with one digit less', (uuid) => uuid.slice(0, -1)],
  ['with a path before it', (uuid) => `..%2f${uuid}`],
];

const PAGES = [
  '-1',
  '1.5',
  '1e3',
  '0x10',
  'NaN',
  'Infinity',
  '',
  '%00',
  '10%20',
  'ten',
  '9'.repeat(400),
  '%2B1',
];

export const ADDRESS_CASES: MalformedCase[] = [
  ...NAMES.flatMap((name) =>
    casesOf(
      [
        ['GET', `/v2/${name}/tags/list`],
        ['GET', `/v2/${name}/manifests/v1`],
        ['PUT', `/v2/${name}/manifests/v1`],
        ['HEAD', `/v2/${name}/blobs/${SHA256}`],
        ['POST', `/v2/${name}/blobs/uploads/`],
        ['GET', `/v2/${name}/referrers/${SHA256}`],
      ] as const,
      ([method, path]) => ({
        name: `${method} ${shown(path)}`,
        isHead: method === 'HEAD',
        bytes: (target) => request(target, method, path, method === 'PUT' ? { body: '{}' } : {}),
      }),
    ),
  ),
  ...TAGS.flatMap((tag) =>
    casesOf(['GET', 'PUT', 'DELETE'], (method) => ({
      name: `${method} of the tag ${shown(tag)}`,
      status: 400,
      bytes: (target) => {
        const body = method === 'PUT' ? { body: target.manifest.body } : {};
        return request(target, method, `/v2/${target.repository}/manifests/${tag}`, body);
      },
    })),
  ),
  ...DIGESTS.flatMap((digest) =>
    casesOf(['blobs', 'manifests', 'referrers'], (kind) => ({
      name: `GET of ${kind} ${shown(digest)}`,
      status: kind === 'manifests' && !digest.includes(':') ? 404 : 400,
      bytes: (target) => request(target, 'GET', `/v2/${target.repository}/${kind}/${digest}`),
    })),
  ),
  ...casesOf(DIGESTS, (digest) => ({
    name: `DELETE of the blob ${shown(digest)}`,
    status: 400,
    bytes: (target) => request(target, 'DELETE', `/v2/${target.repository}/blobs/${digest}`),
  })),
  ...casesOf(ELSEWHERE, (path) => ({
    name: `GET ${shown(path)}`,
    // The root answers whatever its query is.
    ignored: path === '/v2/?' ? [200] : [],
    bytes: (target) => request(target, 'GET', path),
  })),
  ...UPLOADS.flatMap((id) =>
    casesOf(['GET', 'PATCH', 'PUT', 'DELETE'], (method) => ({
      name: `${method} of the upload ${shown(id)}`,
      bytes: (target) => {
        const query = method === 'PUT' ? `?digest=${target.blob}` : '';
        const body = method === 'PATCH' || method === 'PUT' ? { body: 'layer' } : {};
        return request(target, method, `/v2/${target.repository}/blobs/uploads/${id}${query}`, body);
      },
    })),
  ),
  ...ALIASES.flatMap(([name, change]) =>
    casesOf(['GET', 'PATCH', 'PUT', 'DELETE'], (method) => ({
      name: `${method} of an upload ${name}`,
      status: 404,
      needsUpload: true,
      bytes: (target) => {
        const path = target.upload.replace(/[^/]+$/, change);
        const body = method === 'PATCH' || method === 'PUT' ? { body: 'layer' } : {};
        return request(target, method, method === 'PUT' ? `${path}?digest=${target.blob}` : path, body);
      },
    })),
  ),
  ...PAGES.flatMap((n) =>
    casesOf(['_catalog', 'tags/list'], (list) => ({
      name: `n=${shown(n)} of ${list}`,
      status: 400,
      bytes: (target) => {
        const path = list === '_catalog' ? '/v2/_catalog' : `/v2/${target.repository}/${list}`;
        return request(target, 'GET', `${path}?n=${n}`);
      },
    })),
  ),
  ...['%00', '%ff', '%ed%a0%80', '%F0%9F%90%B3', 'a'.repeat(20_000), "'", '%25', '%'].flatMap((last) =>
    casesOf(['_catalog', 'tags/list'], (list) => ({
      name: `last=${shown(last)} of ${list}`,
      ignored: [200],
      bytes: (target) => {
        const path = list === '_catalog' ? '/v2/_catalog' : `/v2/${target.repository}/${list}`;
        return request(target, 'GET', `${path}?last=${last}`);
      },
    })),
  ),
  ...casesOf(['-1', 'x', '', '%00', '9'.repeat(30), '1.5'], (next) => ({
    name: `next=${shown(next)} of referrers`,
    status: 400,
    bytes: (target) =>
      request(target, 'GET', `/v2/${target.repository}/referrers/${target.manifest.digest}?next=${next}`),
  })),
  ...casesOf(['%00', '%ff', '%F0%9F%90%B3', 'a'.repeat(20_000), ''], (type) => ({
    name: `artifactType=${shown(type)}`,
    ignored: [200],
    bytes: (target) =>
      request(target, 'GET', `/v2/${target.repository}/referrers/${SHA256}?artifactType=${type}`),
  })),
];
