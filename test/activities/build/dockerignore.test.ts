import assert from 'node:assert/strict';

import { readIgnoreRules } from '../../../activities/build/dockerignore';
import { isUserError } from '../../support/build-steps';

describe('readIgnoreRules', () => {
  const CASES: [text: string, path: string, isIgnored: boolean][] = [
    ['node_modules', 'node_modules', true],
    ['node_modules', 'node_modules/a/b.js', true],
    ['node_modules', 'web/node_modules', false],
    ['**/node_modules', 'web/node_modules/a.js', true],
    ['**/node_modules', 'node_modules', true],
    ['/dist/', 'dist/a', true],
    ['./dist/../out', 'out/a', true],
    ['*.md', 'README.md', true],
    ['*.md', 'docs/README.md', false],
    ['*/*.md', 'docs/README.md', true],
    ['**', 'a/b', true],
    ['docs/**', 'docs/a/b', true],
    ['a**z', 'a/b/z', true],
    ['?.txt', 'a.txt', true],
    ['?.txt', 'ab.txt', false],
    ['[a-c].txt', 'b.txt', true],
    ['[^a-c].txt', 'b.txt', false],
    ['c++', 'c++', true],
    ['a.b', 'axb', false],
    ['(x){1}|$y', '(x){1}|$y', true],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['# comment\n\n  spaced  \n', 'spaced', true],
    ['*.md\n!README.md', 'README.md', false],
    ['*.md\n!README.md\nREADME.md', 'README.md', true],
    ['docs\n!docs/keep', 'docs/keep/a', false],
    ['docs\n! docs/keep', 'docs/other', true],
    ['Case', 'case', false],
    ['', 'constructor', false],
  ];
  for (const [text, path, isIgnored] of CASES) {
    it(`${isIgnored ? 'leaves out' : 'keeps'} ${path} by ${JSON.stringify(text)}`, () => {
      assert.equal(readIgnoreRules(text, '.dockerignore').isIgnored(path), isIgnored);
    });
  }

  it('knows whether something below an ignored folder may be wanted', () => {
    assert.equal(readIgnoreRules('a\n!a/b', '.dockerignore').hasExceptions, true);
    assert.equal(readIgnoreRules('a\n# !b', '.dockerignore').hasExceptions, false);
  });

  it('takes no longer for a pattern that was made to take for ever', () => {
    const started = Date.now();
    readIgnoreRules(`${'a*'.repeat(100)}b\n${'**/a'.repeat(50)}b`, '.dockerignore').isIgnored(
      'a'.repeat(250),
    );
    assert.ok(Date.now() - started < 1000);
  });

  it('tells the user of a line that is no pattern', () => {
    assert.throws(
      () => readIgnoreRules('fine\n[a', '.dockerignore'),
      isUserError('dockerfileissue', /^\.dockerignore: "\[a" is not a pattern$/),
    );
  });
});
