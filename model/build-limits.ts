/** How often a build begins from clone before it is given up (temporal spec 5). */
export const MAX_BUILD_ATTEMPTS = 3;
/** How often a build is handed over to another worker, beside that; a build that outlasts so many shutdowns never ends. */
export const MAX_BUILD_HAND_OVERS = 10;
