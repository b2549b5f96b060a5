/** Severity levels in Quay's order; the index is what `vulnerability_found` rules call `level` (notifications spec 2.3). */
export const SEVERITIES = ['Critical', 'High', 'Medium', 'Low', 'Negligible', 'Unknown'] as const;
export type Severity = (typeof SEVERITIES)[number];
