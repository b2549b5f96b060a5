import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { parse } from 'yaml';

import { loadConfig } from '../../bin/launcher/commands/start-product.cjs';
import type { LauncherError } from '../../bin/launcher/exit-codes.cjs';
import { homeLayout } from '../../bin/launcher/layout.cjs';
import { createContext, makeHome } from '../../bin/launcher/context.cjs';
import {
  WANTED_PORTS,
  embeddedServers,
  listenedPorts,
  newConfig,
  readConfig,
  renderConfig,
} from '../../bin/launcher/parts/instance-config.cjs';
import { initStatements } from '../../bin/launcher/parts/private-database.cjs';
import { parseConfig } from '../../config/load';

describe('launcher configuration', () => {
  let home: string;

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'slipway-config-'));
  });

  afterEach(() => rmSync(home, { recursive: true }));

  const layout = () => homeLayout({ SLIPWAY_HOME: home });
  const fresh = () => newConfig(layout(), WANTED_PORTS, 'host with spaces');

  it('is one that the product accepts, with everything below the data folder', () => {
    const config = parseConfig(parse(renderConfig(fresh())) as Record<string, unknown>);
    assert.equal(config.SERVER_HOSTNAME, '127.0.0.1:8080');
    assert.equal(config.BUILD_HOST_ID, 'host-with-spaces');
    assert.ok(config.DISTRIBUTED_STORAGE_CONFIG.default[1].storage_path.startsWith(home));
    assert.ok(config.MAIL_CATCHER?.PATH.startsWith(home));
  });

  it('has other secrets each time', () => {
    assert.notEqual(fresh().DATABASE_SECRET_KEY, fresh().DATABASE_SECRET_KEY);
    assert.notEqual(fresh().DATABASE_URL, fresh().DATABASE_URL);
  });

  it('is made once, for its owner only, and never rewritten', async () => {
    const context = createContext({ env: { SLIPWAY_HOME: home, XDG_CACHE_HOME: join(home, 'cache') } });
    makeHome(context.layout);
    const first = await loadConfig(context);
    const text = readFileSync(context.layout.config, 'utf8');
    assert.equal(statSync(context.layout.config).mode & 0o777, 0o600);
    const second = await loadConfig(context);
    assert.deepEqual(second, first);
    assert.equal(readFileSync(context.layout.config, 'utf8'), text);
    assert.equal(existsSync(`${context.layout.config}.new`), false);
  });

  it('keeps ports of another installation free although that one does not run', async () => {
    const open = (name: string) => {
      const context = createContext({
        env: { SLIPWAY_HOME: join(home, name), XDG_CACHE_HOME: join(home, 'cache') },
      });
      makeHome(context.layout);
      return loadConfig(context);
    };
    const [one, other] = [await open('one'), await open('other')];
    const ports = (config: Record<string, unknown>) =>
      listenedPorts(config, { database: true, temporal: true }).map(({ port }) => port);
    assert.deepEqual(
      ports(one).filter((port) => ports(other).includes(port)),
      [],
    );
  });

  it('may be free YAML, and the environment wins over it', () => {
    const file = join(home, 'config.yaml');
    const config = { ...fresh(), LISTEN_PORT: undefined, EMBEDDED: undefined };
    writeFileSync(
      file,
      `${renderConfig(JSON.parse(JSON.stringify(config)) as object)}LISTEN_PORT: 9090 # mine\nEMBEDDED:\n  - temporal\n`,
    );
    const read = readConfig(file, { DATABASE_URL: 'mysql://elsewhere/db' });
    assert.equal(read.LISTEN_PORT, 9090);
    assert.equal(read.DATABASE_URL, 'mysql://elsewhere/db');
    assert.deepEqual(embeddedServers(read, {}), { database: false, temporal: true });
  });

  it('is refused with the names of the fields that it lacks', () => {
    const file = join(home, 'config.yaml');
    writeFileSync(file, renderConfig({ ...fresh(), DATABASE_SECRET_KEY: '' }));
    assert.throws(
      () => readConfig(file, {}),
      (error: LauncherError) => error.exitCode === 18 && /lacks DATABASE_SECRET_KEY/.test(error.message),
    );
  });

  it('is refused when it cannot be parsed, without showing a secret', () => {
    const file = join(home, 'config.yaml');
    writeFileSync(file, 'LISTEN_PORT: [1\n');
    assert.throws(() => readConfig(file, {}), /config\.yaml cannot be read/);
    const broken = { ...fresh(), DATABASE_URL: 'mysql//slipway:hidden@host' };
    assert.throws(
      () => listenedPorts(broken, { database: true, temporal: false }),
      (error: Error) =>
        /DATABASE_URL in config\.yaml is not an address/.test(error.message) && !/hidden/.test(error.message),
    );
  });

  it('lists only the ports that this installation opens itself', () => {
    const fields = listenedPorts(fresh(), { database: false, temporal: false }).map(({ field }) => field);
    assert.deepEqual(fields, ['LISTEN_PORT', 'MAIL_CATCHER.SMTP_PORT', 'MAIL_CATCHER.HTTP_PORT']);
  });

  it('quotes what a person may have put into the password of the database', () => {
    const sql = initStatements({ username: 'slipway', password: "it's\\", database: 'slipway' });
    assert.match(sql, /IDENTIFIED BY 'it\\'s\\\\';/);
  });
});
