import type { Specification } from './linearize';

export const IMAGES = ['a', 'b', 'c'] as const;
type Image = (typeof IMAGES)[number];

export type TagInput =
  | { act: 'put' | 'delete manifest' | 'read manifest'; image: Image }
  | { act: 'delete tag' | 'read' | 'list' };
/** A status; of a read the image or the code of the refusal; of a list whether the tag was in it. */
export type TagOutput = number | string | boolean;

interface State {
  tag: Image | null;
  /** It was there once. */
  existed: boolean;
  /** Those that were put and not deleted since. */
  manifests: Image[];
}

/** A tag that names one of three images, and their manifests (registry spec 5, 6). */
export const TAG: Specification<State, TagInput, TagOutput> = {
  initial: { tag: null, existed: false, manifests: [] },
  apply(state, input) {
    const { tag, manifests } = state;
    switch (input.act) {
      case 'put': {
        const others = manifests.filter((image) => image !== input.image);
        const after = { tag: input.image, existed: true, manifests: [...others, input.image].sort() };
        return { state: after, output: 201 };
      }
      case 'delete tag':
        return { state: { ...state, tag: null }, output: tag === null ? 404 : 202 };
      case 'delete manifest': {
        if (!manifests.includes(input.image)) return { state, output: 404 };
        const left = manifests.filter((image) => image !== input.image);
        return { state: { ...state, tag: tag === input.image ? null : tag, manifests: left }, output: 202 };
      }
      case 'read':
        return { state, output: tag ?? (state.existed ? 'TAG_EXPIRED' : 'MANIFEST_UNKNOWN') };
      case 'read manifest':
        return { state, output: manifests.includes(input.image) ? 200 : 404 };
      case 'list':
        return { state, output: tag !== null };
      default:
        return input satisfies never;
    }
  },
};
