import type { S3Objects } from './s3-objects';

const LIFETIME_S = 20 * 60;
/** So that whoever gets a link has it for at least three quarters of its life. */
const REUSED_FOR_MS = (LIFETIME_S * 1000) / 4;
const REMEMBERED_LINKS = 10_000;

interface Link {
  url: Promise<string>;
  staleAtMs: number;
}

/** Signed addresses of objects: signing takes a millisecond, so those of late are given again (performance spec 4.5). */
export class BlobLinks {
  /** The oldest comes first. */
  private readonly links = new Map<string, Link>();

  constructor(
    private readonly objects: Pick<S3Objects, 'link'>,
    /** Milliseconds. */
    private readonly now: () => number = () => performance.now(),
  ) {}

  of(key: string): Promise<string> {
    const known = this.links.get(key);
    if (known && this.now() < known.staleAtMs) return known.url;
    return this.sign(key);
  }

  private sign(key: string): Promise<string> {
    const url = this.objects.link(key, LIFETIME_S);
    // One that failed is tried again by the next who asks.
    url.catch(() => this.links.delete(key));
    this.links.delete(key);
    this.links.set(key, { url, staleAtMs: this.now() + REUSED_FOR_MS });
    const oldest = this.links.size > REMEMBERED_LINKS ? this.links.keys().next().value : undefined;
    if (oldest !== undefined) this.links.delete(oldest);
    return url;
  }
}
