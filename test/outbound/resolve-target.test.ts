import assert from 'node:assert/strict';

import { createAddressPolicy } from '../../outbound/address-policy';
import type { Resolver } from '../../outbound/resolve-target';
import { resolveTarget } from '../../outbound/resolve-target';

const policy = createAddressPolicy({ allowedNetworks: [] });

function answering(...addresses: string[]): Resolver {
  return () => Promise.resolve(addresses.map((address) => ({ address })));
}

describe('resolveTarget', () => {
  it('gives back every address when all of them pass', async () => {
    const resolver = answering('93.184.215.14', '2606:4700::1111');
    assert.deepEqual(await resolveTarget('Example.COM', policy, { resolver }), {
      host: 'example.com',
      addresses: [
        { address: '93.184.215.14', family: 4 },
        { address: '2606:4700::1111', family: 6 },
      ],
    });
  });

  it('refuses a name when one of its addresses is refused, and says which', async () => {
    await assert.rejects(
      resolveTarget('mixed.example', policy, { resolver: answering('93.184.215.14', '10.0.0.5') }),
      {
        kind: 'refused-address',
        message: '"mixed.example" resolves to 10.0.0.5, a private address that calls may not reach',
      },
    );
  });

  for (const host of [
    '127.1',
    '2130706433',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '127.0.0.1.',
    '[::1]',
    '::1',
    '[::ffff:7f00:1]',
  ]) {
    it(`reads ${host} as the loopback address that it is, without a look-up`, async () => {
      const resolver: Resolver = () => Promise.reject(new Error('must not be asked'));
      await assert.rejects(resolveTarget(host, policy, { resolver }), {
        kind: 'refused-address',
        message: /is a loopback address/,
      });
    });
  }

  for (const host of ['', 'a b', 'user@host', 'host/path', '999.1.1.1', '[::1']) {
    it(`calls "${host}" no host name`, async () => {
      await assert.rejects(resolveTarget(host, policy, { resolver: answering('93.184.215.14') }), {
        kind: 'invalid-url',
      });
    });
  }

  it('says that a host does not exist', async () => {
    const missing = Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });
    const message = 'there is no host "nowhere.example"';
    await assert.rejects(
      resolveTarget('nowhere.example', policy, { resolver: () => Promise.reject(missing) }),
      { kind: 'unknown-host', message },
    );
    await assert.rejects(resolveTarget('nowhere.example', policy, { resolver: answering() }), {
      kind: 'unknown-host',
      message,
    });
  });

  it('tells a resolver that is out of order from a host that does not exist', async () => {
    const resolver: Resolver = () =>
      Promise.reject(Object.assign(new Error('getaddrinfo'), { code: 'EAI_AGAIN' }));
    await assert.rejects(resolveTarget('some.example', policy, { resolver }), {
      kind: 'unknown-host',
      message: /could not be looked up just now/,
    });
  });

  it('does not wait for a resolver that never answers', async () => {
    const resolver: Resolver = () => new Promise(() => undefined);
    await assert.rejects(resolveTarget('slow.example', policy, { resolver, timeoutMs: 20 }), {
      kind: 'timeout',
      message: 'looking up "slow.example" took longer than 20 ms',
    });
    await assert.rejects(
      resolveTarget('slow.example', policy, { resolver, signal: AbortSignal.timeout(20) }),
      { kind: 'aborted' },
    );
  });

  it('asks the system when no resolver is given', async () => {
    await assert.rejects(resolveTarget('localhost', policy), {
      kind: 'refused-address',
      message: /"localhost" resolves to .* a loopback address/,
    });
  });
});
