import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Server as TlsServer } from 'node:https';
import { get } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';

import { Drain } from '../../serve/drain';
import { createHttpsServer, listen } from '../../serve/http-server';
import { followCertificate, readCertificate } from '../../serve/tls';
import { silentLogger } from '../../telemetry/logger';
import { eventually } from '../support/eventually';

const fixture = (name: string) => join(__dirname, 'fixtures', name);

describe('TLS of serve', () => {
  let folder: string;
  let files: { CERTIFICATE_PATH: string; KEY_PATH: string };
  let server: TlsServer | undefined;
  let stop: (() => void) | undefined;
  const warnings: string[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'slipway-test-tls-'));
    files = { CERTIFICATE_PATH: join(folder, 'cert.pem'), KEY_PATH: join(folder, 'key.pem') };
    install('first');
    warnings.length = 0;
  });
  afterEach(() => {
    stop?.();
    server?.closeAllConnections();
    server?.close();
    server = undefined;
    rmSync(folder, { recursive: true });
  });

  function install(name: string): void {
    copyFileSync(fixture(`${name}.cert.pem`), files.CERTIFICATE_PATH);
    copyFileSync(fixture(`${name}.key.pem`), files.KEY_PATH);
  }

  async function start(): Promise<void> {
    const current = await readCertificate(files);
    server = createHttpsServer(
      current,
      () => false,
      (request, response) => response.end(`${request.method} behind TLS`),
    );
    const logger = { ...silentLogger, warn: (_: object, message: string) => void warnings.push(message) };
    stop = followCertificate(server, { files, current }, { logger, everyMs: 30 });
    await listen(server, '127.0.0.1', 0);
  }

  /** What it says, and who vouches that it is `registry.test`. */
  async function ask(): Promise<{ text: string; organization: string | undefined }> {
    const { port } = server?.address() as AddressInfo;
    const ca = ['first', 'renewed'].map((name) => readFileSync(fixture(`${name}.cert.pem`)));
    const request = get({ host: '127.0.0.1', port, servername: 'registry.test', ca, agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const { O: organization } = (response.socket as TLSSocket).getPeerCertificate().subject;
    const text = (await response.setEncoding('utf8').toArray()).join('');
    return { text, organization: [organization].flat()[0] };
  }

  it('serves with the certificate, and ends in good order', async () => {
    await start();
    assert.deepEqual(await ask(), { text: 'GET behind TLS', organization: 'first' });
    assert.ok(server);
    assert.equal(await new Drain(server).run({ noticeMs: 0, limitMs: 5000 }), true);
  });

  it('takes a renewed certificate for new connections', async () => {
    await start();
    install('renewed');
    await eventually(async () => assert.equal((await ask()).organization, 'renewed'));
  });

  it('goes on with the old one while the new one cannot be used', async () => {
    await start();
    writeFileSync(files.CERTIFICATE_PATH, 'half of a certif');
    await eventually(() => assert.notEqual(warnings.length, 0));
    assert.equal((await ask()).organization, 'first');
    install('renewed');
    await eventually(async () => assert.equal((await ask()).organization, 'renewed'));
  });

  it('does not start with a key of another certificate, or without a file', async () => {
    copyFileSync(fixture('renewed.key.pem'), files.KEY_PATH);
    await assert.rejects(readCertificate(files), /key values mismatch/i);
    rmSync(files.KEY_PATH);
    await assert.rejects(readCertificate(files), /ENOENT/);
  });
});
