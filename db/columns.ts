import type { ValueTransformer } from 'typeorm';
import { Column } from 'typeorm';

import { openSealed, seal } from './sealing';

/** The driver hands BIGINT over as text; every number we store stays below 2^53. */
const integer: ValueTransformer = {
  to: (value: number | null | undefined) => value,
  from: (value: string | number | null) => (value === null ? null : Number(value)),
};

/** JSON as text: MariaDB and MySQL differ in what their JSON type gives back. */
const json: ValueTransformer = {
  to: (value: unknown) => (value === null || value === undefined ? value : JSON.stringify(value)),
  from: (value: string | null): unknown => (value === null ? null : JSON.parse(value)),
};

const sealed: ValueTransformer = {
  to: (value: string | null | undefined) => (value === null || value === undefined ? value : seal(value)),
  from: (value: string | null) => (value === null ? null : openSealed(value)),
};

const sealedJson: ValueTransformer = {
  to: (value: unknown) => (value === null || value === undefined ? value : seal(JSON.stringify(value))),
  from: (value: string | null): unknown => (value === null ? null : JSON.parse(openSealed(value))),
};

const flag: ValueTransformer = {
  to: (value: boolean | null | undefined) => (typeof value === 'boolean' ? Number(value) : value),
  from: (value: number | null) => (value === null ? null : Boolean(value)),
};

interface Extra {
  nullable?: boolean;
  primary?: boolean;
  default?: string | number;
  unique?: boolean;
}

/** Not `PrimaryGeneratedColumn`: that one takes no transformer, and ids would be text. */
export const Id = () =>
  Column({ type: 'bigint', unsigned: true, primary: true, generated: 'increment', transformer: integer });
/** The id of a row of another table. */
export const Ref = (extra: Extra = {}) =>
  Column({ type: 'bigint', unsigned: true, transformer: integer, ...extra });
/** Milliseconds since the epoch, UTC, or an amount of bytes. */
export const Big = (extra: Extra = {}) => Column({ type: 'bigint', transformer: integer, ...extra });
export const Int = (extra: Extra = {}) => Column({ type: 'int', ...extra });
export const Flag = (extra: Extra = {}) => Column({ type: 'tinyint', transformer: flag, ...extra });
export const Text = (length: number, extra: Extra = {}) => Column({ type: 'varchar', length, ...extra });
export const LongText = (extra: Extra = {}) => Column({ type: 'mediumtext', ...extra });
export const Uuid = (extra: Extra = {}) => Column('char', { length: 36, ...extra });
export const Json = (extra: Extra = {}) => Column({ type: 'mediumtext', transformer: json, ...extra });
/** Sealed with AES-256-GCM under `DATABASE_SECRET_KEY` (design, decision 8). */
export const Sealed = (extra: Extra = {}) => Column({ type: 'text', transformer: sealed, ...extra });
/** JSON that may hold credentials, such as an address with a password in it. */
export const SealedJson = (extra: Extra = {}) =>
  Column({ type: 'mediumtext', transformer: sealedJson, ...extra });
