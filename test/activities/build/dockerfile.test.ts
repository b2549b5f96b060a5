import assert from 'node:assert/strict';

import { readDockerfile } from '../../../activities/build/dockerfile';

describe('readDockerfile', () => {
  const images: [string, string, string[]][] = [
    ['one stage', 'FROM debian:12\nRUN true', ['debian:12']],
    ['lower case, blanks and comments', '\n# a comment\n  from debian:12  \n', ['debian:12']],
    ['stages that build on each other', 'FROM a AS base\nFROM base\nFROM b:1 as x\nFROM a', ['a', 'b:1']],
    ['scratch', 'FROM scratch\nCOPY a /', []],
    [
      'a platform',
      'FROM --platform=linux/amd64 reg.example:5000/a/b@sha256:ab',
      ['reg.example:5000/a/b@sha256:ab'],
    ],
    ['arguments with defaults', 'ARG V=12\nARG I="deb"\nFROM ${I}:$V\nFROM x:${W:-1}', ['deb:12', 'x:1']],
    ['an argument without a default', 'ARG V\nFROM debian:$V\nFROM a', ['a']],
    ['continuation lines', 'FROM a\nRUN one \\\n  # not the end\n  && BOGUS \\\n  two\nUSER x', ['a']],
    ['another escape character', '# escape=`\nFROM a\nRUN one `\n  BOGUS\nRUN c:\\\nUSER x', ['a']],
    [
      'here-documents',
      'FROM a\nRUN <<EOT\nBOGUS one\nEOT\nCOPY <<-"A" <<B /x\nBOGUS\n\tA\nBOGUS\nB\nUSER x',
      ['a'],
    ],
    ['lines that end in CR', 'FROM a\r\nRUN true \\\r\n  BOGUS\r\n', ['a']],
  ];
  for (const [what, text, expected] of images) {
    it(`finds the base images of ${what}`, () => {
      assert.deepEqual(readDockerfile(text), { baseImages: expected });
    });
  }

  const problems: [string, string, RegExp][] = [
    ['an empty file', '\n# nothing\n', /is empty/],
    ['a word that is no instruction', 'FROM a\n\nRUNN true', /^line 3: unknown instruction "RUNN"$/],
    ['another first instruction', 'RUN true\nFROM a', /^line 1: a Dockerfile begins with FROM$/],
    ['no FROM at all', 'ARG a=1', /begins with FROM/],
    ['FROM without an image', 'FROM', /^line 1: FROM takes an image/],
    ['FROM with too many words', 'FROM a b c d', /^line 1: FROM takes an image/],
  ];
  for (const [what, text, problem] of problems) {
    it(`names the line of ${what}`, () => {
      const facts = readDockerfile(text);
      assert.match('problem' in facts ? facts.problem : '', problem);
    });
  }
});
