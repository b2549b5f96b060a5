/** How often a build begins from clone before it is given up (temporal spec 5). */
export const MAX_BUILD_ATTEMPTS = 3;
