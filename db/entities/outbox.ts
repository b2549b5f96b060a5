import { Entity, Index } from 'typeorm';

import type { OutboxKind } from '../../model/outbox-messages';
import { Big, Id, Int, Json, LongText, Text, Uuid } from '../columns';

/** What a committed act owes to Temporal (temporal spec 9). */
@Entity('outbox')
@Index('outbox_waiting', ['deliveredAtMs', 'parkedAtMs', 'orderingKey', 'id'])
export class OutboxRow {
  @Id() id: number;
  @Uuid({ unique: true }) eventId: string;
  /** Rows of one key are relayed one after the other, in the order of their commits. */
  @Text(255) orderingKey: string;
  @Text(64) kind: OutboxKind;
  @Json() payload: unknown;
  @Int({ default: 0 }) attempts: number;
  @LongText({ nullable: true }) lastError: string | null;
  @Big() createdAtMs: number;
  @Big() availableAtMs: number;
  /** While it lies ahead the row belongs to the relay that wrote it; who writes it again must find it unchanged. */
  @Big({ nullable: true }) claimedUntilMs: number | null;
  @Big({ nullable: true }) deliveredAtMs: number | null;
  @Big({ nullable: true }) parkedAtMs: number | null;
}
