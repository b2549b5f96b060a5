import { readFile } from 'node:fs/promises';
import type { Server as TlsServer } from 'node:https';
import { createSecureContext } from 'node:tls';

import type { Config } from '../config/schema';
import type { Logger } from '../telemetry/logger';

type Files = NonNullable<Config['LISTEN_TLS']>;

/** A certificate with its chain, and its key; PEM. */
export interface Certificate {
  cert: string;
  key: string;
}

const LOOK_EVERY_MS = 5_000;

/** Rejects when the files cannot be read or do not belong to each other. */
export async function readCertificate(files: Files): Promise<Certificate> {
  const certificate = await readFiles(files);
  createSecureContext({ ...certificate });
  return certificate;
}

/**
 * Takes a renewed certificate for new connections without a restart; answers how to stop looking. It compares what the files
 * say: links and renames, by which certificates are replaced, and what changed before the first look are seen as well.
 */
export function followCertificate(
  server: Pick<TlsServer, 'setSecureContext'>,
  { files, current }: { files: Files; current: Certificate },
  { logger, everyMs = LOOK_EVERY_MS }: { logger: Logger; everyMs?: number },
): () => void {
  let seen = JSON.stringify(current);
  let lastProblem = '';
  const look = async () => {
    try {
      const now = await readFiles(files);
      if (JSON.stringify(now) === seen) return;
      seen = JSON.stringify(now);
      server.setSecureContext({ ...now });
      lastProblem = '';
      logger.info({ path: files.CERTIFICATE_PATH }, 'the certificate was renewed');
    } catch (err) {
      // Two files are not written in one moment, and one that is being replaced may be missing: it is looked at again.
      if (String(err) === lastProblem) return;
      lastProblem = String(err);
      logger.warn({ err }, 'the certificate was changed and cannot be used; the one before goes on');
    }
  };
  const timer = setInterval(() => void look(), everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

async function readFiles({ CERTIFICATE_PATH, KEY_PATH }: Files): Promise<Certificate> {
  return { cert: await readFile(CERTIFICATE_PATH, 'utf8'), key: await readFile(KEY_PATH, 'utf8') };
}
