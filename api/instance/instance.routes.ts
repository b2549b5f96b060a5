import type { Config } from '../../config/schema';
import type { ApiDeps } from '../api-deps';
import { ERROR_TYPES, notFound } from '../errors';
import type { ApiRoute } from '../route';
import { route } from '../route';

/** What clients may know of this installation before they sign in (api spec 29, 32). */
export function createInstanceRoutes({ config, address }: ApiDeps): ApiRoute[] {
  return [
    route({
      method: 'GET',
      path: '//config',
      operationId: 'getPublicConfig',
      access: 'anyone-always',
      handle: () => Promise.resolve({ status: 200, body: presentConfig(config) }),
    }),
    route({
      method: 'GET',
      path: '/error/{type}',
      operationId: 'getErrorDescription',
      access: 'anyone',
      handle({ params }) {
        const type = Object.entries(ERROR_TYPES).find(([name]) => name === params.type);
        if (!type) throw notFound();
        const [title, { description }] = type;
        const url = `${address.scheme}://${address.host}/api/v1/error/${title}`;
        return Promise.resolve({ status: 200, body: { type: url, title, description } });
      },
    }),
  ];
}

/** Only what is set and only what is served: a feature that is absent here is off. */
function presentConfig(config: Config) {
  return {
    config: {
      SERVER_HOSTNAME: config.SERVER_HOSTNAME,
      PREFERRED_URL_SCHEME: config.PREFERRED_URL_SCHEME,
      AUTHENTICATION_TYPE: 'Database',
      REGISTRY_TITLE: config.REGISTRY_TITLE,
      REGISTRY_TITLE_SHORT: config.REGISTRY_TITLE_SHORT,
      TAG_EXPIRATION_OPTIONS: config.TAG_EXPIRATION_OPTIONS,
      ROBOTS_DISALLOW: config.ROBOTS_DISALLOW,
    },
    features: {
      ANONYMOUS_ACCESS: config.FEATURE_ANONYMOUS_ACCESS,
      APP_SPECIFIC_TOKENS: config.FEATURE_APP_SPECIFIC_TOKENS,
      BUILD_SUPPORT: config.FEATURE_BUILD_SUPPORT,
      DIRECT_LOGIN: true,
      MAILING: config.FEATURE_MAILING,
      READER_BUILD_LOGS: config.FEATURE_READER_BUILD_LOGS,
      REQUIRE_ENCRYPTED_BASIC_AUTH: config.FEATURE_REQUIRE_ENCRYPTED_BASIC_AUTH,
      SECURITY_SCANNER: config.FEATURE_SECURITY_SCANNER,
      SUPERUSERS_FULL_ACCESS: config.FEATURE_SUPERUSERS_FULL_ACCESS,
      USER_CREATION: config.FEATURE_USER_CREATION,
      USER_INITIALIZE: config.FEATURE_USER_INITIALIZE,
    },
    oauth: {},
    external_login: [],
    registry_state: 'normal',
    account_recovery_mode: false,
    version_number: 'Slipway',
  };
}
