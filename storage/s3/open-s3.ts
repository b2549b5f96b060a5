import type { S3Options } from './s3-place';
import { createS3Place } from './s3-place';
import { S3Storage } from './s3-storage';

/** The one door to this folder: whoever comes through it loads the SDK. */
export function openS3(options: S3Options): S3Storage {
  return new S3Storage(createS3Place(options));
}
