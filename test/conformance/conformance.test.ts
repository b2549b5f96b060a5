import { randomBytes } from 'node:crypto';

import { buildUser, uniqueName } from '../support/factories';
import type { ServeProcesses } from '../support/serve-processes';
import { startServeProcesses } from '../support/serve-processes';
import { pushBlob } from './blob-pushes';
import { describeBlobs } from './blobs';
import { ConformanceClient } from './client';
import { digestOf } from './data-set';
import { describeDataSets } from './data-sets';
import { describeFirstContact } from './first-contact';
import { describeManifestErrors } from './manifest-errors';
import type { Place } from './place';
import { ClientRepository } from './repository';

const HOST = 'registry.test';

/** The conformance program of the distribution specification in our words (registry spec 15), request by request. */
describe('the registry of two processes that take turns', function () {
  this.timeout(60_000);
  let serves: ServeProcesses | undefined;

  before(async () => {
    serves = await startServeProcesses(2, {
      ...{ SERVER_HOSTNAME: HOST, LOG_LEVEL: 'warn', FEATURE_SPARSE_INDEX: true },
    });
  });
  after(() => serves?.dispose());

  for (const keepsTokens of [true, false]) {
    describe(`towards a client that ${keepsTokens ? 'keeps its tokens' : 'asks for a token each time'}`, () => {
      let made: Place | undefined;
      const place = (): Place => {
        if (!made) throw new Error('the registry has not started');
        return made;
      };
      before(async () => {
        if (serves) made = await placeOf(serves, keepsTokens);
      });

      describeFirstContact(place);
      for (const algorithm of ['sha256', 'sha512'] as const) describeBlobs(place, algorithm);
      describeDataSets(place);
      describeManifestErrors(place);
    });
  }
});

async function placeOf({ ports, dataSource }: ServeProcesses, keepsTokens: boolean): Promise<Place> {
  const { account } = await buildUser(dataSource, { password: 'secret' });
  const credentials = { username: account.name, password: 'secret' };
  const client = new ConformanceClient({ host: HOST, ports, credentials, keepsTokens });
  const [one, two] = ['one', 'two'].map(
    (stem) => new ClientRepository(client, `${account.name}/${uniqueName(stem)}`),
  ) as [ClientRepository, ClientRepository];
  for (const repository of [one, two]) {
    const bytes = randomBytes(32);
    await pushBlob(repository, { digest: digestOf('sha256', bytes), bytes });
  }
  return { one, two };
}
