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

  it('knows the storage drivers by the names that Quay has for them', () => {
    const load = (driver: string, options: object) =>
      loadConfig({ ...REQUIRED, DISTRIBUTED_STORAGE_CONFIG: JSON.stringify({ default: [driver, options] }) })
        .DISTRIBUTED_STORAGE_CONFIG.default;
    const keys = { s3_access_key: 'AK', s3_secret_key: 'SK' };
    assert.deepEqual(load('S3Storage', { s3_bucket: 'blobs', ...keys, maximum_chunk_size_mb: 8 }), [
      'S3Storage',
      { s3_bucket: 'blobs', s3_region: 'us-east-1', ...keys, storage_path: '/', is_secure: true },
    ]);
    const rados = { hostname: 'store', port: '7480', is_secure: 'false', bucket_name: 'blobs' };
    assert.deepEqual(load('RadosGWStorage', { ...rados, access_key: 'AK', secret_key: 'SK' }), [
      'RadosGWStorage',
      { ...rados, port: 7480, is_secure: false, access_key: 'AK', secret_key: 'SK', storage_path: '/' },
    ]);
  });

  it('says what the options of the storage driver that was named lack', () => {
    const problemsOf = (driver: unknown[]) => {
      try {
        loadConfig({ ...REQUIRED, DISTRIBUTED_STORAGE_CONFIG: JSON.stringify({ default: driver }) });
        return [];
      } catch (error) {
        assert.ok(error instanceof ConfigError);
        return error.problems;
      }
    };
    const [rados, ...others] = problemsOf(['RadosGWStorage', { hostname: 'store', access_key: 'AK' }]);
    assert.match(rados ?? '', /^DISTRIBUTED_STORAGE_CONFIG\.default: .*secret_key/);
    assert.match(rados ?? '', /bucket_name/);
    assert.deepEqual(others, []);
    assert.match(problemsOf(['S3Storage', { s3_bucket: 'b', s3_access_key: 'AK' }])[0] ?? '', /go together/);
    assert.match(problemsOf(['LocalStorage', {}])[0] ?? '', /storage_path/);
    assert.match(problemsOf(['SwiftStorage', {}])[0] ?? '', /LocalStorage \| S3Storage \| RadosGWStorage/);
  });

  it('names every field that is missing', () => {
    assert.throws(
      () => loadConfig({}),
      (error) =>
        error instanceof ConfigError && Object.keys(REQUIRED).every((name) => error.message.includes(name)),
    );
  });
});
