import assert from 'node:assert/strict';

import { debianAdvisories } from '../../scanner/advisories/debian-tracker';
import { trackerFixture } from './advisory-fixtures';

function parse(tracker: unknown): { lines: string[]; warnings: string[] } {
  const warnings: string[] = [];
  const advisories = [...debianAdvisories(tracker, { warn: (message) => warnings.push(message) })];
  return {
    lines: advisories.map(
      ({ namespace, packageName, advisoryId }) => `${namespace} ${packageName} ${advisoryId}`,
    ),
    warnings,
  };
}

describe('debianAdvisories', () => {
  it('makes an advisory per source, issue and release', () => {
    assert.deepEqual(trackerFixture()[0], {
      updater: 'debian/updater',
      namespace: 'debian:9',
      packageName: 'openssl',
      packageKind: 'source',
      advisoryId: 'CVE-2019-1563',
      aliases: [],
      rule: { type: 'fixed-in', versionKind: 'deb', fixedVersion: '1.1.0l-1~deb9u1' },
      fixedVersion: '1.1.0l-1~deb9u1',
      severity: 'Medium',
      severityText: 'low',
      cvssVector: '',
      cvssScore: null,
      description: 'Padding oracle in PKCS7_dataDecode and CMS_decrypt_set1_pkey.',
      links: 'https://security-tracker.debian.org/tracker/CVE-2019-1563',
      issuedMs: null,
    });
  });

  it('leaves out what was never affected, is undetermined, or is of an unknown release', () => {
    const lines = trackerFixture().map(({ namespace, advisoryId }) => `${namespace} ${advisoryId}`);
    assert.ok(!lines.includes('debian:12 CVE-2019-1563'));
    assert.ok(!lines.some((line) => line.includes('TEMP-')));
    assert.equal(lines.length, 6);
  });

  it('keeps an issue without a fix, and an undetermined one that has a fix', () => {
    const release = (more: object) => ({
      a: { 'TEMP-1': { releases: { bookworm: { urgency: 'low', ...more } } } },
    });
    assert.deepEqual(parse(release({ status: 'open' })).lines, ['debian:12 a TEMP-1']);
    assert.deepEqual(parse(release({ status: 'undetermined', fixed_version: '1-2' })).lines, [
      'debian:12 a TEMP-1',
    ]);
  });

  it('maps sid to unstable', () => {
    assert.deepEqual(parse({ a: { 'CVE-1': { releases: { sid: { status: 'open' } } } } }).lines, [
      'debian:unstable a CVE-1',
    ]);
  });

  it('skips what it cannot read with a warning', () => {
    const good = { 'CVE-1': { releases: { bookworm: { status: 'open' } } } };
    const { lines, warnings } = parse({ a: 'broken', b: { 'CVE-2': { releases: 7 } }, c: good });
    assert.deepEqual(lines, ['debian:12 c CVE-1']);
    assert.equal(warnings.length, 2);
    assert.equal(warnings[0], 'debian tracker: a is not an object of issues');
  });

  it('refuses what is no tracker at all', () => {
    for (const tracker of [null, [], 'text']) {
      assert.throws(() => parse(tracker), /not an object of source packages/);
    }
  });
});
