import assert from 'node:assert/strict';

import { checkBodyTemplate, renderBodyTemplate } from '../../model/body-template';

describe('body templates', () => {
  const render = (template: unknown, payload: Record<string, unknown>): unknown =>
    JSON.parse(renderBodyTemplate(JSON.stringify(template), payload));

  it('keep the type of a value that stands alone', () => {
    assert.deepEqual(render({ hello: '${thing}' }, { thing: 1234 }), { hello: 1234 });
    assert.deepEqual(render({ hello: '${a.b.c}' }, { a: { b: { c: 42 } } }), { hello: 42 });
    assert.deepEqual(render({ hello: '${tags[*]}' }, { tags: ['latest', 'prod'] }), {
      hello: ['latest', 'prod'],
    });
    assert.deepEqual(render({ hello: '${tags[*]}' }, { tags: ['latest'] }), { hello: ['latest'] });
  });

  it('insert text, and join several hits', () => {
    assert.deepEqual(render({ hello: 'cool-${thing}' }, { thing: 'beans' }), { hello: 'cool-beans' });
    assert.deepEqual(render({ t: 'tags: ${tags[*]}' }, { tags: ['latest', 'prod', 'foo'] }), {
      t: 'tags: latest,prod,foo',
    });
  });

  it('say null, or (none) within text, for what is missing', () => {
    assert.deepEqual(render({ hello: '${a.b}' }, {}), { hello: null });
    assert.deepEqual(render({ hello: 'hey-${first[2]}' }, { first: [1] }), { hello: 'hey-(none)' });
  });

  it('fill keys, lists and any JSON root', () => {
    assert.deepEqual(render({ '${repository}': 1 }, { repository: 'ops/web' }), { 'ops/web': 1 });
    assert.deepEqual(render(['${first[1]}', '${first[0]}'], { first: [1, 2] }), [2, 1]);
    assert.equal(render('${repository}', { repository: 'ops/web' }), 'ops/web');
  });

  it('are refused when they are no JSON or hold an expression that is not legal', () => {
    for (const template of ['{"hello": "}', '"${}"', '"${;;}"', '"${first[}"', `"${'x'.repeat(70_000)}"`]) {
      assert.notEqual(checkBodyTemplate(template), undefined, template.slice(0, 30));
    }
    assert.equal(checkBodyTemplate('{"a":["${b[0].c}", 1, null]}'), undefined);
  });
});
