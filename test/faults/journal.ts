import type { BuiltImage } from '../support/images';
import type { FaultKind, Target } from './plan';

/** The registry said 201 to this manifest. */
export interface AcknowledgedPush {
  repository: string;
  tag: string;
  image: BuiltImage;
}

/** The webhook answered the hook with this build. */
export interface AcknowledgedBuild {
  repository: string;
  buildId: string;
  commit: string;
}

export interface InflictedFault {
  target: Target;
  kind: FaultKind;
  fromMs: number;
  /** When the target did its work again. */
  untilMs: number;
}

/** What the outside world was promised, and what was done to the product meanwhile. */
export class Journal {
  readonly pushes: AcknowledgedPush[] = [];
  readonly builds: AcknowledgedBuild[] = [];
  /** Pushed, but nobody was told of a build: there may be one, or none. */
  readonly unacknowledgedCommits: string[] = [];
  readonly faults: InflictedFault[] = [];
  /** Answers that a client had no reason to expect, whatever was away. */
  readonly oddAnswers: string[] = [];
  /** Parts that ended without being told to, and were started again. */
  readonly ownEnds: string[] = [];

  /** True when a fault of the target touched this time. */
  wasAway(target: Target, fromMs: number, untilMs: number): boolean {
    return this.faults.some(
      (fault) => fault.target === target && fault.fromMs <= untilMs && fault.untilMs >= fromMs,
    );
  }
}
