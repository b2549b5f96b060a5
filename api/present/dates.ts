/** `Fri, 21 Aug 2026 16:02:54 -0000`: RFC 2822 with a numeric zone (api spec 4). */
export function rfcDate(atMs: number): string {
  return new Date(atMs).toUTCString().replace('GMT', '-0000');
}

export function unixSeconds(atMs: number): number {
  return Math.floor(atMs / 1000);
}
