import assert from 'node:assert/strict';

import { normaliseEmail, readBellTarget, readWebhookConfig } from '../../model/rule-configs';

describe('readWebhookConfig', () => {
  it('takes http and https addresses only', () => {
    assert.deepEqual(readWebhookConfig({ url: 'https://example.com/x' }), { url: 'https://example.com/x' });
    for (const url of [
      'telnet://example.com',
      'file:///etc/passwd',
      'example.com',
      '',
      7,
      `http://${'a'.repeat(5000)}`,
    ]) {
      assert.equal(readWebhookConfig({ url }), undefined, String(url));
    }
    assert.equal(readWebhookConfig(null), undefined);
  });
});

describe('normaliseEmail', () => {
  it('lower-cases what is an address', () => {
    assert.equal(normaliseEmail('Ann.B+c@Example.COM'), 'ann.b+c@example.com');
  });

  it('refuses lists, headers, and hosts without a dot', () => {
    for (const address of [
      'a@b',
      'a@b.c, d@e.f',
      'a@b.c\nBcc: x@y.z',
      '<a@b.c>',
      'a b@c.d',
      'a@@b.c',
      '',
      5,
    ]) {
      assert.equal(normaliseEmail(address), undefined, String(address));
    }
  });
});

describe('readBellTarget', () => {
  it('reads a kind and a name', () => {
    assert.deepEqual(readBellTarget({ target: { kind: 'team', name: 'owners' } }), {
      kind: 'team',
      name: 'owners',
    });
    assert.equal(readBellTarget({ target: { kind: 'robot', name: 'x1' } }), undefined);
    assert.equal(readBellTarget({ target: { kind: 'user', name: '../x' } }), undefined);
    assert.equal(readBellTarget({}), undefined);
  });
});
