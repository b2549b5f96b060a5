import assert from 'node:assert/strict';

import { Writer } from 'protobufjs';

import { BuildOutput } from '../../../activities/build/build-progress';

describe('the output of a build', () => {
  /** An event of BuildKit with a piece of what one step printed. */
  function printed(text: string) {
    const [logs, vertex, msg] = [26, 10, 34];
    const aux = Writer.create().uint32(logs).fork().uint32(vertex).string('step');
    const bytes = aux.uint32(msg).bytes(Buffer.from(text)).ldelim().finish();
    return { id: 'moby.buildkit.trace', aux: Buffer.from(bytes).toString('base64') };
  }

  it('puts lines together that come in pieces', () => {
    const output = new BuildOutput();
    assert.deepEqual(output.read(printed('on')), []);
    assert.deepEqual(output.read(printed('e\r\ntwo\nth')), [{ message: 'one' }, { message: 'two' }]);
    assert.deepEqual(output.rest(), [{ message: 'th' }]);
  });

  it('keeps 64 KiB of a line that never ends', () => {
    const output = new BuildOutput();
    for (let piece = 0; piece < 10; piece += 1) {
      assert.deepEqual(output.read(printed('x'.repeat(32 * 1024))), []);
    }
    assert.equal(output.rest()[0]?.message.length, 64 * 1024);
  });
});
