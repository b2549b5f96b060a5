import { strict as assert } from 'node:assert';

import { parseRange } from '../../registry/blobs/byte-range';
import { RegistryError } from '../../registry/errors';
import { repositoryOfName } from '../../registry/repository-name';
import { parseRoutePath } from '../../registry/route-path';
import { ROUTES, findRoute } from '../../registry/routes';
import { allows, parseScopes } from '../../registry/token/scopes';

describe('addresses of the registry', () => {
  const parsed = (path: string) => {
    const route = parseRoutePath(path);
    return route && [route.resource, route.name, route.reference];
  };

  it('are cut at the last keyword, as names have slashes and keywords of their own', () => {
    assert.deepEqual(parsed('/v2'), ['root', '', '']);
    assert.deepEqual(parsed('/v2/'), ['root', '', '']);
    assert.deepEqual(parsed('/v2/auth'), ['token', '', '']);
    assert.deepEqual(parsed('/v2/_catalog'), ['catalog', '', '']);
    assert.deepEqual(parsed('/v2/a/b/c/manifests/v1'), ['manifest', 'a/b/c', 'v1']);
    assert.deepEqual(parsed('/v2/a/blobs/uploads/manifests/v1'), ['manifest', 'a/blobs/uploads', 'v1']);
    assert.deepEqual(parsed('/v2/a/manifests/blobs/sha256:1'), ['blob', 'a/manifests', 'sha256:1']);
    assert.deepEqual(parsed('/v2/a/b/blobs/uploads'), ['uploads', 'a/b', '']);
    assert.deepEqual(parsed('/v2/a/b/blobs/uploads/'), ['uploads', 'a/b', '']);
    assert.deepEqual(parsed('/v2/a/b/blobs/uploads/some-id'), ['upload', 'a/b', 'some-id']);
    assert.deepEqual(parsed('/v2/a/tags/list'), ['tags', 'a', '']);
    assert.deepEqual(parsed('/v2/a/referrers/sha256%3A1'), ['referrers', 'a', 'sha256:1']);
  });

  it('are nothing when no keyword, or no name, is there', () => {
    for (const path of [
      '/v2/a',
      '/v2/a/b',
      '/v2/a/tags',
      '/v2/manifests/v1',
      '/v2/tags/list',
      '/v2//',
      '/v2/auth/x',
    ]) {
      assert.equal(parsed(path), undefined, path);
    }
  });

  it('refuse broken percent-encoding', () => {
    assert.throws(
      () => parseRoutePath('/v2/a/manifests/%ZZ'),
      (error) => error instanceof RegistryError && error.status === 400,
    );
  });

  it('are described by the table: every row leads to itself', () => {
    for (const route of ROUTES) {
      const path = route.pattern.replace('{name}', 'ns/app').replace(/\{\w+\}/, 'x');
      const found = parseRoutePath(path);
      assert.equal(
        found && findRoute(route.method, found.resource),
        route,
        `${route.method} ${route.pattern}`,
      );
    }
    assert.equal(findRoute('HEAD', 'blob'), findRoute('GET', 'blob'));
    assert.equal(findRoute('POST', 'blob'), undefined);
  });
});

describe('names of repositories', () => {
  it('may lack a namespace or begin with our own host', () => {
    assert.deepEqual(repositoryOfName('app', 'reg.test'), { namespace: 'library', name: 'app' });
    assert.deepEqual(repositoryOfName('reg.test/ns/app', 'reg.test'), { namespace: 'ns', name: 'app' });
    assert.deepEqual(repositoryOfName('ns/a/b', 'reg.test'), { namespace: 'ns', name: 'a/b' });
  });

  it('are refused when they are none', () => {
    for (const name of [
      '',
      'NS/app',
      'ns/App',
      'ns/',
      '/app',
      'ns//app',
      '../etc',
      'ns/..',
      'ns/_x',
      `ns/${'a'.repeat(256)}`,
    ]) {
      assert.equal(repositoryOfName(name, 'reg.test'), undefined, name);
    }
  });
});

describe('byte ranges', () => {
  it('are clamped, and refused outside', () => {
    assert.deepEqual(parseRange('bytes=0-0', 10), { start: 0, end: 0 });
    assert.deepEqual(parseRange('bytes=5-', 10), { start: 5, end: 9 });
    assert.deepEqual(parseRange('bytes=5-99', 10), { start: 5, end: 9 });
    assert.deepEqual(parseRange('bytes=-3', 10), { start: 7, end: 9 });
    assert.deepEqual(parseRange('bytes=-99', 10), { start: 0, end: 9 });
    for (const range of ['bytes=10-', 'bytes=6-5', 'bytes=-0']) {
      assert.equal(parseRange(range, 10), 'unsatisfiable');
    }
    assert.equal(parseRange('bytes=0-', 0), 'unsatisfiable');
    for (const range of [undefined, '', 'bytes=-', 'bytes=1-2,4-5', 'lines=1-2', 'bytes=a-b']) {
      assert.equal(parseRange(range, 10), 'whole');
    }
  });
});

describe('scopes', () => {
  it('are read with their actions, known ones only', () => {
    assert.deepEqual(
      parseScopes(['repository:a/b:pull,push repository:host:5000/c:*', 'registry:catalog:*']),
      [
        { name: 'a/b', actions: ['pull', 'push'] },
        { name: 'host:5000/c', actions: ['*'] },
      ],
    );
    assert.deepEqual(parseScopes(['repository(plugin):a/b:pull,fly']), [{ name: 'a/b', actions: ['pull'] }]);
    assert.deepEqual(parseScopes(['']), []);
  });

  it('let pushing include pulling and deleting, and * everything', () => {
    assert.ok(allows(['push'], 'pull') && allows(['push'], 'delete') && allows(['*'], 'push'));
    assert.ok(
      !allows(['pull'], 'push') &&
        !allows(['delete'], 'pull') &&
        !allows(['push'], '*') &&
        !allows([], 'pull'),
    );
  });
});
