import { z } from 'zod';

export const flag = z.stringbool().or(z.boolean());
export const port = z.coerce.number().int().min(1).max(65535);
