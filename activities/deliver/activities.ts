import { activityInfo, cancellationSignal } from '@temporalio/activity';

import type { ActDeps } from '../../commands/act';
import {
  completeDelivery,
  giveUpDelivery,
  reasonToSkip,
  recordDeferral,
  recordFailedAttempt,
  ringBell,
  skipDelivery,
} from '../../commands/notifications/deliveries';
import { issueConfirmationCode } from '../../commands/notifications/email-authorization';
import type { Config } from '../../config/schema';
import type { OwedDelivery } from '../../db/stores/notifications';
import { findDelivery } from '../../db/stores/notifications';
import { renderBodyTemplate } from '../../model/body-template';
import { describeEvent } from '../../model/event-messages';
import { isEventKind } from '../../model/events';
import { CONFIRM_EMAIL, readBellTarget, readEmailConfig, readWebhookConfig } from '../../model/rule-configs';
import type { OutboundHttp } from '../../outbound/http';
import { OutboundError } from '../../outbound/errors';
import { withHeartbeat } from '../with-heartbeat';
import type { SendFailure } from './failures';
import { judgeResponse, toApplicationFailure, toDeferral } from './failures';
import type { Mailer } from './mailer';
import { MailError } from './mailer';
import type { NoPlace, ReceiverPlaces } from './receiver-places';
import { renderConfirmationMail } from './render-confirmation';
import { renderMail } from './render-mail';

export interface DeliverDeps extends ActDeps {
  http: OutboundHttp;
  mailer: Mailer;
  places: ReceiverPlaces;
  config: Pick<
    Config,
    | 'SERVER_HOSTNAME'
    | 'PREFERRED_URL_SCHEME'
    | 'REGISTRY_TITLE'
    | 'REGISTRY_TITLE_SHORT'
    | 'NOTIFICATION_SEND_TIMEOUT'
  >;
}

/** `gone`: the rule was deleted meanwhile, or somebody else already ended the delivery. */
export type DeliveryOutcome = 'delivered' | 'skipped' | 'gone';

const LARGEST_ANSWER_BYTES = 64 * 1024;
const HEARTBEAT_MS = 5000;
/** No host has a name like this. */
const MAIL_SERVER = 'the mail server';

/** Repeating any of these is harmless: a delivery that has ended is left alone. */
export function createDeliverActivities(deps: DeliverDeps) {
  return {
    /** Posts the payload as JSON; the receiver may tell repeats by `X-Slipway-Delivery`. */
    postWebhook: (deliveryId: string) =>
      sendOnce(deps, deliveryId, { receiverOf: receiverHost, send: (owed) => postWebhook(deps, owed) }),

    /** Hands one mail to the mail server: the event's message, or the code that confirms an address. */
    sendEmail: (deliveryId: string) =>
      withHeartbeat(HEARTBEAT_MS, () =>
        sendOnce(deps, deliveryId, { receiverOf: () => MAIL_SERVER, send: (owed) => sendEmail(deps, owed) }),
      ),

    /** Writes the rows behind the bell of everybody whom the rule names. */
    ringBell: (deliveryId: string) => ringOnce(deps, deliveryId),

    /** After the last failure: the rule shows why, and counts one failure. */
    giveUpDelivery: (deliveryId: string, reason: string | null) => giveUpDelivery(deps, deliveryId, reason),
  };
}

export type DeliverActivities = ReturnType<typeof createDeliverActivities>;

interface Sending {
  /** Who shares a limit of calls at once. */
  receiverOf: (owed: OwedDelivery) => string;
  send: (owed: OwedDelivery) => Promise<SendFailure | number | null>;
}

async function sendOnce(
  deps: DeliverDeps,
  deliveryId: string,
  { receiverOf, send }: Sending,
): Promise<DeliveryOutcome> {
  const owed = await findSendable(deps, deliveryId);
  if (typeof owed === 'string') return owed;
  const receiver = receiverOf(owed);
  const place = await deps.places.take(receiver, ownerOf(owed));
  if (typeof place === 'string') return defer(deps, owed, receiver, place);
  let wasAnswered = false;
  let result: SendFailure | number | null;
  try {
    result = await send(owed);
    wasAnswered = result === null || typeof result === 'number' || !result.isSilence;
    // Cut short from here: the receiver has not failed, and a worker that goes hands the call over.
    if (!wasAnswered) cancellationSignal().throwIfAborted();
  } finally {
    place.release(wasAnswered);
  }
  if (result !== null && typeof result === 'object') return fail(deps, owed, result);
  await completeDelivery(deps, deliveryId, result);
  return 'delivered';
}

async function defer(
  deps: DeliverDeps,
  { delivery }: OwedDelivery,
  receiver: string,
  why: NoPlace,
): Promise<never> {
  const message =
    why === 'silent'
      ? `${receiver} did not answer the calls before this one, which waits until it does`
      : `${receiver} has as many calls at once as it may`;
  if (delivery.lastError === null) await recordDeferral(deps, delivery.uuid, message);
  throw toDeferral(message, why, activityInfo());
}

function receiverHost({ rule }: OwedDelivery): string {
  const url = rule && readWebhookConfig(rule.config)?.url;
  return url && URL.canParse(url) ? new URL(url).host : '';
}

/** Whose rule it is; a mail to be confirmed has none, and goes to the operator's own server. */
function ownerOf({ delivery }: OwedDelivery): string | undefined {
  const { namespace } = delivery.payload;
  return typeof namespace === 'string' ? namespace : undefined;
}

async function ringOnce(deps: DeliverDeps, deliveryId: string): Promise<DeliveryOutcome> {
  const owed = await findSendable(deps, deliveryId);
  if (typeof owed === 'string') return owed;
  const target = owed.rule && readBellTarget(owed.rule.config);
  const rung = target ? await ringBell(deps, deliveryId, target) : 0;
  if (rung === undefined) return 'gone';
  if (rung > 0) return 'delivered';
  const message = target ? `nobody is behind ${target.kind} "${target.name}"` : 'the rule names no target';
  return fail(deps, owed, { message, permanent: true, responseStatus: null });
}

async function findSendable(deps: DeliverDeps, deliveryId: string): Promise<OwedDelivery | DeliveryOutcome> {
  const owed = await findDelivery(deps.dataSource.manager, deliveryId);
  if (owed?.delivery.status !== 'pending') return 'gone';
  const reason = owed.rule && reasonToSkip(owed.rule);
  if (!reason) return owed;
  await skipDelivery(deps, deliveryId, reason);
  return 'skipped';
}

async function fail(deps: DeliverDeps, { delivery }: OwedDelivery, failure: SendFailure): Promise<never> {
  await recordFailedAttempt(deps, delivery.uuid, {
    error: failure.message,
    responseStatus: failure.responseStatus,
  });
  throw toApplicationFailure(failure, delivery.attempts + 1, activityInfo().retryPolicy);
}

async function postWebhook(
  deps: DeliverDeps,
  { delivery, rule }: OwedDelivery,
): Promise<SendFailure | number> {
  const config = rule && readWebhookConfig(rule.config);
  if (!config) return failedHere('the rule has no webhook address');
  try {
    const answer = await deps.http.request({
      method: 'POST',
      url: config.url,
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Slipway',
        'x-slipway-delivery': delivery.uuid,
        'x-slipway-event': delivery.event,
      },
      body: config.template
        ? renderBodyTemplate(config.template, delivery.payload)
        : JSON.stringify(delivery.payload),
      timeoutMs: deps.config.NOTIFICATION_SEND_TIMEOUT * 1000,
      maxResponseBytes: LARGEST_ANSWER_BYTES,
      // A receiver that said 204 has the message; calling again because of what follows would send it twice.
      ignoreBody: true,
      signal: cancellationSignal(),
    });
    return judgeResponse(answer.status, answer.headers['retry-after'], deps.now()) ?? answer.status;
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    const permanent = error.kind === 'invalid-url' || error.kind === 'refused-address';
    return { message: error.message, permanent, responseStatus: null, isSilence: isSilence(error) };
  }
}

async function sendEmail(deps: DeliverDeps, { delivery, rule }: OwedDelivery): Promise<SendFailure | null> {
  const mail = rule
    ? eventMail(deps, delivery.event, delivery.payload, readEmailConfig(rule.config))
    : delivery.event === CONFIRM_EMAIL
      ? await confirmationMail(deps, delivery.payload)
      : undefined;
  if (!mail) return failedHere('there is no address to write to');
  try {
    await deps.mailer.send({ ...mail, deliveryId: delivery.uuid }, cancellationSignal());
    return null;
  } catch (error) {
    if (!(error instanceof MailError)) throw error;
    const { message, permanent, responseStatus, isSilence } = error;
    return { message, permanent, responseStatus, isSilence };
  }
}

function failedHere(message: string): SendFailure {
  return { message, permanent: true, responseStatus: null };
}

function isSilence({ kind }: OutboundError): boolean {
  return kind === 'timeout' || kind === 'connect-timeout' || kind === 'aborted';
}

function eventMail(
  deps: DeliverDeps,
  event: string,
  payload: Record<string, unknown>,
  config?: { email: string },
) {
  if (!config || !isEventKind(event)) return undefined;
  const message = describeEvent(event, payload);
  const footer = `${deps.config.REGISTRY_TITLE} sends this because of a rule of the repository; its administrators can remove it.`;
  return {
    to: config.email,
    subject: `[${deps.config.REGISTRY_TITLE_SHORT}] ${message.summary}`,
    ...renderMail(message, footer),
  };
}

async function confirmationMail(deps: DeliverDeps, payload: Record<string, unknown>) {
  const issued = await issueConfirmationCode(deps, Number(payload.authorized_email_id));
  return issued && { to: issued.email, ...renderConfirmationMail(deps.config, issued) };
}
