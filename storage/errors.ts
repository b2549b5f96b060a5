/** No space (or quota) left where bytes live; what the failed call wrote is freed already. */
export class StorageFullError extends Error {
  constructor(key: string, options?: ErrorOptions) {
    super(`storage has no room left for "${key}"`, options);
    this.name = 'StorageFullError';
  }
}

/** The place where bytes live does not let them be written now: read-only, without permission, or broken. */
export class StorageUnwritableError extends Error {
  constructor(key: string, options?: ErrorOptions) {
    super(`storage does not let "${key}" be written`, options);
    this.name = 'StorageUnwritableError';
  }
}

/** The service where bytes live does not answer, or not as it should, and several attempts have not changed that. */
export class StorageUnavailableError extends Error {
  constructor(key: string, options?: ErrorOptions) {
    super(`storage cannot do its work for "${key}" now`, options);
    this.name = 'StorageUnavailableError';
  }
}

/** Nothing is stored under the key: a blob or an object. */
export class BlobMissingError extends Error {
  constructor(
    readonly key: string,
    options?: ErrorOptions,
  ) {
    super(`storage has no "${key}"`, options);
    this.name = 'BlobMissingError';
  }
}

/** The bytes of an upload session are gone, or fewer than its row says. */
export class UploadMissingError extends Error {
  constructor(
    readonly key: string,
    detail = 'is not in storage',
    options?: ErrorOptions,
  ) {
    super(`upload "${key}" ${detail}`, options);
    this.name = 'UploadMissingError';
  }
}

/** The source had more bytes than the caller allowed. */
export class UploadLimitError extends Error {
  constructor(
    key: string,
    readonly limitBytes: number,
  ) {
    super(`upload "${key}" is longer than the ${limitBytes} bytes that were allowed`);
    this.name = 'UploadLimitError';
  }
}
