import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';

import { BUILD_ATTEMPT_OVER, BUILD_USER_ERROR } from '../../workflows/shared/failure-types';

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
