import assert from 'node:assert/strict';

import { createClientAddress, createProxyCheck } from '../../auth/client-address';

const PROXIES = ['10.1.0.0/16', 'fd00::/8'];

describe('client address', () => {
  function addressOf(
    remoteAddress: string | undefined,
    forwarded?: string,
    proxies = PROXIES,
  ): string | null {
    const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
    const request = { socket: { remoteAddress }, headers } as Parameters<
      ReturnType<typeof createClientAddress>
    >[0];
    return createClientAddress({ TRUSTED_PROXY_NETWORKS: proxies })(request);
  }

  it('is that of the connection where no proxy is named', () => {
    assert.equal(addressOf('10.1.0.9', '203.0.113.5', []), '10.1.0.9');
  });

  it('is the one that a named proxy saw', () => {
    assert.equal(addressOf('10.1.0.9', '203.0.113.5'), '203.0.113.5');
    assert.equal(addressOf('::ffff:10.1.0.9', '203.0.113.5'), '203.0.113.5');
    assert.equal(addressOf('fd00::9', '2001:db8::5'), '2001:db8::5');
  });

  it('never is what the client itself wrote before it', () => {
    assert.equal(addressOf('10.1.0.9', '198.51.100.1, 203.0.113.5'), '203.0.113.5');
    assert.equal(addressOf('203.0.113.5', '198.51.100.1'), '203.0.113.5');
  });

  it('is found behind a row of named proxies', () => {
    assert.equal(addressOf('10.1.0.9', '203.0.113.5, 10.1.0.8, 10.1.0.7'), '203.0.113.5');
    assert.equal(addressOf('10.1.0.9', '10.1.0.8,10.1.0.7'), '10.1.0.8');
  });

  it('stops at what is no address', () => {
    assert.equal(addressOf('10.1.0.9', '203.0.113.5, unknown'), '10.1.0.9');
    assert.equal(addressOf('10.1.0.9', ''), '10.1.0.9');
  });

  it('is null once the connection is gone', () => {
    assert.equal(addressOf(undefined, '203.0.113.5'), null);
  });

  it('refuses a proxy that is no network', () => {
    assert.throws(() => addressOf('10.1.0.9', undefined, ['nginx']), /network "nginx" is not an address/);
  });

  it('of the connection tells a named proxy, whatever is written in the request', () => {
    const isProxy = createProxyCheck({ TRUSTED_PROXY_NETWORKS: PROXIES });
    const of = (remoteAddress?: string) =>
      isProxy({ socket: { remoteAddress } } as Parameters<typeof isProxy>[0]);
    assert.deepEqual(['10.1.0.9', '::ffff:10.1.0.9', 'fd00::9'].map(of), [true, true, true]);
    assert.deepEqual(['10.2.0.9', '203.0.113.5', '', undefined].map(of), [false, false, false, false]);
  });
});
