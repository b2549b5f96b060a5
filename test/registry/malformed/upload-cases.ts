import { DIGESTS } from './address-cases';
import type { MalformedCase } from './malformed-case';
import { casesOf, request, shown } from './malformed-case';

/** Of a chunk of five bytes for a session that has ten. */
const CONTENT_RANGES: [range: string, status: number][] = [
  ['', 400],
  ['-', 400],
  ['10', 400],
  ['10-', 400],
  ['-14', 400],
  ['10-14-15', 400],
  ['a-b', 400],
  ['0xa-0xe', 400],
  ['10 - 14', 400],
  ['+10-14', 400],
  ['-1--5', 400],
  ['10.0-14.0', 400],
  ['bytes=10-14', 400],
  ['bytes 10-14/15', 400],
  ['bytes */15', 400],
  ['10-14, 15-19', 400],
  ['10-14/15', 400],
  ['\xd9\xa1\xd9\xa0-14', 400],
  ['1e1-14', 400],
  ['99999999999999999999-99999999999999999999', 400],
  ['14-10', 400],
  ['10-13', 400],
  ['10-15', 400],
  ['10-10', 400],
  ['10-999999999999999', 400],
  ['0-4', 416],
  ['9-13', 416],
  ['11-15', 416],
  ['5-9', 416],
  ['999999999999990-999999999999994', 416],
];

/** Of a blob of five bytes; what is no byte range at all is ignored (RFC 9110, 14.2). */
const RANGES: [range: string, statuses: number[]][] = [
  ['bytes=5-', [416]],
  ['bytes=5-9', [416]],
  ['bytes=3-1', [416, 200]],
  ['bytes=-0', [416]],
  ['bytes=99999999999999999999999-', [416]],
  ['bytes=99999999999999999999999-99999999999999999999999', [416]],
  ['bytes=0-99999999999999999999999', [206]],
  ['bytes=-99999999999999999999999', [206]],
  ['bytes=', [200]],
  ['bytes=-', [200]],
  ['bytes', [200]],
  ['=0-1', [200]],
  ['0-1', [200]],
  ['bytes=a-b', [200]],
  ['bytes=0x0-0x1', [200]],
  ['bytes=1.0-2', [200]],
  ['bytes=--1', [200]],
  ['bytes=-1-2', [200]],
  ['bytes=0-1-2', [200]],
  ['bytes=0-0,2-3', [200, 206]],
  ['bytes=0-0,-1,99-', [200, 206]],
  [`bytes=${Array.from({ length: 4000 }, (_, n) => `${n % 5}-`).join()}`, [200, 206, 416]],
  ['bytes 0-1/5', [200]],
  ['lines=0-1', [200]],
  ['octets=0-1', [200]],
  ['\xff\xfe', [200]],
  ['bytes=0-1;q=1', [200]],
];

/** Bodies that stop before their end, or go on after it. */
const BROKEN: [name: string, headers: string[], body: string][] = [
  ['less than its length', ['Content-Length: 100'], 'layer'],
  ['nothing of its length', ['Content-Length: 100'], ''],
  ['a chunk without its end', ['Transfer-Encoding: chunked'], '64\r\nlayer'],
  ['chunks without the last', ['Transfer-Encoding: chunked'], '5\r\nlayer\r\n'],
  ['half a chunk size', ['Transfer-Encoding: chunked'], '5'],
  ['a chunk size that is none', ['Transfer-Encoding: chunked'], '5\r\nlayer\r\nxyz\r\n'],
  ['a chunk longer than it said', ['Transfer-Encoding: chunked'], '3\r\nlayer\r\n0\r\n\r\n'],
];

/** More than the server reads of a body that it does not want. */
const LARGE_BYTES = 16 * 1024 ** 2;
const NOBODYS = '00000000-0000-4000-8000-000000000000';
const WRONG_DIGEST = `sha256:${'0'.repeat(64)}`;

export const UPLOAD_CASES: MalformedCase[] = [
  ...CONTENT_RANGES.flatMap(([range, status]) =>
    casesOf(['PATCH', 'PUT'], (method) => ({
      name: `${method} of a chunk at ${shown(range)}`,
      status,
      needsUpload: true,
      bytes: (target) => {
        const path = method === 'PUT' ? `${target.upload}?digest=${target.blob}` : target.upload;
        return request(target, method, path, { headers: [`Content-Range: ${range}`], body: 'layer' });
      },
    })),
  ),
  ...casesOf(['10-13', '10-15', '10-10', '10-99'], (range) => ({
    name: `PATCH of a chunk at ${range} that has five bytes, as it turns out`,
    status: 400,
    needsUpload: true,
    bytes: (target) => {
      const headers = [`Content-Range: ${range}`, 'Transfer-Encoding: chunked'];
      return request(target, 'PATCH', target.upload, { headers, body: '5\r\nlayer\r\n0\r\n\r\n' });
    },
  })),
  ...casesOf(['1-5', 'x', '0-3', '0-5'], (range) => ({
    name: `POST of a whole blob at ${shown(range)}`,
    bytes: (target) =>
      request(target, 'POST', `/v2/${target.fresh}/blobs/uploads/?digest=${target.blob}`, {
        headers: [`Content-Range: ${range}`],
        body: 'layer',
      }),
  })),
  {
    name: 'PATCH with two ranges',
    status: 400,
    needsUpload: true,
    bytes: (target) =>
      request(target, 'PATCH', target.upload, {
        headers: ['Content-Range: 10-14', 'Content-Range: 10-14'],
        body: 'layer',
      }),
  },
  ...casesOf(['', ...DIGESTS], (digest) => ({
    name: `PUT of an upload with the digest ${shown(digest)}`,
    status: 400,
    needsUpload: true,
    bytes: (target) =>
      request(target, 'PUT', `${target.upload}?digest=${encoded(digest)}`, { body: 'layer' }),
  })),
  ...casesOf(['', ...DIGESTS], (digest) => ({
    name: `POST of a whole blob with the digest ${shown(digest)}`,
    status: 400,
    bytes: (target) =>
      request(target, 'POST', `/v2/${target.fresh}/blobs/uploads/?digest=${encoded(digest)}`, {
        body: 'layer',
      }),
  })),
  ...casesOf(DIGESTS, (digest) => ({
    name: `a mount of ${shown(digest)}`,
    status: 400,
    bytes: (target) => {
      const query = `mount=${encoded(digest)}&from=${target.repository}`;
      return request(target, 'POST', `/v2/${target.fresh}/blobs/uploads/?${query}`);
    },
  })),
  {
    name: 'PUT of an upload without a digest',
    status: 400,
    needsUpload: true,
    bytes: (target) => request(target, 'PUT', target.upload, { body: 'layer' }),
  },
  {
    name: 'PUT of an upload with two digests, the first wrong',
    status: 400,
    needsUpload: true,
    bytes: (target) =>
      request(target, 'PUT', `${target.upload}?digest=${WRONG_DIGEST}&digest=${target.blob}`, { body: '' }),
  },
  {
    name: 'PUT of an upload whose bytes are others',
    status: 400,
    needsUpload: true,
    bytes: (target) => request(target, 'PUT', `${target.upload}?digest=${WRONG_DIGEST}`, { body: 'layer' }),
  },
  {
    name: 'POST of a whole blob whose bytes are others',
    status: 400,
    bytes: (target) =>
      request(target, 'POST', `/v2/${target.repository}/blobs/uploads/?digest=${WRONG_DIGEST}`, {
        body: 'layer',
      }),
  },
  ...casesOf(['', 'Bearer x'], (authorization) => ({
    name: `a large body that nobody may send, with ${shown(authorization)}`,
    status: 401,
    bytes: (target) => {
      const path = `/v2/${target.repository}/blobs/uploads/?digest=${target.blob}`;
      return request(target, 'POST', path, { authorization, body: Buffer.alloc(LARGE_BYTES) });
    },
  })),
  {
    name: 'a large body for no upload',
    status: 404,
    bytes: (target) => {
      const path = `/v2/${target.repository}/blobs/uploads/${NOBODYS}`;
      return request(target, 'PATCH', path, { body: Buffer.alloc(LARGE_BYTES) });
    },
  },
  ...BROKEN.flatMap(([name, headers, body]) => broken(name, headers, body)),
  ...casesOf(RANGES, ([range, statuses]) => ({
    name: `GET of a blob's range ${shown(range)}`,
    ...(statuses.includes(416) ? { status: 416 } : {}),
    ignored: statuses.filter((status) => status < 400),
    bytes: (target) =>
      request(target, 'GET', `/v2/${target.repository}/blobs/${target.blob}`, {
        headers: [`Range: ${range}`],
      }),
  })),
];

/** The client ends its side and listens, or hangs up and hears nothing. */
function broken(name: string, headers: string[], body: string): MalformedCase[] {
  return (['end', 'hang-up'] as const).flatMap((then) =>
    casesOf(['PATCH', 'PUT', 'POST', 'manifest'], (what) => ({
      name: `${what} with ${name}, then ${then}`,
      then,
      isUnanswered: then === 'hang-up',
      needsUpload: what === 'PATCH' || what === 'PUT',
      bytes: ({ ...target }) => {
        const digest = `?digest=${target.blob}`;
        if (what === 'PATCH') return request(target, what, target.upload, { headers, body });
        if (what === 'PUT') return request(target, what, `${target.upload}${digest}`, { headers, body });
        if (what === 'POST') {
          const path = `/v2/${target.repository}/blobs/uploads/${digest}`;
          return request(target, what, path, { headers, body });
        }
        return request(target, 'PUT', `/v2/${target.fresh}/manifests/broken`, { headers, body });
      },
    })),
  );
}

/** What stands in a table in the form of a path, as a query has it: a plus would be a blank. */
function encoded(text: string): string {
  return text.replaceAll('+', '%2B');
}
