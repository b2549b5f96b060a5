import type { ServerResponse } from 'node:http';

import { RegistryError } from '../errors';
import { sendEmpty } from '../reply';

export interface SessionView {
  /** The repository as the client wrote it: tokens are cached by path. */
  name: string;
  uuid: string;
  receivedBytes: number;
}

/** What every answer about a session says; an empty one has the range `0-0` too (registry spec 18.8). */
function sessionHeaders({ name, uuid, receivedBytes }: SessionView): Record<string, string> {
  return {
    Location: `/v2/${name}/blobs/uploads/${uuid}`,
    Range: `0-${Math.max(0, receivedBytes - 1)}`,
    'Docker-Upload-UUID': uuid,
  };
}

export function sendSession(res: ServerResponse, status: 202 | 204, view: SessionView): void {
  sendEmpty(res, status, sessionHeaders(view));
}

export function sendBlobCreated(res: ServerResponse, name: string, digest: string): void {
  sendEmpty(res, 201, { Location: `/v2/${name}/blobs/${digest}`, 'Docker-Content-Digest': digest });
}

/** The session survives: the client finds in the headers where to go on. */
export function rangeMismatch(view: SessionView, message: string): RegistryError {
  return new RegistryError(
    'BLOB_UPLOAD_INVALID',
    { received: view.receivedBytes },
    { status: 416, message, headers: sessionHeaders(view) },
  );
}
