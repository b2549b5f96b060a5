import { Entity, ForeignKey, Index } from 'typeorm';

import { Big, Flag, Id, Int, Json, LongText, Ref, SealedJson, Text, Uuid } from '../columns';
import { Account } from './accounts';
import { Repository } from './repositories';

@Entity('notification_rule')
@Index('rule_event', ['repositoryId', 'event'])
export class NotificationRule {
  @Id() id: number;
  @Uuid({ unique: true }) uuid: string;
  @ForeignKey(() => Repository, { onDelete: 'CASCADE' })
  @Ref()
  repositoryId: number;
  @Text(64) event: string;
  @Text(32) method: string;
  @Text(255, { nullable: true }) title: string | null;
  /** Sealed because addresses hold secrets. */
  @SealedJson() config: Record<string, unknown>;
  @Json() eventConfig: Record<string, unknown>;
  /** Deliveries given up in a row; 3 disable the rule. */
  @Int({ default: 0 }) numberOfFailures: number;
  /** What the newest try met that failed, until one succeeds. */
  @LongText({ nullable: true }) lastError: string | null;
  @Big({ nullable: true }) lastRanMs: number | null;
  @Big() createdAtMs: number;
}

export type DeliveryStatus = 'pending' | 'delivered' | 'failed' | 'skipped';

/** One message owed to one receiver, written in the transaction of its event (design, decision 12). */
@Entity('delivery')
@Index('delivery_rule', ['ruleId', 'createdAtMs'])
@Index('delivery_status', ['status', 'createdAtMs'])
export class Delivery {
  @Id() id: number;
  /** UUIDv5 of event and rule: sent as `X-Slipway-Delivery`. */
  @Uuid({ unique: true }) uuid: string;
  @Uuid() eventId: string;
  @ForeignKey(() => NotificationRule, { onDelete: 'CASCADE' })
  @Ref({ nullable: true })
  ruleId: number | null;
  /** An event kind of a rule, or the kind of a mail that belongs to no rule. */
  @Text(64) event: string;
  @Json() payload: Record<string, unknown>;
  @Text(16) status: DeliveryStatus;
  @Int({ default: 0 }) attempts: number;
  @Int({ nullable: true }) responseStatus: number | null;
  @LongText({ nullable: true }) lastError: string | null;
  @Big() createdAtMs: number;
  @Big({ nullable: true }) endedAtMs: number | null;
}

/** A row behind the bell (notifications spec 8). */
@Entity('bell_notification')
@Index('bell_target', ['targetId', 'dismissed', 'id'])
@Index('bell_delivery', ['deliveryUuid', 'targetId'], { unique: true })
export class BellNotification {
  @Id() id: number;
  @Uuid({ unique: true }) uuid: string;
  @Text(64) kind: string;
  @ForeignKey(() => Account, { onDelete: 'CASCADE' })
  @Ref()
  targetId: number;
  @Json() metadata: Record<string, unknown>;
  @Flag({ default: 0 }) dismissed: boolean;
  /** Makes writing the row repeatable. */
  @Uuid({ nullable: true }) deliveryUuid: string | null;
  @Big() createdAtMs: number;
}

@Entity('authorized_email')
@Index('authorized_email_pair', ['repositoryId', 'email'], { unique: true })
export class AuthorizedEmail {
  @Id() id: number;
  @ForeignKey(() => Repository, { onDelete: 'CASCADE' })
  @Ref()
  repositoryId: number;
  @Text(254) email: string;
  /** SHA-256 of the code in the newest mail; null until one was sent and after confirmation. */
  @Text(64, { nullable: true, unique: true }) codeHash: string | null;
  @Big({ nullable: true }) codeExpiresAtMs: number | null;
  @Flag({ default: 0 }) confirmed: boolean;
  @Big() createdAtMs: number;
}
