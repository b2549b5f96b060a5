import { ActError } from '../../commands/act-error';
import {
  confirmEmailAuthorization,
  confirmForRepository,
  requestEmailAuthorization,
} from '../../commands/notifications/email-authorization';
import { AuthorizedEmail } from '../../db/entities/notifications';
import { normaliseEmail } from '../../model/rule-configs';
import { foundRepository } from '../found-repository';
import type { ApiRoute } from '../route';
import { confirmationPage, resultPage } from './confirmation-pages';
import type { NotificationRouteDeps } from './notifications.routes';

const PATH = '/repository/{r}/authorizedemail/{email}';

/** Which addresses agreed to get messages about a repository (notifications spec 9). */
export function createAuthorizedEmailRoutes(deps: NotificationRouteDeps): ApiRoute[] {
  return [
    {
      method: 'GET',
      path: PATH,
      operationId: 'checkRepoEmailAuthorized',
      access: 'repository-admin',
      async handle(request) {
        const repository = foundRepository(request);
        const email = normaliseEmail(request.params.email);
        const row =
          email &&
          (await deps.dataSource.manager.findOneBy(AuthorizedEmail, { repositoryId: repository.id, email }));
        if (!row) throw new ActError('not-found', `"${request.params.email}" was never asked`);
        return { status: 200, body: presentEmail(row, repository) };
      },
    },
    {
      method: 'POST',
      path: PATH,
      operationId: 'sendAuthorizeRepoEmail',
      access: 'repository-admin',
      async handle(request) {
        const repository = foundRepository(request);
        const row = await requestEmailAuthorization(
          deps,
          request.actor,
          repository,
          request.params.email ?? '',
        );
        return { status: 200, body: presentEmail(row, repository) };
      },
    },
    {
      method: 'PUT',
      path: PATH,
      operationId: 'confirmRepoEmailAuthorized',
      access: 'superuser',
      async handle(request) {
        const repository = foundRepository(request);
        const row = await confirmForRepository(deps, request.actor, repository, request.params.email ?? '');
        return { status: 200, body: presentEmail(row, repository) };
      },
    },
    {
      method: 'GET',
      path: '//authrepoemail',
      operationId: 'showEmailConfirmation',
      access: 'anyone',
      // Mail scanners follow links, so a GET only asks (permissions spec 13.2, 17).
      handle: (request) =>
        Promise.resolve({ status: 200, html: confirmationPage(request.query.get('code') ?? '') }),
    },
    {
      method: 'POST',
      path: '//authrepoemail',
      operationId: 'confirmEmail',
      access: 'anyone',
      // The code in the mail is the proof; no session is involved that a forged request could use.
      withoutCsrf: true,
      async handle(request) {
        try {
          const email = await confirmEmailAuthorization(deps, request.actor, request.query.get('code') ?? '');
          return { status: 200, html: resultPage('Confirmed', `Messages may now be sent to ${email}.`) };
        } catch (error) {
          if (!(error instanceof ActError)) throw error;
          return { status: 400, html: resultPage('Not confirmed', `${error.message}.`) };
        }
      },
    },
  ];
}

function presentEmail(row: AuthorizedEmail, repository: { namespace: string; name: string }) {
  return {
    email: row.email,
    repository: repository.name,
    namespace: repository.namespace,
    confirmed: row.confirmed,
  };
}
