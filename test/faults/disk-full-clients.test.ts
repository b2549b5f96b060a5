import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';

import Docker from 'dockerode';

import { createMailer } from '../../activities/deliver/mailer';
import { startMailCatcher } from '../../serve/mail-catcher';
import { silentLogger } from '../../telemetry/logger';
import { dockerHost, dockerIsMissing, importSmallImage } from '../support/docker';
import { buildUser, uniqueName } from '../support/factories';
import { keepLog } from '../support/kept-log';
import { eventually } from '../support/eventually';
import { freePort } from '../support/processes';
import { startRegistry } from '../support/registry';
import { mountSmallDisk, NO_SMALL_DISK } from '../support/small-disk';
import type { SmallDisk } from '../support/small-disk';

describe('clients of a full disk', function () {
  this.timeout(120_000);
  let disk: SmallDisk;

  beforeEach(function () {
    const mounted = mountSmallDisk(8);
    if (!mounted) {
      console.log(`      ${NO_SMALL_DISK}`);
      return this.skip();
    }
    disk = mounted;
  });
  afterEach(() => disk?.dispose());

  it('docker pushes to the end when there is room again before it gives up', async function () {
    if (dockerIsMissing()) this.skip();
    const engine = new Docker({ socketPath: (await dockerHost()).slice('unix://'.length) });
    const log = keepLog();
    const registry = await startRegistry({ storagePath: disk.path, logger: log.logger });
    const { account } = await buildUser(registry.dataSource, { password: 'secret' });
    const image = `${registry.host}/${account.name}/${uniqueName('app')}:v1`;
    await importSmallImage(image);
    try {
      disk.fill(200_000);
      const stream = await engine
        .getImage(image)
        .push({ authconfig: { username: account.name, password: 'secret', serveraddress: registry.host } });
      const pushed = new Promise<string>((resolve, reject) => {
        engine.modem.followProgress(stream, (error, events: unknown) =>
          error ? reject(error) : resolve(JSON.stringify(events)),
        );
      });
      await Promise.race([pushed, eventually(() => assert.ok(log.errors().length > 0), 30_000)]);
      disk.empty();
      const story = await pushed;
      assert.match(story, /Retrying/);
      assert.match(story, /"Digest":"sha256:/);
    } finally {
      await engine.getImage(image).remove({ force: true });
      await registry.close();
    }
  });

  it('a sender of mail is told to try again, and half a mail is never shown', async () => {
    const [smtpPort, httpPort] = [await freePort(), await freePort()];
    const catcher = await startMailCatcher(
      { SMTP_PORT: smtpPort, HTTP_PORT: httpPort, PATH: disk.path },
      silentLogger,
    );
    const mailer = createMailer({
      ...{ MAIL_SERVER: '127.0.0.1', MAIL_PORT: smtpPort, MAIL_USE_TLS: false, MAIL_SEND_TIMEOUT: 5 },
      ...{ MAIL_DEFAULT_SENDER: 'slipway@example.com', SERVER_HOSTNAME: 'localhost:1' },
    });
    const mail = {
      to: 'ann@example.com',
      subject: 's',
      text: 'x'.repeat(300_000),
      html: '',
      deliveryId: 'd',
    };
    try {
      disk.fill(100_000);
      await assert.rejects(mailer.send(mail), /452/);
      assert.deepEqual(readdirSync(disk.path), ['ballast']);
      disk.empty();
      await mailer.send(mail);
      assert.equal(readdirSync(disk.path).filter((name) => name.endsWith('.eml')).length, 1);
    } finally {
      await catcher.close();
    }
  });
});
