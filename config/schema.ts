import { z } from 'zod';

import { flag, port } from './fields';
import { storageDriver } from './storage-schema';

/** Seconds, minutes … as Quay writes durations (`2w`, `30s`); kept as text, read by `model/durations`. */
const duration = z.string().regex(/^\d+[smhdwy]$/, 'must be a number followed by s, m, h, d, w or y');

const list = z.array(z.string()).or(
  z.string().transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter(Boolean),
  ),
);

/** Field names are Quay's where Quay has one (design, decision 7). */
export const configSchema = z.object({
  SERVER_HOSTNAME: z.string().min(1),
  PREFERRED_URL_SCHEME: z.enum(['http', 'https']).default('http'),
  LISTEN_ADDRESS: z.string().default('127.0.0.1'),
  LISTEN_PORT: port.default(8080),
  /** PEM files: with them `serve` ends TLS itself, and takes renewed ones without a restart. */
  LISTEN_TLS: z.object({ CERTIFICATE_PATH: z.string().min(1), KEY_PATH: z.string().min(1) }).optional(),
  /** How many processes of one `serve` take requests; by default one per core, as far as memory and the database allow. */
  SERVE_PROCESSES: z.coerce.number().int().min(1).max(64).optional(),
  /** CIDR ranges of the reverse proxies whose `X-Forwarded-For` is believed. */
  TRUSTED_PROXY_NETWORKS: list.default([]),
  /**
   * An internal location of such a proxy, from which it sends the files of blobs itself (`X-Accel-Redirect`) when it says with
   * the request that it can (`X-Sendfile-Type: X-Accel-Redirect`). Of `LocalStorage`, whose folder the proxy must share.
   */
  BLOB_HANDOFF_LOCATION: z
    .string()
    .regex(/^(\/[A-Za-z0-9_-]+)+\/$/, 'must be a path that ends with a slash, such as /_blobs/')
    .optional(),
  REGISTRY_TITLE: z.string().default('Slipway'),
  REGISTRY_TITLE_SHORT: z.string().default('Slipway'),

  DATABASE_URL: z.url({ protocol: /^(mysql|mariadb)$/ }),
  /** Of each process. At least 2: a migration holds its lock on one connection and works on another. */
  DATABASE_POOL_SIZE: z.coerce.number().int().min(2).default(10),
  /** Seals secrets at rest; any text of 16 characters and more, the key is derived from it. */
  DATABASE_SECRET_KEY: z.string().min(16),

  TEMPORAL_ADDRESS: z.string().default('127.0.0.1:7233'),
  TEMPORAL_NAMESPACE: z.string().default('default'),
  TEMPORAL_UI_URL: z.url().optional(),

  DISTRIBUTED_STORAGE_CONFIG: z.object({ default: storageDriver }),
  /** Off: pulls of large blobs are sent on to the store by signed addresses, where the store has them (S3). */
  FEATURE_PROXY_STORAGE: flag.default(true),

  FEATURE_MAILING: flag.default(true),
  MAIL_SERVER: z.string().default('127.0.0.1'),
  MAIL_PORT: port.default(587),
  MAIL_USE_TLS: flag.default(true),
  MAIL_USERNAME: z.string().optional(),
  MAIL_PASSWORD: z.string().optional(),
  MAIL_DEFAULT_SENDER: z.string().default('admin@example.com'),
  /** Embedded mode: serve keeps what is mailed in this folder and shows it on a page of its own port. */
  MAIL_CATCHER: z.object({ SMTP_PORT: port, HTTP_PORT: port, PATH: z.string().min(1) }).optional(),

  /** CIDR ranges that outbound calls may reach although they are private or loopback. */
  OUTBOUND_ALLOWED_NETWORKS: list.default([]),

  SUPER_USERS: list.default([]),
  GLOBAL_READONLY_SUPER_USERS: list.default([]),
  FEATURE_SUPERUSERS_FULL_ACCESS: flag.default(false),
  ROBOTS_DISALLOW: flag.default(false),
  /** Full names of robots that work although `ROBOTS_DISALLOW` is set. */
  ROBOTS_WHITELIST: list.default([]),
  PASSWORD_HASH_MEMORY_KIB: z.coerce.number().int().min(8).default(19_456),
  PASSWORD_HASH_ITERATIONS: z.coerce.number().int().min(1).default(2),
  /** Password hashes that one process computes at the same time; others wait. */
  PASSWORD_HASHES_AT_ONCE: z.coerce.number().int().min(1).default(4),
  FEATURE_ANONYMOUS_ACCESS: flag.default(true),
  /** `/v2/_catalog` shows what is public too, to everybody. */
  FEATURE_PUBLIC_CATALOG: flag.default(false),
  FEATURE_USER_CREATION: flag.default(true),
  FEATURE_USER_INITIALIZE: flag.default(false),
  /** `readonly`: pulls work, the registry refuses every change of content. */
  REGISTRY_STATE: z.enum(['normal', 'readonly']).default('normal'),
  /** The same for a while in which nobody is to push. */
  DISABLE_PUSHES: flag.default(false),
  /** Takes manifests that name blobs or manifests which their repository does not have (yet). */
  FEATURE_SPARSE_INDEX: flag.default(false),
  FEATURE_BUILD_SUPPORT: flag.default(true),
  FEATURE_SECURITY_SCANNER: flag.default(true),
  FEATURE_READER_BUILD_LOGS: flag.default(false),
  /** Clients then send a key that the console makes, and never a password of a person. */
  FEATURE_REQUIRE_ENCRYPTED_BASIC_AUTH: flag.default(false),
  FEATURE_APP_SPECIFIC_TOKENS: flag.default(true),
  /** How long app tokens live; for ever by default. */
  APP_SPECIFIC_TOKEN_EXPIRATION: duration.optional(),
  /** Whether sign-ins and `docker login` are noted in the usage log, and whether failed ones are. */
  ACTION_LOG_AUDIT_LOGINS: flag.default(true),
  ACTION_LOG_AUDIT_LOGIN_FAILURES: flag.default(false),
  CREATE_PRIVATE_REPO_ON_PUSH: flag.default(true),
  /** A push into a namespace that nobody has makes it an organization of whoever pushes. */
  CREATE_NAMESPACE_ON_PUSH: flag.default(false),
  BROWSER_API_CALLS_XHR_ONLY: flag.default(true),
  CORS_ORIGIN: z.string().default('*'),
  SESSION_COOKIE_NAME: z
    .string()
    .regex(/^[\w-]+$/)
    .default('_csrf_token'),
  SESSION_TIMEOUT: duration.default('31d'),
  FRESH_LOGIN_TIMEOUT: duration.default('10m'),
  DEFAULT_TAG_EXPIRATION: duration.default('2w'),
  TAG_EXPIRATION_OPTIONS: list.default(['0s', '1d', '1w', '2w', '4w']),
  LABELED_EXPIRATION_MINIMUM: duration.default('1h'),
  LABELED_EXPIRATION_MAXIMUM: duration.default('104w'),
  PUSH_TEMP_TAG_EXPIRATION_SEC: z.coerce.number().int().positive().default(3600),
  /** Above 6 MiB a manifest's row would not fit the packets that databases accept by default. */
  MAXIMUM_MANIFEST_SIZE_BYTES: z.coerce
    .number()
    .int()
    .min(1024)
    .max(6 * 1024 ** 2)
    .default(4 * 1024 ** 2),
  /** Minutes after which an idle upload session is forgotten. */
  BLOBUPLOAD_DELETION_DATE_THRESHOLD: z.coerce.number().int().positive().default(2880),
  REGISTRY_JWT_LIFETIME_S: z.coerce.number().int().min(60).max(3600).default(300),
  MAXIMUM_LAYER_SIZE_BYTES: z.coerce
    .number()
    .int()
    .positive()
    .default(20 * 1024 ** 3),

  DOCKER_HOST: z.string().optional(),
  /** Folder for checkouts of builds; each build has its own folder below it. */
  BUILD_WORK_DIR: z.string().default('/var/lib/slipway/builds'),
  /** Names this machine's own task queue `build:<host>`. */
  BUILD_HOST_ID: z
    .string()
    .regex(/^[\w.-]+$/)
    .optional(),
  BUILD_CONCURRENCY: z.coerce.number().int().min(1).default(2),
  BUILD_NAMESPACE_RUNNING_LIMIT: z.coerce.number().int().min(1).default(2),
  BUILD_NAMESPACE_WAITING_LIMIT: z.coerce.number().int().min(1).default(50),
  /** Seconds that a git host may send nothing before a clone is stopped; a stopped clone is tried again. */
  BUILD_SOURCE_IDLE_TIMEOUT: z.coerce.number().int().min(1).default(60),
  /** Seconds that a clone may take; below the 20 minutes after which Temporal takes its step for lost. */
  BUILD_SOURCE_TIMEOUT: z.coerce.number().int().min(1).max(1140).default(900),
  /** Of what git stores while it fetches, and of the checkout. */
  BUILD_SOURCE_MAX_SIZE_BYTES: z.coerce
    .number()
    .int()
    .positive()
    .default(5 * 1024 ** 3),
  BUILD_SOURCE_MAX_FILES: z.coerce.number().int().positive().default(500_000),
  SUCCESSIVE_TRIGGER_FAILURE_DISABLE_THRESHOLD: z.coerce.number().int().min(0).default(100),
  SUCCESSIVE_TRIGGER_INTERNAL_ERROR_DISABLE_THRESHOLD: z.coerce.number().int().min(0).default(5),

  /** Folder with advisory data in the layout of the scanning specification, 4.3. */
  ADVISORIES_PATH: z.string().optional(),
  /** How often the folder is looked at for reports of images scanned before; a scan looks itself. Cheap when nothing changed. */
  ADVISORIES_REFRESH_INTERVAL: duration.default('5m'),
  SECURITY_SCANNER_MAX_LAYER_SIZE_BYTES: z.coerce
    .number()
    .int()
    .positive()
    .default(5 * 1024 ** 3),
  /** Seconds for one webhook call in all; below the 30 s after which Temporal takes the call for lost. */
  NOTIFICATION_SEND_TIMEOUT: z.coerce.number().int().min(1).max(25).default(10),
  /** Seconds for handing one mail to the mail server: servers that check mails take their time, and hanging up early sends twice. */
  MAIL_SEND_TIMEOUT: z.coerce.number().int().min(1).max(140).default(120),

  /** How long `serve` takes requests after it said that it is not ready any more, so that load balancers notice. */
  SHUTDOWN_NOTICE: duration.default('5s'),
  /** How long requests under way may take after that; an upload that is cut can be resumed. */
  SHUTDOWN_GRACE: duration.default('20s'),
  /** How long a build worker goes on with its builds; what has not ended then begins again on another one. */
  BUILD_SHUTDOWN_GRACE: duration.default('10m'),

  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  /** Loopback port on which this process answers `GET /health`; the launcher gives each process its own. */
  SLIPWAY_HEALTH_PORT: port.optional(),
  /** Who may read `/metrics` where the registry listens: addresses, and whoever sends the token as a bearer token. */
  METRICS_ALLOWED_NETWORKS: list.default(['127.0.0.0/8', '::1/128']),
  METRICS_TOKEN: z.string().min(16).optional(),

  /** Milliseconds that replace defaults of workflows; passed on as workflow input by whoever starts one. */
  WORKFLOW_TIMINGS: z.record(z.string(), z.number().int().positive()).default({}),
});

export type Config = Readonly<z.infer<typeof configSchema>>;
