/** The bytes are those that were pushed, and nobody can read them as a layer. */
export class UnreadableLayerError extends Error {
  constructor(digest: string, reason: string, options?: ErrorOptions) {
    super(`layer ${digest} cannot be read: ${reason}`, options);
    this.name = 'UnreadableLayerError';
  }
}

/** Storage gives other bytes than those that were pushed. */
export class LayerDigestError extends Error {
  constructor(digest: string, found: string) {
    super(`layer ${digest} is damaged in storage: its bytes have the digest ${found}`);
    this.name = 'LayerDigestError';
  }
}

/** Storage failed while the layer was being read. */
export class LayerSourceError extends Error {
  constructor(digest: string, cause: unknown) {
    super(`layer ${digest} could not be read from storage`, { cause });
    this.name = 'LayerSourceError';
  }
}

export class LayerTimeoutError extends Error {
  constructor(digest: string, timeoutMs: number) {
    super(`layer ${digest} could not be read within ${Math.round(timeoutMs / 1000)} s`);
    this.name = 'LayerTimeoutError';
  }
}
