import { z } from 'zod';

/** YAML readers may have made a number of an unquoted version; a lost trailing zero cannot be told from here. */
const text = z.union([z.string(), z.number()]).transform(String);

const event = z.object({
  introduced: text.optional(),
  fixed: text.optional(),
  last_affected: text.optional(),
  limit: text.optional(),
});

const severity = z.object({ type: z.string(), score: text });
const databaseSpecific = z.object({ severity: z.string().optional().catch(undefined) });

const affected = z.object({
  package: z.object({ ecosystem: z.string(), name: z.string() }).nullish(),
  ranges: z.array(z.object({ type: z.string(), events: z.array(event).nullish() })).nullish(),
  versions: z.array(text).nullish(),
  severity: z.array(severity).nullish(),
  database_specific: databaseSpecific.nullish(),
});

/** What we read of a record of the OSV schema 1.x; everything else in it is ignored. */
export const osvRecordSchema = z.object({
  id: z.string().min(1),
  published: text.nullish(),
  modified: text.nullish(),
  withdrawn: text.nullish(),
  aliases: z.array(z.string()).nullish(),
  summary: z.string().nullish(),
  details: z.string().nullish(),
  severity: z.array(severity).nullish(),
  affected: z.array(affected).nullish(),
  references: z.array(z.object({ type: z.string().nullish(), url: z.string() })).nullish(),
  database_specific: databaseSpecific.nullish(),
});

export type OsvRecord = z.infer<typeof osvRecordSchema>;
export type OsvAffected = z.infer<typeof affected>;
