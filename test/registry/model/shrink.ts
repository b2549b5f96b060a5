/**
 * Leaves out of a failing list what the failure does not need, first halves, then ever smaller pieces (delta debugging).
 * It ends when no single item can be left out, or at the deadline with what it has by then.
 */
export async function shrink<T>(
  failing: readonly T[],
  fails: (items: readonly T[]) => Promise<boolean>,
  deadlineMs: number,
): Promise<readonly T[]> {
  let left = failing;
  let size = Math.ceil(left.length / 2);
  while (size >= 1) {
    let isShorter = false;
    // From the end: what came first is what later things are about.
    for (let start = left.length - size; start > -size; start -= size) {
      if (performance.now() >= deadlineMs) return left;
      const from = Math.max(0, start);
      const without = [...left.slice(0, from), ...left.slice(start + size)];
      if (without.length === left.length || !(await fails(without))) continue;
      left = without;
      isShorter = true;
    }
    if (size === 1 && !isShorter) return left;
    size = size === 1 ? 1 : Math.ceil(size / 2);
  }
  return left;
}
