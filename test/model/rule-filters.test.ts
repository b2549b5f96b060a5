import assert from 'node:assert/strict';

import { configuredLevel, ruleWants } from '../../model/rule-filters';

describe('ruleWants', () => {
  const wantsRef = (pattern: unknown, ref?: string) =>
    ruleWants('build_success', { 'ref-regex': pattern }, ref === undefined ? {} : { ref });

  it('takes every build when no pattern is set', () => {
    for (const pattern of [undefined, null, '']) {
      assert.equal(wantsRef(pattern), true);
      assert.equal(wantsRef(pattern, 'refs/heads/main'), true);
    }
  });

  it('matches the whole ref, never a prefix of it', () => {
    assert.equal(wantsRef('refs/heads/main', 'refs/heads/main'), true);
    assert.equal(wantsRef('refs/heads/main', 'refs/heads/main-2'), false);
    assert.equal(wantsRef('refs/heads/.+', 'refs/heads/somebranch'), true);
    assert.equal(wantsRef('refs/heads/.+', 'refs/tags/sometag'), false);
  });

  it('takes no build without a ref once a pattern is set', () => {
    assert.equal(wantsRef('refs/heads/.+'), false);
  });

  it('takes nothing when the pattern is not a regular expression', () => {
    assert.equal(wantsRef('][', 'refs/heads/main'), false);
    assert.equal(wantsRef(7, 'refs/heads/main'), true);
  });

  it('takes findings at the configured level and above', () => {
    const wants = (level: unknown, severity?: 'Critical' | 'Medium' | 'Low') =>
      ruleWants('vulnerability_found', { level }, severity ? { severity } : {});
    assert.equal(wants(undefined, 'Low'), true);
    assert.equal(wants(3, 'Critical'), true);
    assert.equal(wants('2', 'Medium'), true);
    assert.equal(wants(1, 'Medium'), false);
    assert.equal(wants(3), false);
    assert.equal(wants('high', 'Critical'), false);
  });
});

describe('configuredLevel', () => {
  it('reads numbers and digits from 0 to 5 and nothing else', () => {
    assert.equal(configuredLevel(0), 0);
    assert.equal(configuredLevel('5'), 5);
    for (const level of [6, -1, 1.5, '6', 'High', null, {}]) assert.equal(configuredLevel(level), undefined);
  });
});
