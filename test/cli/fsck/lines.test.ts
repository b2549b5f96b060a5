import assert from 'node:assert/strict';

import { batchesOf, contentFault } from '../../../cli/fsck/check-manifests';
import { referenceFault } from '../../../cli/fsck/check-references';
import { describeOutcome, describeProgress, sizeText } from '../../../cli/fsck/describe-counts';
import { describeFinding } from '../../../cli/fsck/findings';
import { startProgressLine } from '../../../cli/fsck/progress-line';
import { noCounts, tagNames } from '../../../cli/fsck/run';
import { eventually } from '../../support/eventually';
import { sha256 } from '../../support/registry-client';

const digest = sha256('x');

describe('what fsck says', () => {
  it('names repository, tag, digest and file in one line', () => {
    const tag = { subject: 'tag', repository: 'acme/app', tag: 'v1', digest } as const;
    assert.equal(
      describeFinding({ ...tag, kind: 'missing', problem: 'its manifest has no row' }),
      `MISSING     tag acme/app:v1 (${digest}): its manifest has no row`,
    );
    const manifest = {
      subject: 'manifest' as const,
      repository: 'acme/app',
      digest,
      neededBy: ['acme/app:v1'],
    };
    assert.equal(
      describeFinding({ ...manifest, kind: 'corrupt', problem: 'its body has the digest y' }),
      `CORRUPT     manifest acme/app@${digest}: its body has the digest y; needed by acme/app:v1`,
    );
    const blob = { subject: 'blob' as const, digest, file: 'sha256/aa/aa.1', neededBy: [] };
    assert.equal(
      describeFinding({ ...blob, kind: 'unreadable', problem: 'its file cannot be read: EIO' }),
      `UNREADABLE  blob ${digest} (file sha256/aa/aa.1): its file cannot be read: EIO`,
    );
  });

  it('shows names of files without what a terminal would obey', () => {
    const line = describeFinding({
      subject: 'file',
      kind: 'orphaned',
      problem: 'p',
      sizeBytes: 3,
      changedAt: '2026-01-02T03:04:05.000Z',
      file: 'uploads/\u001b[2J\nOK',
    });
    const name = 'uploads/?[2J?OK (3 bytes, unchanged since 2026-01-02T03:04:05.000Z)';
    assert.equal(line, `ORPHANED    file ${name}: p`);
  });

  it('sums up, and leaves out what there is none of', () => {
    const counts = {
      ...noCounts(),
      tags: 1,
      manifests: 2,
      blobs: 3,
      blobBytes: 2048,
      hashedBytes: 2048,
      files: 4,
    };
    assert.deepEqual(describeOutcome(counts, true), [
      '1 tags, 2 manifests, 3 blobs of 2.0 KiB (2.0 KiB read and compared), 4 files',
      'clean',
    ]);
    const found = { missing: 1, corrupt: 0, orphaned: 2, unreadable: 0 };
    assert.deepEqual(describeOutcome({ ...counts, youngFiles: 2, findings: found }, false), [
      '1 tags, 2 manifests, 3 blobs of 2.0 KiB (contents not read), 4 files',
      '  2 of the files have no row but changed too lately to be called orphans',
      '3 findings: 1 missing, 2 orphaned',
    ]);
  });

  it('writes sizes as people read them', () => {
    const sizes = [0, 1023, 1024, 1536, 5 * 1024 ** 3, 2 * 1024 ** 5];
    assert.deepEqual(sizes.map(sizeText), [
      '0 bytes',
      '1023 bytes',
      '1.0 KiB',
      '1.5 KiB',
      '5.0 GiB',
      '2.0 PiB',
    ]);
  });

  it('shortens a long list of tags', () => {
    const tags = ['a', 'b', 'c'].map((tag) => ({ namespace: 'n', repository: 'r', tag }));
    assert.deepEqual(tagNames(tags, 3), ['n/r:a', 'n/r:b', 'n/r:c']);
    assert.deepEqual(tagNames(tags, 2), ['n/r:a', 'n/r:b', 'more']);
  });

  it('shows how far it got on a terminal, in one line of its width, and nowhere else', async () => {
    const written: string[] = [];
    const stream = { columns: 30, isTTY: true, write: (text: string) => written.push(text) > 0 };
    const totals = { tags: 5, manifests: 6, blobs: 7, blobBytes: 1024 };
    const progress = startProgressLine(stream, () => describeProgress(noCounts(), totals, true));
    await eventually(() => assert.ok(written.length > 0));
    progress.stop();
    assert.equal(written[0], '\r\x1b[Ktags 0/5, manifests 0/6, blob');
    assert.equal(written.at(-1), '\r\x1b[K');
    const silent = { ...stream, isTTY: false, write: () => assert.fail('it is no terminal') };
    startProgressLine(silent, () => 'text').stop();
  });
});

describe('manifests for fsck', () => {
  it('are read in batches of bounded size, a large one alone', () => {
    const sizes = [4, 5, 20, 1, 9, 1].map((sizeBytes, id) => ({ id, sizeBytes }));
    assert.deepEqual([...batchesOf(sizes, 10)], [[0, 1], [2], [3, 4], [5]]);
    assert.deepEqual([...batchesOf([], 10)], []);
  });

  it('have the digest and size of their body', () => {
    const body = Buffer.from('x');
    assert.equal(contentFault({ body, digest, sizeBytes: 1 }), undefined);
    assert.match(
      contentFault({ body, digest: sha256('y'), sizeBytes: 1 })?.problem ?? '',
      /has the digest sha256/,
    );
    assert.match(contentFault({ body, digest, sizeBytes: 2 })?.problem ?? '', /has 1 bytes, its row says 2/);
    assert.match(contentFault({ body, digest: 'md5:1', sizeBytes: 1 })?.problem ?? '', /cannot be read/);
  });

  it('are whole when each link is there, alive, of the repository, and of the size they state', () => {
    const reference = { noun: 'blob', digest, size: 3 } as const;
    const link = { manifestId: 1, digest, sizeBytes: 3, isDeleted: 0, isInRepository: 1 };
    assert.equal(referenceFault(reference, link, false), undefined);
    const faults = [
      referenceFault(reference, undefined, false),
      referenceFault(reference, undefined, true),
      referenceFault(reference, { ...link, isDeleted: 1 }, true),
      referenceFault(reference, { ...link, isInRepository: 0 }, true),
      referenceFault(reference, { ...link, sizeBytes: 4 }, true),
    ];
    const missing = { kind: 'missing', names: digest };
    assert.deepEqual(faults, [
      { ...missing, problem: `blob ${digest} is not in the database` },
      { ...missing, problem: `blob ${digest} is there, but the manifest has no link to it` },
      { ...missing, problem: `blob ${digest} was deleted` },
      { ...missing, problem: `blob ${digest} is not linked to the repository` },
      { kind: 'corrupt', names: digest, problem: `blob ${digest} has 4 bytes, the manifest says 3` },
    ]);
  });
});
