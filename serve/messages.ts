/** What the processes of one `serve` tell each other. */
export type Message =
  /** `processId` is the name under which a process owns uploads. */
  | { kind: 'serving'; processId: string }
  /** One that died: nobody need wait for the leases of its uploads to run out. */
  | { kind: 'died'; processId: string }
  | { kind: 'stop' }
  /** Repeated for those that do not end soon enough. */
  | { kind: 'hurry' }
  | Question
  | Answer;

export interface Question {
  kind: 'question';
  id: string;
  about: Subject;
}

/** `problem` in place of a value. */
export interface Answer {
  kind: 'answer';
  id: string;
  value?: unknown;
  problem?: string;
}

/** `metrics` are those of the process that is asked, `all-metrics` the sum over all as Prometheus reads it. */
export type Subject = 'health' | 'metrics' | 'all-metrics';
