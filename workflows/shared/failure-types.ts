/** Types of `ApplicationFailure` that workflows tell apart; activities throw them (temporal spec 4, 7). */
export const DELIVERY_REFUSED = 'DeliveryRefused';
