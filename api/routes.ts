import type { ApiDeps } from './api-deps';
import { createAppTokenRoutes } from './app-tokens/app-tokens.routes';
import { createBellRoutes } from './bell/bell.routes';
import { createBuildRoutes } from './builds/builds.routes';
import { createHealthRoutes } from './instance/health.routes';
import { createInstanceRoutes } from './instance/instance.routes';
import { createManifestRoutes } from './manifests/manifests.routes';
import { createAuthorizedEmailRoutes } from './notifications/authorized-emails.routes';
import { createNotificationRoutes } from './notifications/notifications.routes';
import { createOrganizationRoutes } from './organizations/organizations.routes';
import { createPageTokens } from './page-tokens';
import { createPermissionRoutes } from './permissions/permissions.routes';
import { createRepositoryRoutes } from './repositories/repositories.routes';
import { createRobotRoutes } from './robots/robots.routes';
import type { ApiRoute } from './route';
import { createSecurityRoutes } from './security/security.routes';
import { createCsrfRoutes } from './session/csrf.routes';
import { createSessionRoutes } from './session/session.routes';
import { createTagRoutes } from './tags/tags.routes';
import { createTriggerRoutes } from './triggers/triggers.routes';
import { createUserRoutes } from './user/user.routes';
import { createWebhookRoutes } from './webhooks/webhooks.routes';

/** The whole route table of the REST API, one line for each resource. */
export function createApiRoutes(deps: ApiDeps): ApiRoute[] {
  const pageTokens = createPageTokens(deps.config.DATABASE_SECRET_KEY, deps.now);
  return [
    ...createCsrfRoutes(),
    ...createSessionRoutes(deps),
    ...createUserRoutes(deps),
    ...createAppTokenRoutes(deps),
    ...createBellRoutes(deps),
    ...createOrganizationRoutes(deps),
    ...createRobotRoutes(deps),
    ...createRepositoryRoutes(deps, pageTokens),
    ...createPermissionRoutes(deps),
    ...createTagRoutes(deps),
    ...createManifestRoutes(deps),
    ...createSecurityRoutes(deps),
    ...createBuildRoutes(deps),
    ...createTriggerRoutes(deps),
    ...createWebhookRoutes(deps),
    ...createNotificationRoutes(deps),
    ...createAuthorizedEmailRoutes(deps),
    ...createInstanceRoutes(deps),
    ...createHealthRoutes(deps),
  ];
}
