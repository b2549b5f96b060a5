import { OCI_INDEX, OCI_MANIFEST } from '../../support/images';
import type { MalformedCase, Target } from './malformed-case';
import { casesOf, request, shown } from './malformed-case';

type Json = Record<string, unknown>;

const DIGEST = `sha256:${'0'.repeat(64)}`;

/** Bodies that are no JSON object, whatever their type. */
const BODIES: [name: string, body: string | Buffer][] = [
  ['nothing', ''],
  ['blanks', '   \n'],
  ['no JSON', 'hello'],
  ['a number', '2'],
  ['null', 'null'],
  ['a text', '"manifest"'],
  ['a list', '[]'],
  ['an empty object', '{}'],
  ['half an object', '{"schemaVersion":2,'],
  ['two objects', '{}{}'],
  ['a comma too many', '{"schemaVersion":2,}'],
  ['single quotes', "{'schemaVersion':2}"],
  ['a comment', '{/* */"schemaVersion":2}'],
  ['NaN', '{"schemaVersion":NaN}'],
  ['a byte order mark', Buffer.from('\ufeff{}')],
  ['UTF-16', Buffer.from('{"schemaVersion":2}', 'utf16le')],
  ['NUL bytes', Buffer.alloc(1000)],
  ['bytes that are no text', Buffer.from(Array.from({ length: 256 }, (_, n) => n))],
  ['gzip', Buffer.from('1f8b08000000000000ff', 'hex')],
  ['deep lists', '['.repeat(500_000)],
  ['deep lists that end', '['.repeat(500_000) + ']'.repeat(500_000)],
  ['deep objects', '{"a":'.repeat(200_000)],
  ['XML', '<?xml version="1.0"?><manifest/>'],
];

/** Values of a wrong type or size, by the path of the field. */
const NO_SIZE = [-1, 1.5, '5', null, true, [], {}, 2 ** 53, 1e308];
const NO_DIGEST = [
  '',
  'x',
  5,
  null,
  [],
  {},
  DIGEST.toUpperCase(),
  DIGEST.slice(0, -1),
  `${DIGEST}0`,
  `${DIGEST}\0`,
];
const NO_TYPE = ['', 'x', 'a/b/c', 'a b/c', 5, null, [], {}, `a/${'b'.repeat(300)}`, 'a/b\0', 'a/b\n', 'é/b'];
const NO_DESCRIPTOR = [null, 5, 'x', [], {}, { digest: DIGEST }];
export const FIELDS: readonly [path: string, values: unknown[]][] = [
  ['schemaVersion', [0, 1, 3, -2, 2.5, '2', null, true, [], {}]],
  ['mediaType', ['', 'x', OCI_INDEX, 5, true, [], {}]],
  ['artifactType', NO_TYPE.filter((value) => value !== null)],
  ['config', NO_DESCRIPTOR],
  ['config.mediaType', NO_TYPE],
  ['config.digest', NO_DIGEST],
  ['config.size', NO_SIZE],
  ['layers', [null, 5, 'x', {}, [null], [5], ['x'], [[]], [{}]]],
  ['layers.0.mediaType', NO_TYPE],
  ['layers.0.digest', NO_DIGEST],
  ['layers.0.size', NO_SIZE],
  ['layers.0.urls', [5, 'x', {}, [5], [null]]],
  ['subject', NO_DESCRIPTOR.filter((value) => value !== null)],
  ['subject.digest', NO_DIGEST],
  ['subject.mediaType', NO_TYPE],
  ['subject.size', NO_SIZE],
  ['annotations', [5, 'x', [], ['a'], { a: 5 }, { a: null }, { a: {} }, { a: ['b'] }]],
  ['manifests', [[], null, [{}]]],
];

const TYPES = [
  'text/plain',
  'application/json',
  'application/octet-stream',
  'application/vnd.oci.image.manifest.v2+json',
  'application/vnd.oci.image.manifest.v1',
  'application/vnd.docker.distribution.manifest.v2+xml',
  'multipart/form-data; boundary=x',
  'x',
  '/',
  ';',
  'a/b/c',
  '\xff\xfe',
  'a'.repeat(10_000),
];

/** The image of the target with another text in it. */
const edited = (from: string | RegExp, to: string) => (body: string) => body.replace(from, to);
const TEXTS: [name: string, edit: (body: string) => string | Buffer][] = [
  ['a size that is NaN', edited(/"size":\d+/, '"size":NaN')],
  ['a size that is Infinity', edited(/"size":\d+/, '"size":1e400')],
  ['a size of 400 digits', edited(/"size":\d+/, `"size":${'9'.repeat(400)}`)],
  ['a size with a leading zero', edited(/"size":(\d+)/, '"size":0$1')],
  ['a size in hexadecimal', edited(/"size":\d+/, '"size":0x5')],
  ['the same field twice', edited('"schemaVersion":2', '"schemaVersion":2,"schemaVersion":2')],
  ['layers twice', edited('"layers":', '"layers":[],"layers":')],
  ['layers twice, once escaped', edited('"layers":', String.raw`"l\u0061yers":[],"layers":`)],
  ['a digest twice', edited('"digest":', `"digest":"${DIGEST}","digest":`)],
  ['an annotation twice', edited('"schemaVersion":2', '"schemaVersion":2,"annotations":{"a":"b","a":"c"}')],
  ['bytes behind its end', (body) => `${body}x`],
  ['a NUL behind its end', (body) => `${body}\0`],
  ['its end cut off', (body) => body.slice(0, -1)],
  ['a raw line break in a text', edited('"schemaVersion":2', '"schemaVersion":2,"x":"a\nb"')],
  ['an unknown escape', edited('"schemaVersion":2', String.raw`"schemaVersion":2,"x":"\q"`)],
  ['an image that is an index too', edited('"schemaVersion":2', '"schemaVersion":2,"manifests":[]')],
  ...['ff', 'c328', 'eda080', 'f8a1a1a1a1', 'c0af', 'e28228'].map(
    (hex): [string, (body: string) => Buffer] => [
      `bytes ${hex} in a text`,
      (body) => {
        const [before = '', after = ''] = edited(
          '"schemaVersion":2',
          '"schemaVersion":2,"x":"|"',
        )(body).split('|');
        return Buffer.concat([Buffer.from(before), Buffer.from(hex, 'hex'), Buffer.from(after)]);
      },
    ],
  ),
];

export const MANIFEST_CASES: MalformedCase[] = [
  ...BODIES.flatMap(([name, body]) =>
    casesOf([OCI_MANIFEST, OCI_INDEX, ''], (type) => ({
      name: `a manifest that is ${name}, as ${shown(type)}`,
      ...(type === '' ? {} : { status: 400 }),
      bytes: (target) => put(target, body, type),
    })),
  ),
  ...FIELDS.flatMap(([path, values]) =>
    casesOf(values, (value) => ({
      name: `a manifest whose ${path} is ${shown(JSON.stringify(value))}`,
      status: 400,
      bytes: (target) => put(target, changed(target, path, value)),
    })),
  ),
  ...casesOf(
    ['schemaVersion', 'config', 'layers', 'config.size', 'config.digest', 'layers.0.mediaType'],
    (path) => ({
      name: `a manifest without ${path}`,
      status: 400,
      bytes: (target) => put(target, changed(target, path, undefined)),
    }),
  ),
  ...casesOf(TYPES, (type) => ({
    name: `a manifest of the type ${shown(type)}`,
    status: 415,
    bytes: (target) => put(target, target.manifest.body, type),
  })),
  ...casesOf(TEXTS, ([name, edit]) => ({
    name: `a manifest with ${name}`,
    status: 400,
    bytes: (target) => put(target, edit(target.manifest.body)),
  })),
  {
    name: 'a manifest with more layers than anybody has',
    status: 400,
    bytes: (target) => put(target, withMissingLayers(target, 25_000)),
  },
  {
    name: 'an index with more children than anybody has',
    status: 400,
    bytes: (target) => {
      const { layers: manifests } = JSON.parse(withMissingLayers(target, 25_000)) as Json;
      return put(target, JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }), OCI_INDEX);
    },
  },
  ...casesOf(['length', 'chunks'], (told) => ({
    name: `a manifest too large by its ${told}`,
    status: 413,
    bytes: (target) => tooLarge(target, told === 'chunks'),
  })),
  {
    name: 'a manifest under a digest that is not its own',
    status: 400,
    bytes: (target) => put(target, target.manifest.body, OCI_MANIFEST, DIGEST),
  },
  ...casesOf(['', '..', 'a,', ',', 'a b', '%00', '%ff', 'a'.repeat(129), 'a:b', '-x', 'a&tag=..'], (tag) => ({
    name: `a manifest by digest with the tag ${shown(tag)}`,
    status: 400,
    bytes: (target) =>
      put(target, target.manifest.body, OCI_MANIFEST, `${target.manifest.digest}?tag=${blank(tag)}`),
  })),
  {
    name: 'a manifest by digest with tags without end',
    status: 414,
    bytes: (target) => {
      const tags = Array.from({ length: 2000 }, (_, n) => `tag=t${n}`).join('&');
      return put(target, target.manifest.body, OCI_MANIFEST, `${target.manifest.digest}?${tags}`);
    },
  },
];

export function put(
  target: Target,
  body: string | Buffer,
  type = OCI_MANIFEST,
  reference = 'broken',
): Buffer[] {
  const headers = type === '' ? [] : [`Content-Type: ${type}`];
  return request(target, 'PUT', `/v2/${target.repository}/manifests/${reference}`, { headers, body });
}

/** The image with one field set, or left out where the value is undefined. */
export function changed({ manifest }: Target, path: string, value: unknown): string {
  const json = JSON.parse(manifest.body) as Json;
  json.subject = { mediaType: OCI_MANIFEST, digest: DIGEST, size: 5 };
  const names = path.split('.');
  const last = names.pop() ?? '';
  let inner = json;
  for (const name of names) inner = inner[name] as Json;
  inner[last] = value;
  return JSON.stringify(json);
}

function withMissingLayers(target: Target, count: number): string {
  const layers = Array.from({ length: count }, (_, n) => ({
    mediaType: OCI_MANIFEST,
    digest: `sha256:${n.toString(16).padStart(64, '0')}`,
    size: 0,
  }));
  return changed(target, 'layers', layers);
}

/** Beyond the limit of four MiB and some; a server that says so early resets what is still coming. */
function tooLarge(target: Target, isChunked: boolean): Buffer[] {
  const body = Buffer.alloc(6 * 1024 ** 2, ' ');
  if (!isChunked) return put(target, body);
  const [head = Buffer.alloc(0)] = request(target, 'PUT', `/v2/${target.repository}/manifests/broken`, {
    headers: [`Content-Type: ${OCI_MANIFEST}`, 'Transfer-Encoding: chunked'],
    body: '',
  });
  const size = Buffer.from(`${body.length.toString(16)}\r\n`);
  return [head, size, body, Buffer.from('\r\n0\r\n\r\n')];
}

function blank(text: string): string {
  return text.replaceAll(' ', '%20');
}
