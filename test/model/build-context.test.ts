import assert from 'node:assert/strict';

import { isBelow, placeContext, resolveApiPaths, resolveTriggerPaths } from '../../model/build-context';

describe('resolveApiPaths', () => {
  const cases: [Parameters<typeof resolveApiPaths>[0], string, string][] = [
    [{}, '/Dockerfile', '/'],
    [{ context: '/c' }, '/c/Dockerfile', '/c'],
    [{ subdirectory: 's' }, 's/Dockerfile', 's'],
    [{ subdirectory: 's/' }, 's/Dockerfile', 's/'],
    [{ dockerfile_path: 'd/Dockerfile' }, 'd/Dockerfile', 'd'],
    [{ dockerfile_path: '/Dockerfile' }, '/Dockerfile', '/'],
    [{ dockerfile_path: 'd/Dockerfile', context: '/' }, 'd/Dockerfile', '/'],
    [{ dockerfile_path: 'd/Dockerfile', subdirectory: 's' }, 'd/Dockerfile', 'd'],
  ];
  for (const [input, dockerfilePath, context] of cases) {
    it(`${JSON.stringify(input)} is ${dockerfilePath} in "${context}"`, () => {
      assert.deepEqual(resolveApiPaths(input), { dockerfilePath, context });
    });
  }
});

describe('resolveTriggerPaths', () => {
  it('looks for the Dockerfile in the context when none is named', () => {
    assert.deepEqual(resolveTriggerPaths({ context: '/svc' }), {
      context: '/svc',
      dockerfilePath: '/svc/Dockerfile',
    });
  });

  it('takes the root when no context is named', () => {
    const paths = resolveTriggerPaths({ dockerfile_path: '/svc/Dockerfile' });
    assert.deepEqual(paths, { context: '/', dockerfilePath: '/svc/Dockerfile' });
  });

  it('takes the root when nothing is named', () => {
    assert.deepEqual(resolveTriggerPaths({}), { context: '/', dockerfilePath: '/Dockerfile' });
  });
});

describe('placeContext', () => {
  const cases: [string, string, string, string][] = [
    ['/Dockerfile', '/', '', 'Dockerfile'],
    ['/sub/Dockerfile', '/sub', 'sub', 'Dockerfile'],
    ['/sub/Dockerfile', '/', '', 'sub/Dockerfile'],
    ['/a/Dockerfile', '/b', 'a', 'Dockerfile'],
    ['/Dockerfile', '', '', 'Dockerfile'],
    ['a/../b//./Dockerfile', 'b', 'b', 'Dockerfile'],
    ['/sub/Dockerfile', '/su', 'sub', 'Dockerfile'],
  ];
  for (const [dockerfilePath, context, folder, dockerfile] of cases) {
    it(`(${dockerfilePath}, ${context}) is ${dockerfile} in "${folder}"`, () => {
      assert.deepEqual(placeContext({ dockerfilePath, context }), { context: folder, dockerfile });
    });
  }

  for (const [dockerfilePath, context] of [
    ['/../Dockerfile', '/'],
    ['/Dockerfile', '/..'],
    ['/Dockerfile', 'a/../../b'],
    ['/', '/'],
    ['/Docker\0file', '/'],
  ] as const) {
    it(`refuses (${JSON.stringify(dockerfilePath)}, ${context})`, () => {
      assert.equal(placeContext({ dockerfilePath, context }), undefined);
    });
  }
});

describe('isBelow', () => {
  const cases: [string, string, boolean][] = [
    ['/', '/a/b', true],
    ['/a', '/a/b', true],
    ['/a', '/a//b/c', true],
    ['/a//', 'a/b', true],
    ['/a/b', '/a/b/b.c', true],
    ['/a/b', '/a/b', false],
    ['/a/b', 'a/bc/d', false],
    ['/a/b', '/a/b.c', false],
    ['', '/a', false],
    ['/a', '', false],
  ];
  for (const [folder, path, expected] of cases) {
    it(`${path} is ${expected ? '' : 'not '}below ${folder}`, () =>
      assert.equal(isBelow(folder, path), expected));
  }
});
