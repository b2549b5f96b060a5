import { PlainRefusal } from './errors';

const FALSE_WORDS = ['', 'false', 'False', 'FALSE', '0', 'null'];

/** True unless absent, empty or one of Quay's words for false (api spec 1). */
export function booleanArgument(query: URLSearchParams, name: string, byDefault = false): boolean {
  const value = query.get(name);
  return value === null ? byDefault : !FALSE_WORDS.includes(value);
}

export interface IntegerArgument {
  byDefault: number;
  min: number;
  max: number;
}

/** Clamped to its range; text that is no integer is 400 with the argument's name. */
export function integerArgument(query: URLSearchParams, name: string, range: IntegerArgument): number {
  const text = query.get(name);
  if (text === null || text === '') return range.byDefault;
  if (!/^-?\d{1,15}$/.test(text)) {
    throw new PlainRefusal(400, { message: { [name]: `"${text}" is not an integer` } });
  }
  return Math.min(Math.max(Number(text), range.min), range.max);
}
