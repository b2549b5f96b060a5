import type { MalformedCase, Target } from './malformed-case';
import { casesOf, request, shown } from './malformed-case';

/** As they stand in the query; all asked for with right credentials. */
const SCOPES = [
  'x',
  ':',
  '::',
  'repository',
  'repository:',
  'repository::',
  'repository::pull',
  'repository:a/b',
  'repository:a/b:pull;push',
  'repository:a/b:pull,,push,%00',
  'repository:a/b:pu%20ll',
  'repository:a/b:-',
  'repository:a/b:pull,p!sh',
  'Repository:a/b:pull',
  'repository():a/b:pull',
  'repository(a b):a/b:pull',
  'registry',
  'registry:other:pull',
  'registry:catalog',
  'user:me:admin',
  'aws:everything:*',
  'repository:..:pull',
  'repository:../..:pull',
  'repository:a/..:pull',
  'repository:/a:pull',
  'repository:a/:pull',
  'repository:a//b:pull',
  'repository:A/B:pull',
  'repository:a/B:pull',
  'repository:_a/b:pull',
  'repository:a/b?c:pull',
  'repository:a%00b/c:pull',
  'repository:a%0ab%ff/c:pull',
  'repository:%ff%fe/b:pull',
  'repository:%F0%9F%90%B3/b:pull',
  "repository:a'b/c:pull",
  'repository:a%22b/c:pull',
  'repository:http://a/b:pull',
  'repository:https://registry.test/v2/a/b:pull',
  'repository:host:port/a/b:pull',
  `repository:a/${'b'.repeat(256)}:pull`,
  `repository:${'a'.repeat(256)}/b:pull`,
  `repository:${'a/'.repeat(5000)}b:pull`,
  `repository:${'a.'.repeat(5000)}!:pull`,
  `repository:${'-'.repeat(20_000)}!:pull`,
  `repository:a/b:${'pull,'.repeat(2000)}!`,
  Array.from({ length: 101 }, (_, n) => `repository:a/b${n}:pull`).join('+'),
  Array.from({ length: 101 }, (_, n) => `repository:a/b${n}:pull`).join('&scope='),
];

/** What takes nobody's place; a wrong pair is counted, so there is one of each only. */
const BASICS: [name: string, authorization: string][] = [
  ['nothing', ''],
  ['no kind', 'secret'],
  ['a kind only', 'Basic'],
  ['a kind and a blank', 'Basic '],
  ['another kind', 'Digest username="me", realm="x"'],
  ['a token', 'Bearer x'],
  ['no base64', 'Basic !!!!'],
  ['base64 of nothing', 'Basic ='],
  ['two values', 'Basic bWU6c2VjcmV0 bWU6c2VjcmV0'],
  ['a comma', 'Basic bWU6c2VjcmV0, Bearer x'],
  ['bytes beyond ASCII', 'Basic \xff\xfe\xfd'],
  ['no colon', basic('me')],
  ['a colon only', basic(':')],
  ['no name', basic(':secret')],
  ['no password', basic('malformed-1:')],
  ['NUL bytes', basic('malformed\0-2:sec\0ret')],
  ['line breaks', basic('malformed-3\r\nX-Evil: 1:secret')],
  ['bytes that are no text', `Basic ${Buffer.from([0xff, 0xfe, 0x3a, 0xff]).toString('base64')}`],
  ['a picture for a name', basic('🐳:🐳')],
  ['a long name', basic(`${'a'.repeat(10_000)}:secret`)],
  ['a long password', basic(`malformed-4:${'a'.repeat(20_000)}`)],
  ['a robot of nobody', basic('nobody+robot:secret')],
  ['half a robot', basic('nobody+:secret')],
  ['a short app token', basic('$app:x')],
  ['a long app token', basic(`$app:${'A'.repeat(20_000)}`)],
  ['an app token beyond ASCII', basic(`$app:${'é'.repeat(120)}`)],
  ['a repository token that is none', basic('$token:x')],
  ['a long repository token', basic(`$token:${'A'.repeat(20_000)}`)],
  ['an API token that is none', basic('$oauthtoken:x')],
  ['an API token of pictures', basic(`$oauthtoken:${'🐳'.repeat(20)}`)],
  ['a kind of token that nobody has', basic('$other:x')],
  ['a sealed text that is none', basic('malformed-5:v1.00000000.AAAA.AAAA.AAAA')],
  ['a sealed text with a short tag', basic('malformed-6:v1.00000000.AAAAAAAAAAAAAAAA.AAAAAA.AAAA')],
  ['a quote', basic("' OR '1'='1:secret")],
];

const BEARERS: [name: string, authorization: string][] = [
  ['nothing', 'Bearer'],
  ['a blank', 'Bearer '],
  ['no JWT', 'Bearer x'],
  ['dots', 'Bearer ..'],
  ['many dots', `Bearer ${'.'.repeat(20_000)}`],
  ['no base64', 'Bearer !.!.!'],
  ['two tokens', 'Bearer a.b.c a.b.c'],
  ['bytes beyond ASCII', 'Bearer \xff.\xff.\xff'],
  ['a header that is no JSON', `Bearer ${part('x')}.${part('{}')}.AAAA`],
  ['a header that is a list', jwt([])],
  ['a header that is null', jwt(null)],
  ['no algorithm', jwt({ typ: 'JWT' })],
  ['the algorithm none', jwt({ alg: 'none' })],
  ['the algorithm none in capitals', jwt({ alg: 'NONE', kid: 'x' })],
  ['a shared secret', jwt({ alg: 'HS256', kid: 'x' })],
  ['a key id that nobody has', jwt({ alg: 'RS256', kid: 'x' })],
  ['a key id that is a number', jwt({ alg: 'RS256', kid: 5 })],
  ['a key id that is an object', jwt({ alg: 'RS256', kid: { $gt: '' } })],
  ['a key id that is __proto__', jwt({ alg: 'RS256', kid: '__proto__' })],
  ['a key id that is a path', jwt({ alg: 'RS256', kid: '../../etc/passwd' })],
  ['a key that it brings itself', jwt({ alg: 'RS256', jwk: { kty: 'RSA' }, jku: 'http://127.0.0.1:1/' })],
  ['a critical extension', jwt({ alg: 'RS256', kid: 'x', crit: ['x'] })],
  ['five parts', 'Bearer a.b.c.d.e'],
];

export const TOKEN_CASES: MalformedCase[] = [
  ...casesOf(SCOPES, (scope) => ({
    name: `the scope ${shown(scope)}`,
    status: 400,
    bytes: (target) => ask(target, `scope=${scope}`, target.basic),
  })),
  ...casesOf(SCOPES.slice(0, 12), (scope) => ({
    name: `the scope ${shown(scope)}, of nobody`,
    status: 400,
    bytes: (target) => ask(target, `scope=${scope}`, null),
  })),
  ...casesOf(['', 'other', '%00', 'a'.repeat(10_000), '%ff'], (service) => ({
    name: `the service ${shown(service)}`,
    status: 400,
    bytes: (target) =>
      ask(target, `service=${service}&scope=repository:${target.repository}:pull`, target.basic),
  })),
  ...casesOf(BASICS, ([name, authorization]) => ({
    name: `credentials that are ${name}`,
    bytes: (target) => ask(target, `scope=repository:${target.repository}:pull`, authorization),
  })),
  ...casesOf(BEARERS, ([name, authorization]) => ({
    name: `a token with ${name}`,
    status: 401,
    bytes: (target) => request(target, 'GET', `/v2/${target.repository}/tags/list`, { authorization }),
  })),
  ...tampered(),
  {
    name: 'a right password in place of a token',
    status: 401,
    bytes: (target) => request(target, 'GET', '/v2/', { authorization: target.basic }),
  },
  {
    name: 'two Authorization headers, the wrong one first',
    status: 401,
    bytes: (target) =>
      request(target, 'GET', '/v2/', {
        authorization: 'Bearer x',
        headers: [`Authorization: Bearer ${target.token}`],
      }),
  },
];

/** The token of the target with one thing changed. */
function tampered(): MalformedCase[] {
  const changes: [name: string, change: (token: string) => string][] = [
    ['without its signature', (token) => `${token.slice(0, token.lastIndexOf('.'))}.`],
    ['with another signature', (token) => `${token.slice(0, token.lastIndexOf('.'))}.${'A'.repeat(342)}`],
    ['without its end', (token) => token.slice(0, -10)],
    ['with other claims', (token) => token.split('.').with(1, part('{"access":[]}')).join('.')],
    ['signed by nothing', (token) => token.split('.').with(0, part('{"alg":"none"}')).join('.')],
    ['twice', (token) => `${token}${token}`],
  ];
  return casesOf(changes, ([name, change]) => ({
    name: `a good token ${name}`,
    status: 401,
    bytes: (target) => request(target, 'GET', '/v2/', { authorization: `Bearer ${change(target.token)}` }),
  }));
}

function ask(target: Target, query: string, authorization: string | null): Buffer[] {
  return request(target, 'GET', `/v2/auth?${query.replaceAll(' ', '%20')}`, { authorization });
}

function basic(pair: string): string {
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

function part(text: string): string {
  return Buffer.from(text).toString('base64url');
}

function jwt(header: unknown): string {
  return `Bearer ${part(JSON.stringify(header))}.${part('{"access":[]}')}.${'A'.repeat(342)}`;
}
