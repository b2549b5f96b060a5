import assert from 'node:assert/strict';

import { duplicateKey } from '../../model/duplicate-key';

describe('the name that a JSON object has twice', () => {
  it('is found in any object, however it is written', () => {
    const b = String.raw`\u0062`;
    for (const [text, name] of [
      ['{"a":1,"a":2}', 'a'],
      ['{"a":{"b":1},"c":[{"b":1,"b":1}]}', 'b'],
      [`{"b":1,"${b}":2}`, 'b'],
      ['{"a":{},"b":[],"a":null}', 'a'],
      ['[1,{"":1,"":2}]', ''],
      [String.raw`{"x\\":1,"y":"\\\"","x\\":2}`, String.raw`x\ `.trim()],
      ['{ "a" : "b" , "c" : [ "a" , "a" ] , "a" : 1 }', 'a'],
    ] as const) {
      JSON.parse(text);
      assert.equal(duplicateKey(text), name, text);
    }
  });

  it('is not one that stands in another object, in a list, or in a text', () => {
    for (const text of [
      '{}',
      '[]',
      '"a"',
      '5',
      '{"a":{"a":{"a":1}}}',
      '[{"a":1},{"a":1}]',
      '{"a":["a","a","a"],"b":"a"}',
      String.raw`{"a":"\",\"a\":","b":"{\"a\":1,\"a\":2}"}`,
      '{"a":"a","A":"a","__proto__":1,"constructor":2}',
      '{"a":[[{"b":1}],"b",{"b":1}],"b":1}',
    ]) {
      JSON.parse(text);
      assert.equal(duplicateKey(text), undefined, text);
    }
  });

  it('is looked for in any depth, and in time that grows with the text only', () => {
    const depth = 200_000;
    assert.equal(duplicateKey(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`), undefined);
    assert.equal(duplicateKey(`{"a":"${String.raw`\\`.repeat(1_000_000)}","a":1}`), 'a');
    assert.equal(duplicateKey(`{"a":"${String.raw`\"`.repeat(1_000_000)}","a":1}`), 'a');
  });
});
