import type { Labels } from '../../model/manifest-labels';
import type { ParsedManifest } from '../../model/manifests';

export interface ManifestPush {
  /** In the algorithm of the client's reference; of the body, as the caller has checked. */
  digest: string;
  /** Tags to point at it; none for a push by digest alone. */
  tags: string[];
  body: Buffer;
  manifest: ParsedManifest;
  /** Labels of the image's config, read from storage before the transaction. */
  configLabels: Labels;
}
