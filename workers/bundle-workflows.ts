import { writeFileSync } from 'node:fs';

import { DefaultLogger, bundleWorkflowCode } from '@temporalio/worker';

/** Part of the build: `node dist/workers/bundle-workflows.js <output file>`. */
async function main(output: string | undefined): Promise<void> {
  if (!output) throw new Error('name the file to write the bundle to');
  const { code } = await bundleWorkflowCode({
    workflowsPath: require.resolve('../workflows/index'),
    logger: new DefaultLogger('WARN'),
  });
  writeFileSync(output, code);
}

void main(process.argv[2]);
