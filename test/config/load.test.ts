import assert from 'node:assert/strict';

import { ConfigError, loadConfig } from '../../config/load';

const REQUIRED = {
  SERVER_HOSTNAME: 'registry.example',
  DATABASE_URL: 'mysql://slipway@127.0.0.1/slipway',
  DATABASE_SECRET_KEY: 'a key of sixteen and more',
  DISTRIBUTED_STORAGE_CONFIG: '{"default":["LocalStorage",{"storage_path":"/srv/blobs"}]}',
};

describe('configuration from the environment', () => {
  it('takes objects and lists as JSON, lists also with commas', () => {
    const config = loadConfig({
      ...REQUIRED,
      SUPER_USERS: '["ann"]',
      TRUSTED_PROXY_NETWORKS: '10.1.0.0/16, 10.2.0.0/16',
    });
    assert.deepEqual(config.DISTRIBUTED_STORAGE_CONFIG.default[1], { storage_path: '/srv/blobs' });
    assert.deepEqual(config.SUPER_USERS, ['ann']);
    assert.deepEqual(config.TRUSTED_PROXY_NETWORKS, ['10.1.0.0/16', '10.2.0.0/16']);
  });

  it('names the field whose JSON is broken', () => {
    assert.throws(
      () => loadConfig({ ...REQUIRED, DISTRIBUTED_STORAGE_CONFIG: '{default: 1}' }),
      (error) => error instanceof ConfigError && /DISTRIBUTED_STORAGE_CONFIG: .*JSON/.test(error.message),
    );
  });

  it('names every field that is missing', () => {
    assert.throws(
      () => loadConfig({}),
      (error) =>
        error instanceof ConfigError && Object.keys(REQUIRED).every((name) => error.message.includes(name)),
    );
  });
});
