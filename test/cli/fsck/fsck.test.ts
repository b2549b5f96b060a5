import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { appendFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';

import { Blob, Manifest, ManifestBlob, RepositoryBlob, Tag } from '../../../db/entities/content';
import { blobKey, uploadKey } from '../../../storage/keys';
import { FsckBench, hexOf, layerOf } from '../../support/fsck-bench';
import { OCI_MANIFEST, buildImage, putManifest } from '../../support/images';
import { sha256 } from '../../support/registry-client';

const HOUR_MS = 3_600_000;

describe('fsck', () => {
  let bench: FsckBench;

  before(async () => {
    bench = await FsckBench.start();
  });
  after(() => bench.close());
  beforeEach(() => bench.empty());

  it('finds nothing wrong with images, indexes, artifacts, history, and uploads under way', async () => {
    const [one, two] = [await bench.push('one'), await bench.push()];
    await bench.pushIndex('many', [one, two]);
    const subject = { mediaType: OCI_MANIFEST, digest: one.digest, size: Buffer.byteLength(one.body) };
    await bench.push(undefined, { subject, artifactType: 'application/vnd.test' });
    await bench.push('gone');
    await bench.client.expect(202, 'DELETE', `/v2/${bench.repository}/manifests/gone`);
    await bench.client.pushBlob(bench.repository, 'without a manifest');
    await bench.startUpload('more is to come');
    const deleted = await bench.push();
    await bench.client.expect(202, 'DELETE', `/v2/${bench.repository}/manifests/${deleted.digest}`);
    await bench.storage.putObject('objects/build-logs/one.json', Buffer.from('{}'));
    const { findings, counts } = await bench.look({ isDeep: true });
    assert.deepEqual(findings, []);
    const blobs = await bench.manager.find(Blob);
    const bytes = blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    assert.deepEqual(counts, {
      ...{ tags: 3, manifests: 6, deletedManifests: 1, blobs: blobs.length, blobBytes: bytes },
      ...{ hashedBytes: bytes, unreferencedBlobs: 0, deletingBlobs: 0 },
      // Each blob, the upload, the log.
      ...{ files: blobs.length + 2, youngFiles: 0, objects: 1 },
      findings: { missing: 0, corrupt: 0, orphaned: 0, unreadable: 0 },
    });
    const later = await bench.look({ now: () => Date.now() + 2 * HOUR_MS });
    assert.deepEqual([later.findings, later.counts.unreferencedBlobs], [[], 1]);
  });

  it('finds nothing wrong with blobs by their sha512, nor with sparse manifests', async () => {
    const { client, repository } = bench;
    const image = buildImage({ layers: [randomBytes(3000)] });
    const [layer] = image.layers;
    const sha512 = `sha512:${createHash('sha512')
      .update(layer?.bytes ?? '')
      .digest('hex')}`;
    const body = image.body.replace(layerOf(image), sha512);
    // What it names is not there yet.
    assert.equal((await putManifest(client, repository, body, 'v1')).status, 201);
    assert.deepEqual((await bench.look({ isDeep: true })).findings, []);
    await client.pushBlob(repository, image.config.text);
    const uploads = `/v2/${repository}/blobs/uploads/`;
    await client.expect(201, 'POST', `${uploads}?digest=${sha512}`, { body: layer?.bytes });
    assert.deepEqual((await bench.look({ isDeep: true })).findings, []);
    await bench.forceDelete('manifest_blob', '1 = 1');
    const problems = (await bench.look()).findings.map(({ problem }) => problem);
    assert.deepEqual(problems.sort(), [
      ...[image.config.digest, layerOf(image)]
        .map((digest) => `blob ${digest} is there, but the manifest has no link to it`)
        .sort(),
    ]);
  });

  describe('tags', () => {
    it('whose manifest has no row are missing it, ended lifetimes too', async () => {
      const { digest } = await bench.push('latest');
      await bench.push('latest');
      await bench.forceDelete('manifest', '1 = 1');
      const { findings } = await bench.look();
      const tags = findings.map(({ kind, problem, ...finding }) => {
        assert.ok(kind === 'missing' && finding.subject === 'tag' && finding.repository === bench.repository);
        assert.equal(finding.tag, 'latest');
        return [finding.digest === digest, problem] as const;
      });
      assert.deepEqual(tags, [
        [true, 'an ended lifetime names a manifest without a row: it cannot be restored'],
        [false, 'its manifest has no row'],
      ]);
    });

    it('that are alive on a deleted manifest are told; ended ones are not', async () => {
      const { digest } = await bench.push('live');
      await bench.push('ended');
      await bench.client.expect(202, 'DELETE', `/v2/${bench.repository}/manifests/ended`);
      await bench.manager.query('UPDATE manifest SET deleted_at_ms = 1');
      const { findings } = await bench.look();
      const problem = 'its manifest was deleted';
      assert.deepEqual(findings, [
        { kind: 'missing', subject: 'tag', problem, repository: bench.repository, tag: 'live', digest },
      ]);
    });

    it('are good in either algorithm, and no other digest', async () => {
      const image = await bench.push('latest');
      const sha512 = `sha512:${createHash('sha512').update(image.body).digest('hex')}`;
      await bench.manager.update(Tag, { name: 'latest' }, { digest: sha512 });
      assert.deepEqual((await bench.look()).findings, []);
      await bench.manager.update(Tag, { name: 'latest' }, { digest: sha256('another') });
      const [finding, ...others] = (await bench.look()).findings;
      assert.deepEqual([finding?.kind, finding?.subject, others], ['corrupt', 'tag', []]);
      assert.equal(finding?.problem, `its manifest is another one: ${image.digest}`);
    });
  });

  describe('manifests', () => {
    const faults = async () =>
      (await bench.look()).findings.map((finding) => {
        assert.ok(
          finding.subject === 'manifest' && finding.repository === bench.repository,
          JSON.stringify(finding),
        );
        const { kind, digest, problem, names, neededBy } = finding;
        return { kind, digest, problem, names, neededBy };
      });

    it('with another body, or another size, than they were pushed with are corrupt', async () => {
      const [changed, short] = [await bench.push('changed'), await bench.push()];
      const body = Buffer.from(changed.body.replace('amd64', 'arm64').replace('2', '3'));
      await bench.manager.update(Manifest, { digest: changed.digest }, { body });
      await bench.manager.update(Manifest, { digest: short.digest }, { sizeBytes: 1 });
      const length = Buffer.byteLength(short.body);
      const common = { kind: 'corrupt', names: undefined };
      assert.deepEqual(await faults(), [
        {
          ...{ ...common, digest: changed.digest, problem: `its body has the digest ${sha256(body)}` },
          neededBy: [`${bench.repository}:changed`],
        },
        {
          ...{ ...common, digest: short.digest, neededBy: [] },
          problem: `its body has ${length} bytes, its row says 1`,
        },
      ]);
    });

    it('are told with the tags of the indexes that name them', async () => {
      const child = await bench.push();
      await bench.pushIndex('many', [child]);
      await bench.pushIndex('same', [child]);
      await bench.manager.delete(ManifestBlob, {
        manifestId: (await bench.manifestOf(child)).id,
        position: 0,
      });
      const [fault, ...others] = await faults();
      assert.deepEqual(others, []);
      assert.deepEqual(fault?.neededBy.toSorted(), [`${bench.repository}:many`, `${bench.repository}:same`]);
    });

    it('miss blobs that have no row, no link, or are being deleted', async () => {
      const [rowless, unlinked, taken, dying] = [
        await bench.push(),
        await bench.push(),
        await bench.push(),
        await bench.push(),
      ];
      await bench.forceDelete('stored_blob', 'digest = ?', [layerOf(rowless)]);
      rmSync(bench.pathOf('sha256'), { recursive: true });
      const { id } = await bench.manifestOf(unlinked);
      await bench.manager.delete(ManifestBlob, { manifestId: id, position: 1 });
      await bench.manager.delete(RepositoryBlob, { blobId: (await bench.blobOf(layerOf(taken))).id });
      await bench.manager.update(Blob, { digest: layerOf(dying) }, { state: 'deleting' });
      const { findings } = await bench.look();
      const found = findings.flatMap((finding) =>
        finding.subject === 'manifest' ? [[finding.kind, finding.digest, finding.problem]] : [],
      );
      assert.deepEqual(found, [
        ['missing', rowless.digest, `blob ${layerOf(rowless)} is not in the database`],
        [
          'missing',
          unlinked.digest,
          `blob ${layerOf(unlinked)} is there, but the manifest has no link to it`,
        ],
        ['missing', taken.digest, `blob ${layerOf(taken)} is not linked to the repository`],
        ['missing', dying.digest, `blob ${layerOf(dying)} was deleted`],
      ]);
    });

    it('of indexes miss children that have no row or were deleted', async () => {
      const [rowless, deleted] = [await bench.push(), await bench.push()];
      const [first, second] = [
        await bench.pushIndex('first', [rowless]),
        await bench.pushIndex('second', [deleted]),
      ];
      await bench.forceDelete('manifest', 'digest = ?', [rowless.digest]);
      await bench.manager.update(Manifest, { digest: deleted.digest }, { deletedAtMs: 1 });
      const common = { kind: 'missing' };
      assert.deepEqual(await faults(), [
        {
          ...{ ...common, digest: first, names: rowless.digest, neededBy: [`${bench.repository}:first`] },
          problem: `manifest ${rowless.digest} is not in the database`,
        },
        {
          ...{ ...common, digest: second, names: deleted.digest, neededBy: [`${bench.repository}:second`] },
          problem: `manifest ${deleted.digest} was deleted`,
        },
      ]);
    });

    it('that were deleted may miss what they name', async () => {
      const image = await bench.push();
      await bench.client.expect(202, 'DELETE', `/v2/${bench.repository}/manifests/${image.digest}`);
      await bench.manager.delete(ManifestBlob, { manifestId: (await bench.manifestOf(image)).id });
      assert.deepEqual(await faults(), []);
    });

    it('of a format that is only kept are judged by their links', async () => {
      const image = await bench.push();
      await bench.manager.update(
        Manifest,
        { digest: image.digest },
        { mediaType: 'application/vnd.test.old' },
      );
      assert.deepEqual(await faults(), []);
      const { storageKey } = await bench.blobOf(layerOf(image));
      await bench.forceDelete('stored_blob', 'digest = ?', [layerOf(image)]);
      rmSync(bench.pathOf(storageKey));
      const [fault, ...others] = await faults();
      assert.deepEqual([fault?.digest, others], [image.digest, []]);
      assert.equal(fault?.problem, 'something that it is linked to has no row');
    });
  });

  describe('blobs', () => {
    it('without their file, with half of it, or with a wrong key are told with the tags that need them', async () => {
      const [lost, cut, strayed] = [await bench.push('lost'), await bench.push('cut'), await bench.push()];
      const [{ storageKey: lostKey }, { storageKey: cutKey }, { storageKey: oldKey }] = [
        await bench.blobOf(layerOf(lost)),
        await bench.blobOf(layerOf(cut)),
        await bench.blobOf(layerOf(strayed)),
      ];
      rmSync(bench.pathOf(lostKey));
      truncateSync(bench.pathOf(cutKey), 1000);
      await bench.manager.update(Blob, { digest: layerOf(strayed) }, { storageKey: 'elsewhere' });
      const { findings, counts } = await bench.look({ minAgeMs: HOUR_MS });
      const byDigest = new Map(findings.map((finding) => ['digest' in finding && finding.digest, finding]));
      assert.equal(findings.length, 3);
      assert.deepEqual(byDigest.get(layerOf(lost)), {
        ...{ kind: 'missing', subject: 'blob', problem: 'its file is not in storage' },
        ...{ digest: layerOf(lost), file: lostKey, neededBy: [`${bench.repository}:lost`] },
      });
      assert.deepEqual(byDigest.get(layerOf(cut)), {
        ...{ kind: 'corrupt', subject: 'blob', problem: 'its file has 1000 bytes, not 3000' },
        ...{ digest: layerOf(cut), file: cutKey, neededBy: [`${bench.repository}:cut`] },
      });
      const unreadable = byDigest.get(layerOf(strayed));
      assert.equal(unreadable?.kind, 'unreadable');
      assert.match(unreadable.problem, /"elsewhere" is not a storage key/);
      // Without a live tag the repository is named.
      assert.deepEqual('neededBy' in unreadable && unreadable.neededBy, [bench.repository]);
      assert.equal(counts.youngFiles, 1, oldKey);
    });

    it('with other content of the same size are found by a deep look only', async () => {
      const image = await bench.push('latest');
      const { storageKey } = await bench.blobOf(layerOf(image));
      const flipped = Buffer.from(image.layers[0]?.bytes ?? '');
      flipped.writeUInt8(flipped.readUInt8(1234) ^ 1, 1234);
      writeFileSync(bench.pathOf(storageKey), flipped);
      assert.deepEqual((await bench.look()).findings, []);
      const { findings } = await bench.look({ isDeep: true });
      assert.deepEqual(findings, [
        {
          ...{ kind: 'corrupt', subject: 'blob', problem: `its file has the digest ${sha256(flipped)}` },
          ...{ digest: layerOf(image), file: storageKey, neededBy: [`${bench.repository}:latest`] },
        },
      ]);
    });

    it('of sha512 are read by it', async () => {
      const bytes = randomBytes(5000);
      const digest = `sha512:${createHash('sha512').update(bytes).digest('hex')}`;
      const storageKey = bench.putFile(blobKey('sha512', hexOf(digest), 5000), bytes);
      const row = { digest, storageKey, sizeBytes: bytes.length, createdAtMs: Date.now() };
      await bench.manager.insert(Blob, { ...row, state: 'live' });
      assert.deepEqual((await bench.look({ isDeep: true })).findings, []);
      writeFileSync(bench.pathOf(storageKey), randomBytes(5000));
      const { findings } = await bench.look({ isDeep: true });
      assert.match(findings[0]?.problem ?? '', /^its file has the digest sha512:/);
    });

    it('that are about to be deleted may have lost their file', async () => {
      const digest = await bench.client.pushBlob(bench.repository, 'collected');
      await bench.manager.update(Blob, { digest }, { state: 'deleting' });
      rmSync(bench.pathOf((await bench.blobOf(digest)).storageKey));
      const { findings, counts } = await bench.look({ isDeep: true });
      assert.deepEqual([findings, counts.deletingBlobs, counts.blobBytes], [[], 1, 0]);
    });
  });

  it('tells every finding of many, page after page', async () => {
    for (let n = 0; n < 7; n += 1) {
      const digest = await bench.client.pushBlob(bench.repository, `blob ${n}`);
      appendFileSync(bench.pathOf((await bench.blobOf(digest)).storageKey), 'more');
      bench.putFile(uploadKey(randomUUID(), 1));
    }
    const { findings, counts } = await bench.look({ pageSize: 3 });
    assert.equal(findings.length, 14);
    assert.deepEqual(counts.findings, { missing: 0, corrupt: 7, orphaned: 7, unreadable: 0 });
  });
});
