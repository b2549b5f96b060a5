import { strict as assert } from 'node:assert';

import {
  commonLabels,
  labelsOfConfig,
  mergeLabels,
  storableLabels,
  tagLifetimeMs,
} from '../../model/manifest-labels';
import { parseManifest } from '../../model/manifests';
import { MANIFEST_TYPES, isForeignLayerType } from '../../model/media-types';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const OTHER = `sha512:${'b'.repeat(128)}`;

function descriptor(mediaType: string, fields: object = {}) {
  return { mediaType, digest: DIGEST, size: 7, ...fields };
}

const DOCKER_IMAGE = {
  schemaVersion: 2,
  mediaType: MANIFEST_TYPES.dockerImage,
  config: descriptor('application/vnd.docker.container.image.v1+json'),
  layers: [descriptor('application/vnd.docker.image.rootfs.diff.tar.gzip')],
};
const OCI_IMAGE = {
  schemaVersion: 2,
  config: descriptor('application/vnd.oci.empty.v1+json'),
  layers: [],
};

const read = (body: unknown, type: string = MANIFEST_TYPES.ociImage) =>
  parseManifest(type, JSON.stringify(body));

function accepted(body: unknown, type?: string) {
  const verdict = read(body, type);
  assert.ok(verdict.ok, JSON.stringify(verdict));
  return verdict.manifest;
}

function refused(body: unknown, type?: string): string {
  const verdict = read(body, type);
  assert.ok(!verdict.ok);
  assert.equal(verdict.unsupported, false);
  return verdict.problem;
}

describe('parseManifest', () => {
  it('reads a Docker image', () => {
    const manifest = accepted(DOCKER_IMAGE, MANIFEST_TYPES.dockerImage);
    assert.equal(manifest.format, 'dockerImage');
    assert.equal(manifest.config?.digest, DIGEST);
    assert.equal(manifest.layersSizeBytes, 7);
  });

  it('insists on the config and layers that Docker knows', () => {
    const config = descriptor('application/vnd.oci.image.config.v1+json');
    assert.match(refused({ ...DOCKER_IMAGE, config }, MANIFEST_TYPES.dockerImage), /config\.mediaType/);
    const layers = [descriptor('application/x-tar')];
    assert.match(refused({ ...DOCKER_IMAGE, layers }, MANIFEST_TYPES.dockerImage), /application\/x-tar/);
  });

  it('takes artifacts of any type, without layers, with data and unknown fields', () => {
    const manifest = accepted({
      ...OCI_IMAGE,
      artifactType: 'application/vnd.example.thing',
      subject: descriptor(MANIFEST_TYPES.ociImage, { digest: OTHER }),
      layers: [descriptor('application/vnd.example.blob', { data: 'e30=' })],
      annotations: { a: 'b' },
      custom: { field: 1 },
    });
    assert.equal(manifest.artifactType, 'application/vnd.example.thing');
    assert.equal(manifest.subject?.digest, OTHER);
    assert.deepEqual(manifest.annotations, { a: 'b' });
  });

  it('leaves out layers that live elsewhere, but counts their size', () => {
    const foreign = descriptor('application/vnd.oci.image.layer.nondistributable.v1.tar+gzip');
    assert.ok(isForeignLayerType(foreign.mediaType));
    const layer = descriptor('application/vnd.oci.image.layer.v1.tar+zstd');
    const manifest = accepted({ ...OCI_IMAGE, layers: [foreign, layer] });
    assert.equal(manifest.layers.length, 1);
    assert.equal(manifest.layersSizeBytes, 14);
  });

  it('reads an index, also an empty one, and a Docker list with its platforms', () => {
    const child = descriptor(MANIFEST_TYPES.ociImage);
    const index = { schemaVersion: 2, manifests: [child] };
    assert.equal(accepted(index, MANIFEST_TYPES.ociIndex).children.length, 1);
    assert.equal(accepted({ schemaVersion: 2, manifests: [] }, MANIFEST_TYPES.ociIndex).children.length, 0);
    assert.match(refused(index, MANIFEST_TYPES.dockerList), /platform/);
    const platform = { architecture: 'arm64', os: 'linux' };
    const list = { schemaVersion: 2, manifests: [{ ...child, platform }] };
    assert.equal(accepted(list, MANIFEST_TYPES.dockerList).config, null);
  });

  it('names the field that is wrong', () => {
    assert.match(refused({ ...OCI_IMAGE, schemaVersion: 1 }), /schemaVersion/);
    assert.match(refused({ ...OCI_IMAGE, config: descriptor('no type') }), /config\.mediaType/);
    assert.match(
      refused({ ...OCI_IMAGE, layers: [descriptor('a/b', { digest: 'md5:x' })] }),
      /layers\.0\.digest/,
    );
    assert.match(refused({ ...OCI_IMAGE, layers: [descriptor('a/b', { size: -1 })] }), /layers\.0\.size/);
    assert.match(refused({ ...OCI_IMAGE, annotations: { a: 1 } }), /annotations\.a/);
    assert.match(refused({ schemaVersion: 2 }), /config/);
  });

  it('refuses a body that can be read in two ways, or says another type than its header', () => {
    assert.match(refused({ ...OCI_IMAGE, manifests: [] }), /manifests/);
    assert.match(refused({ schemaVersion: 2, manifests: [], config: {} }, MANIFEST_TYPES.ociIndex), /config/);
    assert.match(refused({ ...OCI_IMAGE, mediaType: MANIFEST_TYPES.ociIndex }), /differs/);
  });

  it('refuses what is not a JSON object, and types that it does not take', () => {
    for (const text of ['', '{', '[]', 'null', '1', '"x"']) {
      assert.ok(!parseManifest(MANIFEST_TYPES.ociImage, text).ok);
    }
    const verdict = read(OCI_IMAGE, 'application/json');
    assert.ok(!verdict.ok && verdict.unsupported);
  });

  it('goes by the body when the header is empty, and ignores parameters and case', () => {
    assert.equal(accepted(DOCKER_IMAGE, '').format, 'dockerImage');
    assert.equal(
      accepted(OCI_IMAGE, 'Application/vnd.OCI.image.manifest.v1+json; charset=utf-8').format,
      'ociImage',
    );
  });
});

describe('labels of manifests', () => {
  it('come from the config of an image, whatever else is in it', () => {
    assert.deepEqual(labelsOfConfig('{"config":{"Labels":{"a":"b","n":1}}}'), { a: 'b' });
    for (const text of [
      '',
      '{}',
      'null',
      '[]',
      '{"config":null}',
      '{"config":{"Labels":null}}',
      '{"config":{"Labels":[]}}',
    ]) {
      assert.deepEqual(labelsOfConfig(text), {});
    }
  });

  it('give way to annotations', () => {
    assert.deepEqual(mergeLabels({ a: '1', b: '1' }, { b: '2' }), { a: '1', b: '2' });
  });

  it('are skipped when they do not fit', () => {
    const many = Object.fromEntries(Array.from({ length: 400 }, (_, n) => [`k${n}`, 'v']));
    assert.equal(storableLabels(many).length, 256);
    assert.deepEqual(storableLabels({ ['k'.repeat(256)]: 'v', '': 'v', k: 'v'.repeat(5000), ok: '' }), [
      ['ok', ''],
    ]);
  });

  it('say how long a tag lives; what cannot be read says nothing', () => {
    const life = (value: string) => tagLifetimeMs({ 'quay.expires-after': value });
    assert.equal(life('2w'), 1_209_600_000);
    assert.equal(life('1y'), 31_536_000_000);
    for (const value of ['', '0d', '-1d', '1.5h', 'week', '3']) assert.equal(life(value), null);
    assert.equal(tagLifetimeMs({}), null);
  });

  it('of an index are those that all children share', () => {
    assert.deepEqual(commonLabels([{ a: '1', b: '1' }, { a: '1', b: '2' }, { a: '1' }]), { a: '1' });
    assert.deepEqual(commonLabels([{ a: '1' }, {}]), {});
    assert.deepEqual(commonLabels([]), {});
  });
});
