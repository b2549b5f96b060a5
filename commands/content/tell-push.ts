import type { PublicAddress } from '../../model/event-payloads';
import { repoPushPayload } from '../../model/event-payloads';
import type { Act } from '../act';
import { writeAudit } from '../act';
import { raiseEvent } from '../notifications/raise-event';
import type { OpenRepository } from './push-gate';
import { subjectOf } from './tags';

export interface PushedTag {
  repository: OpenRepository;
  tag: string;
  mediaType: string;
  /** Keys of the usage log that tell who it was. */
  pusher: Record<string, unknown>;
}

/** What follows when a tag was pushed: an entry of the usage log, and word to the rules of the repository. */
export async function tellPush(act: Act, address: PublicAddress, pushed: PushedTag): Promise<void> {
  const { repository, tag, mediaType, pusher } = pushed;
  const { namespace, name } = repository.path;
  await writeAudit(act, 'push_repo', subjectOf(repository), {
    ...pusher,
    repo: name,
    namespace,
    tag,
    mediaType,
  });
  await raiseEvent(act, {
    kind: 'repo_push',
    repository: { id: repository.id, namespace, name },
    payload: { ...repoPushPayload(address, { namespace, name }, [tag]) },
  });
}
