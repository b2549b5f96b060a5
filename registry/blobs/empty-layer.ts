/** The gzip of 1,024 zero bytes: Docker's empty layer, which every repository has (registry spec 4.1). */
export const EMPTY_LAYER = {
  digest: 'sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4',
  bytes: Buffer.from('1f8b080000096e8800ff621805a360148c5800080000ffff2eafb5ef00040000', 'hex'),
};
