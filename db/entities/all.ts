import * as accounts from './accounts';
import * as builds from './builds';
import * as content from './content';
import * as logins from './logins';
import * as notifications from './notifications';
import { OutboxRow } from './outbox';
import * as repositories from './repositories';
import * as scanning from './scanning';

export const ENTITIES = [
  accounts.Account,
  accounts.Team,
  accounts.TeamMember,
  accounts.Session,
  accounts.OauthToken,
  accounts.AppToken,
  accounts.ServiceKey,
  logins.LoginBackoffRow,
  logins.LoginFloodRow,
  repositories.Repository,
  repositories.RepositoryPermission,
  repositories.RepositoryToken,
  repositories.AuditLog,
  content.Blob,
  content.BlobAlias,
  content.RepositoryBlob,
  content.Upload,
  content.Manifest,
  content.ManifestBlob,
  content.ManifestChild,
  content.MissingPart,
  content.Tag,
  content.ManifestLabel,
  builds.BuildTrigger,
  builds.Build,
  builds.BuildLogEntry,
  notifications.NotificationRule,
  notifications.Delivery,
  notifications.BellNotification,
  notifications.AuthorizedEmail,
  scanning.ScanLayer,
  scanning.IndexReportRow,
  scanning.AdvisorySource,
  scanning.AdvisoryRow,
  OutboxRow,
];
