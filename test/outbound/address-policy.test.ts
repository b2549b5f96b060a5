import assert from 'node:assert/strict';

import { createAddressPolicy } from '../../outbound/address-policy';

function reasonFor(address: string, allowedNetworks: string[] = []): string | undefined {
  const decision = createAddressPolicy({ allowedNetworks }).check(address);
  return decision.isAllowed ? undefined : decision.reason;
}

describe('createAddressPolicy', () => {
  const refused: Record<string, RegExp> = {
    '127.0.0.1': /loopback/,
    '127.8.9.10': /loopback/,
    '10.1.2.3': /private/,
    '172.16.0.1': /private/,
    '172.31.255.255': /private/,
    '192.168.1.1': /private/,
    '100.64.0.1': /carrier-grade/,
    '169.254.1.1': /link-local/,
    '169.254.169.254': /metadata/,
    '100.100.100.200': /metadata/,
    '168.63.129.16': /metadata/,
    '0.0.0.0': /unspecified/,
    '0.1.2.3': /unspecified/,
    '224.0.0.1': /multicast/,
    '239.255.255.250': /multicast/,
    '240.0.0.1': /reserved/,
    '255.255.255.255': /broadcast/,
    '192.0.2.1': /documentation/,
    '198.18.0.1': /benchmarking/,
    '::': /unspecified/,
    '::1': /loopback/,
    '::ffff:127.0.0.1': /loopback/,
    '::ffff:a9fe:a9fe': /metadata/,
    '::127.0.0.1': /reserved/,
    '64:ff9b::10.0.0.1': /private/,
    '64:ff9b:1::1': /reserved/,
    '2002:7f00:1::1': /loopback/,
    '2001::1': /reserved/,
    '2001:db8::1': /documentation/,
    'fd12:3456::1': /private/,
    'fd00:ec2::254': /metadata/,
    'fe80::1': /link-local/,
    'fe80::1%eth0': /link-local/,
    'fec0::1': /site-local/,
    'ff02::1': /multicast/,
    '100::1': /reserved/,
    '4000::1': /reserved/,
    'example.com': /not an IP/,
  };
  for (const [address, reason] of Object.entries(refused)) {
    it(`refuses ${address}`, () => assert.match(reasonFor(address) ?? 'allowed', reason));
  }

  for (const address of [
    '93.184.215.14',
    '172.32.0.1',
    '100.128.0.1',
    '2606:4700::1111',
    '2002:808:808::1',
    '64:ff9b::8.8.8.8',
    '::ffff:8.8.8.8',
  ]) {
    it(`lets ${address} pass`, () => assert.equal(reasonFor(address), undefined));
  }

  it('opens what the operator allows, as a range or as one address, and nothing beside it', () => {
    const allowed = ['10.0.0.0/8', '127.0.0.1', 'fd00::/8', '::1/128'];
    for (const address of ['10.200.0.1', '127.0.0.1', '::ffff:127.0.0.1', 'fd12::1', '::1']) {
      assert.equal(reasonFor(address, allowed), undefined, address);
    }
    assert.match(reasonFor('127.0.0.2', allowed) ?? '', /loopback/);
    assert.match(reasonFor('192.168.0.1', allowed) ?? '', /private/);
  });

  it('keeps unspecified and multicast addresses refused when everything is allowed', () => {
    const everything = ['0.0.0.0/0', '::/0'];
    assert.equal(reasonFor('169.254.169.254', everything), undefined);
    for (const address of ['0.0.0.0', '::', '::ffff:0.0.0.0', '224.0.0.1', 'ff02::1', '255.255.255.255']) {
      assert.notEqual(reasonFor(address, everything), undefined, address);
    }
  });

  for (const network of ['localhost', '10.0.0.0/33', '10.0.0.0/8/9', '::/129', '10.0.0.0/', '']) {
    it(`names "${network}" as no network`, () => {
      assert.throws(() => createAddressPolicy({ allowedNetworks: [network] }), {
        message: `network "${network}" is not an address or a CIDR range`,
      });
    });
  }
});
