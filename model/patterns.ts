import { RE2JS } from 're2js';

const MAX_PATTERN_LENGTH = 1024;

/**
 * Whether a pattern of a user matches the whole of a text, in linear time (RE2). Undefined when the pattern is not
 * legal or longer than 1,024 characters: the caller says what that means.
 */
export function matchesWhole(pattern: string, text: string): boolean | undefined {
  if (pattern.length > MAX_PATTERN_LENGTH) return undefined;
  try {
    return RE2JS.matches(pattern, text);
  } catch {
    // RE2 throws on a pattern that it cannot compile; nothing else can fail here.
    return undefined;
  }
}
