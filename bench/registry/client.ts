import { OCI_MANIFEST } from '../../test/support/images';
import type { BlobContent } from './content';
import type { Answer, HttpConnection } from './http-connection';
import { headerOf } from './http-connection';

/** Without it the peer does not find an OCI manifest. */
export const ACCEPT = `Accept: ${OCI_MANIFEST}\r\n`;

/** One client of a cell: a connection with a token of its own. */
export interface Client {
  connection: HttpConnection;
  headers: string;
  /** With its namespace. */
  repository: string;
}

/** POST and PUT, or POST, PATCH and PUT. */
export async function pushBlob(
  client: Client,
  content: BlobContent,
  { chunked = false } = {},
): Promise<void> {
  const { connection, headers, repository } = client;
  const started = await connection.request('POST', `/v2/${repository}/blobs/uploads/`, headers);
  let location = locationOf(started, 202);
  if (chunked) {
    const type = 'Content-Type: application/octet-stream\r\n';
    location = locationOf(await connection.request('PATCH', location, headers + type, content.parts), 202);
  }
  const target = `${location}${location.includes('?') ? '&' : '?'}digest=${content.digest}`;
  expectStatus(await connection.request('PUT', target, headers, chunked ? [] : content.parts), 201);
}

/** GET of a whole blob. */
export async function pullBlob(client: Client, digest: string, sizeBytes: number): Promise<Answer> {
  const answer = await client.connection.request(
    'GET',
    `/v2/${client.repository}/blobs/${digest}`,
    client.headers,
  );
  expectStatus(answer, 200);
  if (answer.bodyBytes !== sizeBytes) {
    throw new Error(`${digest}: ${answer.bodyBytes} bytes, not ${sizeBytes}`);
  }
  return answer;
}

export function expectStatus(answer: Answer, status: number): void {
  if (answer.status !== status) throw new Error(`answered ${answer.status}, not ${status}: ${answer.head}`);
}

function locationOf(answer: Answer, status: number): string {
  expectStatus(answer, status);
  const location = headerOf(answer.head, 'location');
  if (location === undefined) throw new Error(`no Location: ${answer.head}`);
  return location;
}
