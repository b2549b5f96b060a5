import assert from 'node:assert/strict';

import { parseGitUrl, withoutCredentials } from '../../outbound/git-url';

describe('parseGitUrl', () => {
  const accepted = {
    'ssh://git@Git.Example.com/acme/app.git': ['ssh', 'git.example.com', 22, 'git'],
    'ssh://git.example.com:2222/acme/app': ['ssh', 'git.example.com', 2222, undefined],
    'ssh://git@[::1]:2222/acme/app': ['ssh', '::1', 2222, 'git'],
    'git@git.example.com:acme/app.git': ['ssh', 'git.example.com', 22, 'git'],
    'git.example.com:acme/app.git': ['ssh', 'git.example.com', 22, undefined],
    'deploy@[::1]:/srv/app.git': ['ssh', '::1', 22, 'deploy'],
    'https://git.example.com/acme/app.git': ['https', 'git.example.com', 443, undefined],
    'https://git.example.com./acme/app.git': ['https', 'git.example.com', 443, undefined],
    'http://git.example.com:8080/acme/app': ['http', 'git.example.com', 8080, undefined],
    'http://0x7f.1/app': ['http', '127.0.0.1', 80, undefined],
  } as const;
  for (const [url, [protocol, host, port, user]] of Object.entries(accepted)) {
    it(`reads ${url}`, () => {
      const git = parseGitUrl(url);
      assert.deepEqual([git.protocol, git.host, git.port, git.user], [protocol, host, port, user]);
    });
  }

  const refused = {
    '': /must not be empty/,
    'file:///srv/git/app.git': /must begin with ssh:\/\//,
    '/srv/git/app.git': /must begin with ssh:\/\//,
    './app.git': /must begin with/,
    '../app:x': /must begin with/,
    'ext::sh -c id': /spaces/,
    'ext::id': /remote helper/,
    'fd::7': /remote helper/,
    'git://git.example.com/app.git': /not "git"/,
    '--upload-pack=id': /must not begin with "-"/,
    '-oProxyCommand=id@host:x': /must not begin with "-"/,
    'ssh://-oProxyCommand=id/app': /no usable host name/,
    'ssh://git@-oProxyCommand=id/app': /no usable host name/,
    'ssh://%2doProxyCommand=id/app': /no usable host name/,
    'ssh://-l@host/app': /user name that SSH would misread/,
    'ssh://git:secret@host/app': /must not hold a password/,
    'git@-host:app': /no usable host name/,
    'https://git.example.com': /names no repository/,
    'https://git.example.com\\@10.0.0.1/app': /backslashes/,
    'git@host:app\nsecond': /spaces/,
    'https://host/a b': /spaces/,
    'https://host:99999/app': /not a valid URL/,
  };
  for (const [url, message] of Object.entries(refused)) {
    it(`refuses ${JSON.stringify(url)}`, () => {
      assert.throws(() => parseGitUrl(url), { kind: 'invalid-url', message });
    });
  }

  it('keeps user and password of an HTTP URL out of what is shown and of what git is called with', () => {
    const { url, display, authorization } = parseGitUrl('https://bot:s%40cret@git.example.com/app.git');
    assert.equal(url, 'https://git.example.com/app.git');
    assert.equal(display, 'https://git.example.com/app.git');
    assert.equal(authorization, `Basic ${Buffer.from('bot:s@cret').toString('base64')}`);
  });

  it('shows any text without the credentials of a git URL', () => {
    assert.equal(withoutCredentials('https://token@git.example.com/a'), 'https://git.example.com/a');
    assert.equal(withoutCredentials('git@git.example.com:a.git'), 'git@git.example.com:a.git');
    assert.equal(withoutCredentials('owner/name'), 'owner/name');
  });
});
