import { Random } from '../../support/random';
import { changed, FIELDS, put } from './manifest-cases';
import type { MalformedCase } from './malformed-case';
import { request, shown } from './malformed-case';

type Kind = (random: Random) => MalformedCase;

/** Malformed by how they are made, each in a way of its own: none may come through. */
const KINDS: readonly Kind[] = [
  name,
  digest,
  contentRange,
  range,
  wrongField,
  brokenJson,
  header,
  requestLine,
  noise,
  scope,
  token,
  brokenBody,
  page,
];

export function randomCases(seed: number, count: number): MalformedCase[] {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, index) => {
    const made = random.pick(KINDS)(random);
    return { ...made, name: `#${index} ${made.name}` };
  });
}

/** Bytes that no name of a repository has, percent-encoded or not. */
function illegal(random: Random): string {
  for (;;) {
    const byte = random.between(0, 255);
    if (/[a-z0-9._/-]/.test(String.fromCharCode(byte))) continue;
    return `%${byte.toString(16).padStart(2, '0')}`;
  }
}

function insert(random: Random, text: string, what: string): string {
  const at = random.between(0, text.length);
  return text.slice(0, at) + what + text.slice(at);
}

function word(random: Random, alphabet: string, longest: number): string {
  const length = random.between(1, longest);
  return Array.from({ length }, () => random.pick([...alphabet])).join('');
}

function name(random: Random): MalformedCase {
  const broken = insert(random, random.pick(['a', 'me/app', 'me/team/app', 'a-b/c_d.e']), illegal(random));
  const hex = '0'.repeat(64);
  const [method, rest] = random.pick([
    ['GET', 'tags/list'],
    ['GET', 'manifests/v1'],
    ['PUT', 'manifests/v1'],
    ['DELETE', `manifests/sha256:${hex}`],
    ['GET', `blobs/sha256:${hex}`],
    ['DELETE', `blobs/sha256:${hex}`],
    ['POST', 'blobs/uploads/'],
    ['POST', `blobs/uploads/?digest=sha256:${hex}`],
    ['PATCH', 'blobs/uploads/x'],
    ['GET', `referrers/sha256:${hex}`],
  ] as const);
  const path = `/v2/${broken}/${rest}`;
  return {
    name: `${method} ${path}`,
    status: 400,
    bytes: (target) => request(target, method, path, /^P/.test(method) ? { body: '{}' } : {}),
  };
}

function brokenDigest(random: Random): string {
  const [algorithm, length] = random.pick([
    ['sha256', 64],
    ['sha512', 128],
  ] as const);
  const hex = random.bytes(length / 2).toString('hex');
  const at = random.between(0, hex.length - 1);
  return random.pick([
    `${algorithm}:${hex.slice(0, at)}`,
    `${algorithm}:${hex}${word(random, '0123456789abcdef', 90)}`,
    `${algorithm}:${hex.slice(0, at)}${random.pick([...'gzGZ-_.~'])}${hex.slice(at + 1)}`,
    `${algorithm}:${hex.slice(0, at)}${illegal(random)}${hex.slice(at + 1)}`,
    `${word(random, 'abmd0159', 8)}:${hex}`,
    `${algorithm.toUpperCase()}:${hex}`,
    `${algorithm}${random.pick(['-', '.', '+', '%3a:'])}:${hex}`,
  ]);
}

function digest(random: Random): MalformedCase {
  const broken = brokenDigest(random);
  const [method, place] = random.pick([
    ['GET', 'blobs/'],
    ['DELETE', 'blobs/'],
    ['GET', 'manifests/'],
    ['PUT', 'manifests/'],
    ['DELETE', 'manifests/'],
    ['GET', 'referrers/'],
    ['POST', 'blobs/uploads/?digest='],
    ['POST', 'blobs/uploads/?mount='],
  ] as const);
  return {
    name: `${method} ${place}${broken}`,
    status: 400,
    bytes: (target) => {
      const body = method === 'PUT' ? target.manifest.body : 'layer';
      const path = `/v2/${target.repository}/${place}${broken}`;
      return request(target, method, path, /^P/.test(method) ? { body } : {});
    },
  };
}

function contentRange(random: Random): MalformedCase {
  const made = random.pick([
    word(random, '0123456789-', 20),
    word(random, '0123456789-/= byts*,', 20),
    `${random.between(11, 99)}-${random.between(100, 999)}`,
  ]);
  // The one that fits is a chunk like any other.
  const stated = /^0*10-0*14$/.test(made.trim()) ? '11-15' : made;
  return {
    name: `PATCH at ${shown(stated)}`,
    needsUpload: true,
    bytes: (target) =>
      request(target, 'PATCH', target.upload, { headers: [`Content-Range: ${stated}`], body: 'layer' }),
  };
}

function range(random: Random): MalformedCase {
  const stated = random.pick([
    `bytes=${word(random, '0123456789-,', 30)}`,
    word(random, '0123456789-,=byt ', 30),
    `bytes=${random.between(0, 9)}-${random.between(0, 9)}`,
  ]);
  return {
    name: `GET of a range ${shown(stated)}`,
    ignored: [200, 206],
    status: 416,
    bytes: (target) =>
      request(target, 'GET', `/v2/${target.repository}/blobs/${target.blob}`, {
        headers: [`Range: ${stated}`],
      }),
  };
}

function wrongField(random: Random): MalformedCase {
  const [path, values] = random.pick(FIELDS);
  const value = random.pick(values.map((one) => [one]))[0];
  return {
    name: `a manifest whose ${path} is ${shown(JSON.stringify(value))}`,
    status: 400,
    bytes: (target) => put(target, changed(target, path, value)),
  };
}

function brokenJson(random: Random): MalformedCase {
  const how = random.pick(['cut', 'no UTF-8', 'twice', 'bytes'] as const);
  const part = random.next();
  const byte = random.between(0x80, 0xff);
  const bytes = random.bytes(random.between(4, 2000));
  return {
    name: `a manifest with ${how} at ${part}, ${byte}`,
    status: 400,
    bytes: (target) => {
      const whole = Buffer.from(target.manifest.body);
      const at = Math.floor(part * whole.length);
      const [before, after] = [whole.subarray(0, at), whole.subarray(at)];
      if (how === 'bytes') return put(target, bytes);
      if (how === 'cut') return put(target, before);
      if (how === 'no UTF-8') return put(target, Buffer.concat([before, Buffer.from([byte]), after]));
      const fields = [...target.manifest.body.matchAll(/"\w+":/g)];
      const field = fields[Math.floor(part * fields.length)];
      const index = field?.index ?? 0;
      const twice = `${whole.toString().slice(0, index)}${field?.[0]}null,${whole.toString().slice(index)}`;
      return put(target, twice);
    },
  };
}

function header(random: Random): MalformedCase {
  const control = String.fromCharCode(random.pick([0, 1, 2, 7, 8, 11, 12, 27, 31, 127]));
  const line = random.pick([
    `X-Test: a${control}b`,
    `X${control}Test: a`,
    `X${random.pick([...'()<>@,;\\"/[]?={} '])}Test: a`,
    word(random, 'abcdefgh', 20),
    `: ${word(random, 'abc', 5)}`,
  ]);
  return {
    name: `a header ${JSON.stringify(line)}`,
    status: 400,
    bytes: (target) => request(target, 'GET', '/v2/', { headers: [line] }),
  };
}

function requestLine(random: Random): MalformedCase {
  const line = random.pick([
    `${word(random, 'GETPUSHX', 12)}X /v2/ HTTP/1.1`,
    `GET /v2/ HTTP/${random.between(2, 9)}.${random.between(1, 9)}`,
    `GET /v2/ ${word(random, 'HTP/1. ', 12)}`,
    `GET${word(random, '\t\r\x01', 3)}/v2/ HTTP/1.1`,
    `GET /v2/${String.fromCharCode(random.between(0, 31))} x HTTP/1.1`,
    `GET v2/${word(random, 'ab/', 8)} HTTP/1.1`,
  ]);
  return {
    name: `the request line ${JSON.stringify(line)}`,
    status: 400,
    bytes: ({ host }) => [Buffer.from(`${line}\r\nHost: ${host}\r\n\r\n`, 'latin1')],
  };
}

/** Bytes of any kind; the first is none that a method begins with. */
function noise(random: Random): MalformedCase {
  const bytes = Buffer.concat([
    Buffer.from([random.between(0x80, 0xff)]),
    random.bytes(random.between(4, 5000)),
  ]);
  return { name: `${bytes.length} bytes of noise`, status: 400, bytes: () => [bytes] };
}

function scope(random: Random): MalformedCase {
  const broken = insert(random, random.pick(['a/b', 'me/team/app', 'x']), illegal(random));
  const asked = random.pick([
    `repository:${broken}:pull`,
    `repository:${broken}:pull,push`,
    `repository:a/b:${insert(random, 'pull', random.pick(['%21', '%2d', '%00', '%3b']))}`,
    `${word(random, 'repostiy', 12)}x:a/b:pull`,
    `repository:a/b`,
  ]);
  return {
    name: `the scope ${asked}`,
    status: 400,
    bytes: (target) => request(target, 'GET', `/v2/auth?scope=${asked}`, { authorization: target.basic }),
  };
}

/** Never a password: too many wrong ones would keep the right one out. */
function token(random: Random): MalformedCase {
  const text = random.bytes(random.between(4, 300)).toString('base64url');
  const authorization = random.pick([
    `Bearer ${text}`,
    `Bearer ${text}.${text}.${text}`,
    `bearer  ${text}`,
    text,
    `${word(random, 'BearBsic', 8)}x ${text}`,
    `Bearer ${word(random, '\xa0\xc4\xdf\xff!~|{', 20)}`,
  ]);
  const path = random.pick(['tags/list', 'manifests/v1', 'blobs/uploads/']);
  return {
    name: `the token ${shown(authorization)} for ${path}`,
    status: 401,
    bytes: (target) =>
      request(target, path === 'blobs/uploads/' ? 'POST' : 'GET', `/v2/${target.repository}/${path}`, {
        authorization,
      }),
  };
}

function brokenBody(random: Random): MalformedCase {
  const length = random.between(2, 100_000);
  const sent = random.bytes(random.between(4, length + 4)).subarray(0, length - 1);
  const isChunked = random.pick([true, false]);
  const headers = [isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`];
  const body = isChunked ? Buffer.concat([Buffer.from(`${length.toString(16)}\r\n`), sent]) : sent;
  const then = random.pick(['end', 'hang-up'] as const);
  const what = random.pick(['PATCH', 'PUT', 'POST', 'manifest'] as const);
  return {
    name: `${what} with ${sent.length} of ${length} bytes, then ${then}`,
    then,
    isUnanswered: then === 'hang-up',
    needsUpload: what === 'PATCH' || what === 'PUT',
    bytes: (target) => {
      const query = `?digest=${target.blob}`;
      if (what === 'PATCH') return request(target, what, target.upload, { headers, body });
      if (what === 'PUT') return request(target, what, `${target.upload}${query}`, { headers, body });
      const start = `/v2/${target.repository}`;
      if (what === 'POST') return request(target, what, `${start}/blobs/uploads/${query}`, { headers, body });
      return request(target, 'PUT', `${start}/manifests/broken`, { headers, body });
    },
  };
}

function page(random: Random): MalformedCase {
  const n = random.pick([
    `-${random.between(1, 99)}`,
    `${random.between(0, 9)}.${random.between(0, 9)}`,
    word(random, 'abcdef', 5),
    `${random.between(0, 9)}${illegal(random)}`,
    word(random, '0123456789', 30).padStart(10, '1'),
  ]);
  return {
    name: `n=${n}`,
    status: 400,
    bytes: (target) => request(target, 'GET', `/v2/${target.repository}/tags/list?n=${n}`),
  };
}
