import { PossibleStates } from './possible-states';

export type Presence = 'there' | 'gone' | 'broken';

export interface KnownManifest {
  body: string;
  mediaType: string;
}

/** What one client was promised about its repository, which nobody else changes. */
export class ClientJournal {
  readonly blobs = new PossibleStates<Presence>('gone');
  readonly manifests = new PossibleStates<Presence>('gone');
  /** The digest that the tag names; null for none. */
  readonly tags = new PossibleStates<string | null>(null);
  /** Of every blob that was ever begun. */
  readonly sizes = new Map<string, number>();
  readonly bodies = new Map<string, KnownManifest>();
  /** Requests whose answer never came. */
  lostAnswers = 0;
  answers = 0;
  /** Uploads that were gone on with after an interruption. */
  resumed = 0;
  /** Answers that nobody had a reason to expect. */
  readonly findings: string[] = [];
}
