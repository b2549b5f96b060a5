import { OCI_MANIFEST } from '../../support/images';
import { Random } from '../../support/random';
import type { MalformedCase, Target } from './malformed-case';
import { request, shown } from './malformed-case';

type Json = Record<string, unknown>;

/** Legal as far as HTTP and JSON go, and of no use to anybody: may be served or refused, but never with a 5xx. */
const KINDS: readonly ((random: Random, index: number) => MalformedCase)[] = [header, query, mount, manifest];

const HEADERS = [
  ...[
    'Accept',
    'Accept-Encoding',
    'Cache-Control',
    'Connection',
    'Content-Encoding',
    'Content-Type',
    'Cookie',
  ],
  ...[
    'Docker-Distribution-API-Version',
    'Forwarded',
    'If-Match',
    'If-None-Match',
    'If-Range',
    'If-Modified-Since',
  ],
  ...[
    'Keep-Alive',
    'Origin',
    'Proxy-Authorization',
    'Range',
    'Referer',
    'TE',
    'Trailer',
    'Upgrade',
    'User-Agent',
  ],
  ...[
    'Via',
    'X-Forwarded-For',
    'X-Forwarded-Host',
    'X-Forwarded-Proto',
    'X-HTTP-Method-Override',
    'X-Request-ID',
  ],
];

const VALUES = [
  '',
  '*',
  '*/*',
  '-1',
  '"',
  'W/"',
  '%00',
  'null',
  '127.0.0.1',
  '::1%lo',
  'fe80::1%' + 'a'.repeat(200),
  '100-continue',
  'websocket',
  'h2c',
  'upgrade',
  'keep-alive, close',
  'gzip;q=nonsense',
  'trailers',
  '../../etc/passwd',
  '${jndi:ldap://127.0.0.1/x}',
  "' OR '1'='1",
  'a'.repeat(20_000),
  '"'.repeat(20_000),
  '\xff'.repeat(20_000),
  ',;='.repeat(5000),
];

const PARAMETERS = [
  ...['n', 'last', 'digest', 'mount', 'from', 'tag', 'artifactType', 'next', 'scope', 'service', 'account'],
  ...[
    'client_id',
    'offline_token',
    'ns',
    'digest-algorithm',
    '_state',
    '__proto__',
    'constructor',
    '',
    '%00',
    '%ff',
  ],
];

export function oddCases(seed: number, count: number): MalformedCase[] {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, index) => {
    const made = random.pick(KINDS)(random, index);
    return { ...made, name: `odd #${index} ${made.name}`, mayBeServed: true };
  });
}

function route(random: Random): [method: string, path: (target: Target) => string] {
  return random.pick<[string, (target: Target) => string]>([
    ['GET', () => '/v2/'],
    ['GET', () => '/v2/auth'],
    ['GET', () => '/v2/_catalog'],
    ['GET', ({ repository }) => `/v2/${repository}/tags/list`],
    ['GET', ({ repository }) => `/v2/${repository}/manifests/v1`],
    ['GET', ({ repository, manifest: { digest } }) => `/v2/${repository}/manifests/${digest}`],
    ['GET', ({ repository, manifest: { digest } }) => `/v2/${repository}/referrers/${digest}`],
    ['GET', ({ repository, blob }) => `/v2/${repository}/blobs/${blob}`],
    ['PUT', ({ repository }) => `/v2/${repository}/manifests/odd`],
    ['POST', ({ repository }) => `/v2/${repository}/blobs/uploads/`],
  ]);
}

/** Any character, among them halves of pairs and what no file name has. */
function text(random: Random): string {
  const unit = () => random.pick([random.between(0, 127), random.between(0, 0xffff), 0xd800, 0xdfff, 0, 32]);
  return String.fromCharCode(...Array.from({ length: random.between(0, 30) }, unit));
}

function header(random: Random): MalformedCase {
  const [method, path] = route(random);
  const lines = Array.from({ length: random.between(1, 4) }, () => {
    const value = random.pick(VALUES).slice(0, 7000);
    return `${random.pick(HEADERS)}: ${value}`;
  });
  return {
    name: `${method} with ${lines.map(shown).join(' and ')}`,
    bytes: (target) => {
      const body = method === 'PUT' ? { body: target.manifest.body } : {};
      return request(target, method, path(target), { headers: lines, ...body });
    },
  };
}

function query(random: Random): MalformedCase {
  const [method, path] = route(random);
  const words = ['', '0', '1', 'a/b', '%00', '%', '%ff', '%F0%9F%90%B3', '..', `sha256:${'0'.repeat(64)}`];
  const parameters = Array.from({ length: random.between(1, 6) }, () =>
    random.pick([`${random.pick(PARAMETERS)}=${random.pick(words)}`, random.pick(PARAMETERS), '&', '=']),
  );
  return {
    name: `${method} ?${parameters.join('&')}`,
    bytes: (target) => {
      const authorization = path(target) === '/v2/auth' ? { authorization: target.basic } : {};
      const body = method === 'PUT' ? { body: target.manifest.body } : {};
      return request(target, method, `${path(target)}?${parameters.join('&')}`, {
        ...authorization,
        ...body,
      });
    },
  };
}

function mount(random: Random): MalformedCase {
  const from = encodeURIComponent(Buffer.from(text(random)).toString());
  return {
    name: `a mount from ${shown(from)}`,
    bytes: (target) =>
      request(target, 'POST', `/v2/${target.repository}/blobs/uploads/?mount=${target.blob}&from=${from}`),
  };
}

/** The image of the target with annotations and fields of any kind. */
function manifest(random: Random, index: number): MalformedCase {
  const annotations = Object.fromEntries(Array.from({ length: 20 }, () => [text(random), text(random)]));
  const lifetime = `${random.pick(['', '-', '0', '9'.repeat(30), '1e9', ' 1'])}${random.pick([...'smhdwyx'])}`;
  const label = random.pick([{}, { 'quay.expires-after': lifetime }, { 'quay.immutable': text(random) }]);
  const odd = { ...annotations, ...label };
  const field = random.pick<Json>([
    { platform: text(random) },
    { '': { '': [null, { [text(random)]: text(random) }] } },
    { deep: JSON.parse('['.repeat(3000) + ']'.repeat(3000)) as unknown },
    { number: 1e308 },
    { subject: null, artifactType: null },
  ]);
  return {
    name: `a manifest with the annotations ${shown(JSON.stringify(odd))}`,
    bytes: (target) => {
      const json = { ...(JSON.parse(target.manifest.body) as Json), annotations: odd, ...field };
      return request(target, 'PUT', `/v2/${target.repository}/manifests/odd-${index}`, {
        headers: [`Content-Type: ${OCI_MANIFEST}`],
        body: JSON.stringify(json),
      });
    },
  };
}
