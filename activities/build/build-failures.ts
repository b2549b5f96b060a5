import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';

import {
  BUILD_ATTEMPT_OVER,
  BUILD_HOST_FAILED,
  BUILD_USER_ERROR,
} from '../../workflows/shared/failure-types';

/** Codes of builds spec 5.9 that name what a user can mend. */
export type UserErrorCode =
  'gitfailure' | 'gitcheckout' | 'dockerfileissue' | 'cannotpullbaseimage' | 'builderror';

/** Ends the build in phase `error`, at once; the message is what the user reads. */
export function userError(code: UserErrorCode, message: string): ApplicationFailure {
  return ApplicationFailure.create({
    message,
    type: BUILD_USER_ERROR,
    nonRetryable: true,
    details: [code],
    category: ApplicationFailureCategory.BENIGN,
  });
}

/** The record says that this attempt is no longer the one that counts. */
export function attemptOver(state: 'superseded' | 'ended'): ApplicationFailure {
  return ApplicationFailure.create({
    message: `the build is ${state}`,
    type: BUILD_ATTEMPT_OVER,
    nonRetryable: true,
    category: ApplicationFailureCategory.BENIGN,
  });
}

export const DISK_FULL = /no space left on device|out of diskspace|disk quota exceeded/i;

/** The build begins again, maybe on another host: here there is no more room a few seconds later. */
export function diskFull(whose: 'build host' | 'engine', said: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(`the disk of the ${whose} is full: ${said}`, BUILD_HOST_FAILED);
}

/** A full disk as such, whatever a step was doing; everything else as it is. */
export function explainFullDisk(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof ApplicationFailure) return error;
  const { code } = error as NodeJS.ErrnoException;
  // Where this host keeps its builds is nobody's business.
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return diskFull('build host', error.message.replace(/ '.*$/s, ''));
  }
  return DISK_FULL.test(error.message) ? diskFull('engine', error.message) : error;
}
