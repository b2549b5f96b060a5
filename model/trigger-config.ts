import { z } from 'zod';

import { placeContext, resolveTriggerPaths } from './build-context';
import { matchesWhole } from './patterns';

const path = z.string().max(1024).nullish();

/**
 * What people set on a trigger (builds spec 1.2); other keys are dropped. That `build_source` is an address which git
 * may be given is decided where it is used.
 */
export const triggerConfigSchema = z
  .object({
    build_source: z.string().min(1).max(2048),
    dockerfile_path: path,
    context: path,
    branchtag_regex: z
      .string()
      .max(1024)
      .refine(
        (pattern) => matchesWhole(pattern, '') !== undefined,
        'is not a regular expression (RE2 syntax)',
      )
      .nullish(),
    default_tag_from_ref: z.boolean().nullish(),
    latest_for_default_branch: z.boolean().nullish(),
    tag_templates: z.array(z.string().min(1).max(512)).max(50).nullish(),
  })
  .refine((config) => placeContext(resolveTriggerPaths(config)) !== undefined, {
    message: 'leads out of the source',
    path: ['dockerfile_path'],
  });

export type TriggerConfig = z.infer<typeof triggerConfigSchema>;
