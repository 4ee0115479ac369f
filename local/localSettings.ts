import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const schema = z.object({
  IsEncrypted: z.literal(false, 'encrypted settings cannot be read').optional(),
  Values: z.record(z.string(), z.string()).default({}),
});

/**
 * `Values` of local.settings.json in the app's folder, as Core Tools reads them; none when there is no such file. Throws
 * an Error of one line when the file is not of that form.
 */
export function readLocalSettings(root: string): Record<string, string> {
  const file = join(root, 'local.settings.json');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text)).Values;
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
    throw new Error(`${file} cannot be read: ${why.replace(/\s+/g, ' ')}`);
  }
}
