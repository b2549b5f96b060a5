/** PEP 503: one spelling per project, `Foo.Bar_baz` → `foo-bar-baz`. */
export function normalizePythonName(name: string): string {
  return name
    .trim()
    .toLowerCase()
    .replace(/[-_.]+/g, '-');
}
