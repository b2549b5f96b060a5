import assert from 'node:assert/strict';

import type { CommitMetadata, TagConfig } from '../../model/tag-templates';
import { renderTags, sanitiseTag } from '../../model/tag-templates';

const SHA = 'aabbccddeeff00112233445566778899aabbccdd';
const HELLO = 'hellothereiamacommit';
const TWO = ['${commit_info.short_sha}', 'author-${commit_info.author.username}'];
const AUTHOR = { author: { username: 'someguy' } };
const OFF = { default_tag_from_ref: false };

type Vector = [string, TagConfig, Partial<CommitMetadata>, string[]];

// Numbers are the rows of builds spec 3.5.
const VECTORS: Vector[] = [
  ['1', {}, { commit: HELLO }, ['helloth']],
  ['2', {}, { commit: HELLO, ref: 'refs/heads/somebranch' }, ['somebranch']],
  ['3', OFF, { commit: HELLO, ref: 'refs/heads/somebranch' }, ['helloth']],
  [
    '4',
    { ...OFF, tag_templates: TWO },
    { commit: HELLO, ref: 'refs/heads/somebranch', commit_info: AUTHOR },
    ['helloth', 'author-someguy'],
  ],
  [
    '5',
    { ...OFF, tag_templates: TWO },
    { commit: HELLO, ref: 'refs/heads/somebranch', default_branch: 'somebranch', commit_info: AUTHOR },
    ['helloth', 'author-someguy', 'latest'],
  ],
  [
    '6',
    { ...OFF, tag_templates: TWO },
    { commit: HELLO, ref: 'refs/heads/somebranch', default_branch: 'somebranch' },
    ['helloth', 'latest'],
  ],
  ['7', OFF, { commit: HELLO, ref: 'refs/heads/main', default_branch: 'main' }, ['latest']],
  [
    '8',
    { ...OFF, latest_for_default_branch: false },
    { commit: HELLO, ref: 'refs/heads/main', default_branch: 'main' },
    ['helloth'],
  ],
  [
    '9, in the order templates, ref, latest',
    { tag_templates: TWO },
    { commit: HELLO, ref: 'refs/heads/somebranch', default_branch: 'somebranch', commit_info: AUTHOR },
    ['helloth', 'author-someguy', 'somebranch', 'latest'],
  ],
  [
    '10, decided: no latest for a git tag named like the default branch',
    {},
    { ref: 'refs/tags/main', default_branch: 'main' },
    ['main'],
  ],
  ['11', {}, { ref: 'refs/tags/v2.1.0' }, ['v2.1.0']],
  ['12', {}, { ref: 'refs/heads/feature/x' }, ['feature_x']],
  ['13', {}, { ref: 'refs/remotes/origin/dev' }, ['origin_dev']],
  [
    '14',
    { ...OFF, tag_templates: ['${parsed_ref.tag}', '${parsed_ref.branch}-${commit_info.short_sha}'] },
    { ref: 'refs/tags/v1' },
    ['v1'],
  ],
  [
    '15',
    { ...OFF, tag_templates: ['${parsed_ref.tag}', '${parsed_ref.branch}-${commit_info.short_sha}'] },
    { ref: 'refs/heads/dev' },
    ['dev-aabbccd'],
  ],
  [
    '16',
    { ...OFF, tag_templates: ['${parsed_ref.remote}'] },
    { ref: 'refs/remotes/origin/dev' },
    ['origin_dev'],
  ],
  [
    "17, decided: the manual's spelling works",
    { ...OFF, tag_templates: ['${committer.properties.username}'] },
    { commit_info: { committer: { username: 'bob' } } },
    ['bob'],
  ],
  ['18', { tag_templates: ['main'] }, { ref: 'refs/heads/main', default_branch: 'main' }, ['main', 'latest']],
  ['19', { ...OFF, tag_templates: ['${}', 'ok'] }, {}, ['ok']],
  [
    '20, decided: a template that yields an object is dropped',
    { ...OFF, tag_templates: ['${commit_info.author}', 'x-${commit_info.author}'] },
    { commit_info: AUTHOR },
    ['aabbccd'],
  ],
  ['21', { ...OFF, tag_templates: ['${commit}'] }, {}, [SHA]],
  [
    '22',
    { tag_templates: ['${commit_info.date}'] },
    { commit_info: { date: '2024-03-13T15:34:00+01:00' } },
    ['2024-03-13T15_34_00_01_00'],
  ],
  ['23', { tag_templates: ['$commit'] }, {}, ['_commit']],
  [
    '24',
    { tag_templates: ['p-${commit_info..username}'] },
    { commit_info: { author: { username: 'ann' }, committer: { username: 'bob' } } },
    ['p-ann_bob'],
  ],
  [
    '25',
    { ...OFF, tag_templates: ['${parsed_ref.branch|parsed_ref.tag}'] },
    { ref: 'refs/heads/dev' },
    ['aabbccd'],
  ],
  ['decided: one tag where two are equal after sanitising', { tag_templates: ['a/b', 'a_b'] }, {}, ['a_b']],
  [
    'decided: several hits are joined in a template of one placeholder too',
    { tag_templates: ['${commit_info..username}'] },
    { commit_info: { author: { username: 'ann' }, committer: { username: 'bob' } } },
    ['ann_bob'],
  ],
  ['decided: numbers are inserted', { tag_templates: ['${build.number}'] }, { build: { number: 7 } }, ['7']],
  ['decided: Unicode becomes underscores', {}, { ref: 'refs/heads/ünï' }, ['_n_']],
  [
    'an index, a slice and quotes',
    { tag_templates: ["${list[-1]}-${list[0:2]}-${'list'[0]}"] },
    { list: ['a', 'b', 'c'] },
    ['c-a_b-a'],
  ],
  ['$ is the root', { tag_templates: ['${$.commit}'] }, {}, [SHA]],
  [
    'union before child',
    { tag_templates: ['${parsed_ref.(tag|branch)}', '${parsed_ref.tag|branch}'] },
    { ref: 'refs/heads/dev' },
    ['dev'],
  ],
  [
    'where',
    { tag_templates: ['${commit_info.(author where username).username}'] },
    { commit_info: AUTHOR },
    ['someguy'],
  ],
];

describe('renderTags', () => {
  for (const [title, config, metadata, expected] of VECTORS) {
    it(`vector ${title}`, () => {
      assert.deepEqual(renderTags(config, { commit: SHA, ...metadata }), expected);
    });
  }

  it('drops templates that are no legal expression', () => {
    const broken = [
      '${a b}',
      '${.a}',
      '${a[}',
      '${a.`parent`}',
      '${((a)}',
      '${[x:]}',
      '${a..}',
      `\${${'('.repeat(100)}}`,
    ];
    assert.deepEqual(renderTags({ ...OFF, tag_templates: broken }, { commit: SHA }), ['aabbccd']);
  });

  it('does not reach into prototypes', () => {
    const templates = ['${constructor.name}', '${__proto__}', '${commit.length}'];
    assert.deepEqual(renderTags({ ...OFF, tag_templates: templates }, { commit: SHA }), ['aabbccd']);
  });

  it('stays quick on an expression that explodes', () => {
    let deep: unknown = 'x';
    for (let level = 0; level < 20; level += 1) deep = [deep, deep];
    const started = Date.now();
    const tags = renderTags(
      { ...OFF, tag_templates: ['${$..*..*..*..*}', '${deep..x..x}'] },
      { commit: SHA, deep },
    );
    assert.deepEqual(tags, ['aabbccd']);
    assert.ok(Date.now() - started < 2000);
  });

  it('bounds what a template may render', () => {
    const [tag] = renderTags(
      { tag_templates: ['${commit_info.message}'.repeat(50)] },
      {
        commit: SHA,
        commit_info: { message: 'm'.repeat(1_000_000) },
      },
    );
    assert.equal(tag, 'm'.repeat(127));
  });
});

describe('sanitiseTag', () => {
  const cases: [string, string][] = [
    ['detailed_view#61', 'detailed_view_61'],
    ['-detailed_view#61', '_detailed_view_61'],
    ['latest124', 'latest124'],
    ['5de1e98d', '5de1e98d'],
    ['.hidden', '_hidden'],
    ['@at', '_at'],
    ['1.2+build5', '1.2_build5'],
    ['', 'latest'],
    ['a'.repeat(140), 'a'.repeat(127)],
    ['📦x', '_x'],
  ];
  for (const [text, tag] of cases) {
    it(`makes "${tag.slice(0, 20)}" of "${text.slice(0, 20)}"`, () => assert.equal(sanitiseTag(text), tag));
  }
});
