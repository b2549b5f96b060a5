import type {
  AttemptState,
  BegunAttempt,
  BuildAttempt,
  RunningPhase,
} from '../../commands/builds/build-attempts';
import type { BuildFailure, BuiltImage } from '../../commands/builds/finish-build';

export type { BegunAttempt, BuildAttempt, RunningPhase };

/** One signal to the workflow, then heartbeats until the build lets go: the slot of a build worker. */
export interface BuilderActivities {
  holdBuilder(attempt: BuildAttempt): Promise<void>;
}

/** Where the checkout holds what is built; paths are relative to the host's work folder of the attempt. */
export interface PreparedContext {
  context: string;
  dockerfile: string;
  /** External images that stages begin from, as far as the Dockerfile tells without being run. */
  baseImages: string[];
}

/** Steps on the host that holds the build; user errors and lost attempts are `ApplicationFailure`s of those types. */
export interface BuildStepActivities {
  /** Puts exactly the commit of the build into the work folder. */
  cloneSource(attempt: BuildAttempt): Promise<void>;
  prepareContext(attempt: BuildAttempt): Promise<PreparedContext>;
  /** Asks the registries of the base images whether they are there for us. */
  checkBaseImages(attempt: BuildAttempt, baseImages: string[]): Promise<void>;
  /** Answers the image's id in the engine. */
  buildImage(attempt: BuildAttempt, prepared: PreparedContext): Promise<string>;
  /** Answers the digest that the registry has for every tag. */
  pushImage(attempt: BuildAttempt, imageId: string): Promise<string>;
  cleanUp(attempt: BuildAttempt): Promise<void>;
}

/** Our own record of a build, kept beside the workflow code as it goes on; each may be repeated. */
export interface BuildMarkActivities {
  beginAttempt(attempt: BuildAttempt): Promise<BegunAttempt | null>;
  markBuild(attempt: BuildAttempt, phase: RunningPhase): Promise<AttemptState>;
}

/** The same record, on the queue `maintenance`. */
export interface BuildRecordActivities {
  recordLostAttempt(attempt: BuildAttempt, message: string): Promise<AttemptState>;
  completeBuild(attempt: BuildAttempt, image: BuiltImage): Promise<AttemptState>;
  /** With what a lost attempt has pushed. */
  completePushedBuild(attempt: BuildAttempt): Promise<AttemptState>;
  failBuild(attempt: BuildAttempt, failure: BuildFailure): Promise<AttemptState>;
  recordCancelledBuild(buildId: string): Promise<void>;
  /** Moves the log of an ended build from rows into one object. */
  archiveLog(buildId: string): Promise<void>;
  /** Those of the builds that have not ended. */
  keepOpenBuilds(buildIds: string[]): Promise<string[]>;
}
