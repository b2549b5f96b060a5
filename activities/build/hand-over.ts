import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';

import type { BuildAttempt } from '../../commands/builds/build-attempts';
import { BUILD_HANDED_OVER } from '../../workflows/shared/failure-types';

/**
 * How a build worker that shuts down lets go of its builds. `begin` stops their steps, whose workflows then clean up here and
 * take slots elsewhere; `finish` also ends what is left after that, when no workflow answers. A push under way may go on
 * until then: half of its tags would otherwise stay on an image that is built once more.
 */
export class HandOver {
  readonly #begun = new AbortController();
  readonly #finished = new AbortController();
  readonly #left = new Map<string, BuildAttempt>();

  /** Stops steps that can be done again; the reason is the failure that they end with. */
  get begun(): AbortSignal {
    return this.#begun.signal;
  }

  /** Stops pushes, and ends slots. */
  get finished(): AbortSignal {
    return this.#finished.signal;
  }

  /** Attempts of which a step ran here, and that have not been cleaned up after. */
  get left(): BuildAttempt[] {
    return [...this.#left.values()];
  }

  began(attempt: BuildAttempt): void {
    this.#left.set(keyOf(attempt), attempt);
  }

  cleaned(attempt: BuildAttempt): void {
    this.#left.delete(keyOf(attempt));
  }

  begin(): void {
    this.#begun.abort(handedOver());
  }

  finish(): void {
    this.begin();
    this.#finished.abort(handedOver());
  }
}

function keyOf({ buildId, attempt }: BuildAttempt): string {
  return `${buildId}-${attempt}`;
}

function handedOver(): ApplicationFailure {
  return ApplicationFailure.create({
    message: 'the build worker is shutting down',
    type: BUILD_HANDED_OVER,
    nonRetryable: true,
    category: ApplicationFailureCategory.BENIGN,
  });
}
