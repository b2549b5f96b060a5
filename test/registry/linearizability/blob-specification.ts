import type { Specification } from './linearize';

export type BlobAct =
  | 'push'
  | 'push in two requests'
  | 'mount'
  | 'head'
  | 'get'
  | 'delete'
  | 'head of mounted'
  | 'delete mounted'
  | 'put manifest'
  | 'delete manifest';

interface State {
  inSource: boolean;
  inTarget: boolean;
  /** A manifest of the source that names the blob. */
  hasManifest: boolean;
}

/** A blob of one repository that may be mounted into another; what is told are statuses (registry spec 4, 5). */
export const BLOB: Specification<State, BlobAct, number> = {
  initial: { inSource: false, inTarget: false, hasManifest: false },
  apply(state, act) {
    const { inSource, inTarget, hasManifest } = state;
    const unchanged = (output: number) => ({ state, output });
    switch (act) {
      case 'push':
      case 'push in two requests':
        return { state: { ...state, inSource: true }, output: 201 };
      case 'mount':
        return inSource ? { state: { ...state, inTarget: true }, output: 201 } : unchanged(202);
      case 'head':
      case 'get':
        return unchanged(inSource ? 200 : 404);
      case 'delete':
        if (!inSource) return unchanged(404);
        return hasManifest ? unchanged(405) : { state: { ...state, inSource: false }, output: 202 };
      case 'head of mounted':
        return unchanged(inTarget ? 200 : 404);
      case 'delete mounted':
        return { state: { ...state, inTarget: false }, output: inTarget ? 202 : 404 };
      case 'put manifest':
        return inSource ? { state: { ...state, hasManifest: true }, output: 201 } : unchanged(400);
      case 'delete manifest':
        return { state: { ...state, hasManifest: false }, output: hasManifest ? 202 : 404 };
      default:
        return act satisfies never;
    }
  },
};
