import assert from 'node:assert/strict';

import { Account } from '../../db/entities/accounts';
import type { ClientProgram } from '../support/client-program';
import { buildRobot, grant, uniqueName } from '../support/factories';
import type { Credentials } from '../support/registry-client';
import type { RegistryPerson, ServedRegistry } from '../support/served-registry';

/** How a client does what all of them can. A reference is `<namespace>/<repository>:<tag>`. */
export interface ClientManners {
  registry: ServedRegistry;
  /** A client with a new home. */
  open(): Promise<ClientProgram> | ClientProgram;
  login(client: ClientProgram, credentials: Credentials): Promise<unknown>;
  push(client: ClientProgram, reference: string): Promise<unknown>;
  pull(client: ClientProgram, reference: string): Promise<unknown>;
  /** The client keeps what the registry says to itself: its own words for a login that is refused. */
  ownWords?: RegExp;
}

const NOT_ALLOWED = /unauthorized|denied|401/i;

/** What every client must be told when it may not do something; registered within the client's own `describe`. */
export function itIsToldWhatItMayNot(manners: () => ClientManners): void {
  describe('where it may not', () => {
    let owner: RegistryPerson;
    let reference: string;
    const clients: ClientProgram[] = [];

    before(async () => {
      owner = await manners().registry.person();
      reference = `${owner.name}/${uniqueName('chart')}:0.1.0`;
      await manners().push(await clientOf({ username: owner.name, password: owner.password }), reference);
    });
    after(() => clients.forEach((client) => client.dispose()));

    async function clientOf(credentials?: Credentials): Promise<ClientProgram> {
      const client = await manners().open();
      clients.push(client);
      if (credentials) await manners().login(client, credentials);
      return client;
    }

    /** Logged in, or told at the first use: some clients ask the registry only then. */
    async function pullAs(credentials: Credentials): Promise<unknown> {
      return manners().pull(await clientOf(credentials), reference);
    }

    const repositoryPath = () => reference.slice(0, reference.indexOf(':'));

    it('is told that a password is wrong', async () => {
      // Whoever guesses wrong has to wait a moment, so the owner does not.
      const { name } = await manners().registry.person();
      await assert.rejects(
        pullAs({ username: name, password: 'wrong' }),
        manners().ownWords ?? /Invalid Username or Password/i,
      );
    });

    it('reads with a robot that may only read, and is refused to write', async () => {
      const { dataSource } = manners().registry;
      const robot = await buildRobot(dataSource, { namespace: owner.account });
      await grant(dataSource, await owner.repository(repositoryPath()), robot.account, 'read');
      const client = await clientOf({ username: robot.account.name, password: robot.token });
      await manners().pull(client, reference);
      await assert.rejects(manners().push(client, other(reference)), NOT_ALLOWED);
    });

    it('is told that a robot is disabled', async () => {
      const { dataSource } = manners().registry;
      const robot = await buildRobot(dataSource, { namespace: owner.account });
      await grant(dataSource, await owner.repository(repositoryPath()), robot.account, 'write');
      await dataSource.manager.update(Account, { id: robot.account.id }, { enabled: false });
      await assert.rejects(
        pullAs({ username: robot.account.name, password: robot.token }),
        manners().ownWords ?? /has been disabled\. Please contact your administrator/,
      );
    });

    it('gives a stranger nothing of a private repository', async () => {
      const stranger = await manners().registry.person();
      const client = await clientOf({ username: stranger.name, password: stranger.password });
      await assert.rejects(manners().pull(client, reference), NOT_ALLOWED);
      await assert.rejects(manners().push(client, other(reference)), NOT_ALLOWED);
      await assert.rejects(manners().pull(await clientOf(), reference), NOT_ALLOWED);
    });

    it('lets everybody pull what is public, and nobody push it', async () => {
      const open = `${owner.name}/${uniqueName('public')}:0.1.0`;
      await manners().push(await clientOf({ username: owner.name, password: owner.password }), open);
      const path = `/repository/${open.slice(0, open.indexOf(':'))}/changevisibility`;
      await owner.api('POST', path, { visibility: 'public' });
      const anonymous = await clientOf();
      await manners().pull(anonymous, open);
      await assert.rejects(manners().push(anonymous, other(open)), NOT_ALLOWED);
    });

    it('is told that a tag was deleted', async () => {
      const client = await clientOf({ username: owner.name, password: owner.password });
      await owner.api('DELETE', `/repository/${repositoryPath()}/tag/0.1.0`);
      await assert.rejects(manners().pull(client, reference), /not found|404|deleted or has expired/i);
      await manners().push(client, reference);
      await manners().pull(client, reference);
    });
  });
}

/** Another tag of the same repository: what is there already some clients do not push again. */
function other(reference: string): string {
  return reference.replace(/:.*/, ':0.2.0');
}
