import { z } from 'zod';

import { flag, port } from './fields';

const text = z.string().min(1);

const localStorage = z.tuple([z.literal('LocalStorage'), z.object({ storage_path: text })]);

const s3Storage = z.tuple([
  z.literal('S3Storage'),
  z
    .object({
      s3_bucket: text,
      s3_region: text.default('us-east-1'),
      /** Both or none: without them the SDK looks for the role of the machine. */
      s3_access_key: text.optional(),
      s3_secret_key: text.optional(),
      /** A folder within the bucket. */
      storage_path: z.string().default('/'),
      /** Of another store than Amazon's: either host, port and `is_secure`, or all of it in one URL. */
      host: text.optional(),
      port: port.optional(),
      is_secure: flag.default(true),
      endpoint_url: z.url({ protocol: /^https?$/ }).optional(),
    })
    .refine(
      ({ s3_access_key: key, s3_secret_key: secret }) => (key === undefined) === (secret === undefined),
      {
        path: ['s3_secret_key'],
        message: 's3_access_key and s3_secret_key go together',
      },
    ),
]);

const radosGWStorage = z.tuple([
  z.literal('RadosGWStorage'),
  z.object({
    hostname: text,
    port: port.optional(),
    is_secure: flag.default(true),
    bucket_name: text,
    access_key: text,
    secret_key: text,
    storage_path: z.string().default('/'),
  }),
]);

/** `[driver, options]`, with Quay's names for both. */
export const storageDriver = z.union([localStorage, s3Storage, radosGWStorage], {
  error: (issue) => (issue.code === 'invalid_union' ? problemsOf(issue.errors) : undefined),
});

/** What is wrong with the options of the driver that was named, rather than that no driver fits. */
function problemsOf(branches: z.core.$ZodIssue[][]): string {
  const named = branches.find((problems) => problems.every(({ path }) => path.length > 1));
  if (!named) return 'must be [LocalStorage | S3Storage | RadosGWStorage, {options}]';
  return named.map(({ path, message }) => `${path.slice(1).join('.')}: ${message}`).join('; ');
}
