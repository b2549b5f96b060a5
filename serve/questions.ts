import { EventEmitter, once } from 'node:events';
import { randomUUID } from 'node:crypto';

import type { Answer, Message, Question, Subject } from './messages';

/** Below the limit of the health server, so that it can say who did not answer. */
const ANSWER_LIMIT_MS = 4000;

/** The end of the channel between two processes of one `serve`. */
interface Channel {
  send(message: Message): void;
  /** In messages: the process at the other end. */
  name: string;
}

/** Asks the process at the other end of a channel, and answers what it asks. */
export class Questions {
  readonly #answers = new EventEmitter();

  constructor(
    private readonly channel: Channel,
    private readonly answerTo: (about: Subject) => Promise<unknown>,
  ) {}

  /** Takes a message that is a question or an answer; others are not its concern. */
  take(message: Message): void {
    if (message.kind === 'answer') this.#answers.emit(message.id, message);
    else if (message.kind === 'question') void this.#answer(message);
  }

  /** Rejects with the problem of the other process, or when it does not answer. */
  async ask(about: Subject): Promise<unknown> {
    const id = randomUUID();
    const answered = once(this.#answers, id, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) });
    this.channel.send({ kind: 'question', id, about });
    let answer: Answer;
    try {
      [answer] = (await answered) as [Answer];
    } catch (cause) {
      throw new Error(`${this.channel.name} does not answer`, { cause });
    }
    if (answer.problem !== undefined) throw new Error(`${this.channel.name}: ${answer.problem}`);
    return answer.value;
  }

  async #answer({ id, about }: Question): Promise<void> {
    try {
      this.channel.send({ kind: 'answer', id, value: await this.answerTo(about) });
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      this.channel.send({ kind: 'answer', id, problem });
    }
  }
}
