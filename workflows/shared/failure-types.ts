/** Types of `ApplicationFailure` that workflows tell apart; activities throw them (temporal spec 4, 7). */
export const DELIVERY_REFUSED = 'DeliveryRefused';
/** The bytes of a layer are those that were pushed, and no archive that can be read. */
export const LAYER_UNREADABLE = 'LayerUnreadable';
/** A step of a build failed for a reason that a user can mend; `details[0]` is a code of builds spec 5.9. */
export const BUILD_USER_ERROR = 'BuildUserError';
/** The build worker shuts down: the build begins again on another one, which is no fault of anybody. */
export const BUILD_HANDED_OVER = 'BuildHandedOver';
/** The build has ended, or a newer attempt of it runs: whoever notices stops quietly. */
export const BUILD_ATTEMPT_OVER = 'BuildAttemptOver';
/** The host of a build cannot do a step: not repeated there, the build begins again. */
export const BUILD_HOST_FAILED = 'BuildHostFailed';
