import { posix } from 'node:path';

import { RE2JS } from 're2js';

import { userError } from './build-failures';

/** What a `.dockerignore` leaves out of a context; paths are relative to the context, with slashes. */
export interface IgnoreRules {
  isIgnored(path: string): boolean;
  /** Something below an ignored folder may be wanted all the same. */
  hasExceptions: boolean;
}

interface Rule {
  pattern: RE2JS;
  isException: boolean;
}

/**
 * Reads the text as the engine's own client does (moby `patternmatcher`), in time that is linear in path and pattern:
 * whoever writes it must not be able to stop a build host that others share. A bad line is the user's error; `name` says
 * in which file.
 */
export function readIgnoreRules(text: string, name: string): IgnoreRules {
  const rules = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .filter((line) => !line.startsWith('#') && line.trim() !== '')
    .map((line) => toRule(line.trim(), name));
  const ofFolders = new Map<string, boolean[]>([['.', rules.map(() => false)]]);

  /** Which rules fit the path or a folder above it. */
  function hitsOf(path: string): boolean[] {
    const above = hitsOfFolder(posix.dirname(path));
    return rules.map(({ pattern }, index) => above[index] || pattern.matcher(path).find());
  }
  function hitsOfFolder(folder: string): boolean[] {
    const known = ofFolders.get(folder);
    if (known) return known;
    const hits = hitsOf(folder);
    ofFolders.set(folder, hits);
    return hits;
  }
  return {
    hasExceptions: rules.some(({ isException }) => isException),
    isIgnored(path) {
      const last = hitsOf(path).lastIndexOf(true);
      return last >= 0 && rules[last]?.isException === false;
    },
  };
}

function toRule(line: string, name: string): Rule {
  const isException = line.startsWith('!');
  const cleaned = posix.normalize(isException ? line.slice(1).trim() || '!' : line).replace(/(?<=.)\/$/, '');
  const path = cleaned.length > 1 && cleaned.startsWith('/') ? cleaned.slice(1) : cleaned;
  try {
    return { pattern: RE2JS.compile(`^${toRegex(path)}$`, RE2JS.DOTALL), isException };
  } catch {
    throw userError('dockerfileissue', `${name}: "${line.slice(0, 200)}" is not a pattern`);
  }
}

function toRegex(path: string): string {
  let regex = '';
  for (let at = 0; at < path.length; at += 1) {
    const character = path.charAt(at);
    if (character === '*' && path[at + 1] === '*') {
      at += path[at + 2] === '/' ? 2 : 1;
      regex += at + 1 === path.length ? '.*' : '(.*/)?';
    } else if (character === '*') {
      regex += '[^/]*';
    } else if (character === '?') {
      regex += '[^/]';
    } else if (character === '\\' && at + 1 < path.length) {
      regex += RE2JS.quote(path.charAt((at += 1)));
    } else {
      // Sets like [a-z] mean the same in both.
      regex += /[[\]^-]/.test(character) ? character : RE2JS.quote(character);
    }
  }
  return regex;
}
