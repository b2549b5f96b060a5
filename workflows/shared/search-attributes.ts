import { defineSearchAttributeKey } from '@temporalio/common';

/** Registered when the server's namespace is made; all are keywords (temporal spec 14). */
export const RegistryNamespace = defineSearchAttributeKey('RegistryNamespace', 'KEYWORD');
/** `namespace/name`. */
export const Repository = defineSearchAttributeKey('Repository', 'KEYWORD');
export const BuildPhaseAttribute = defineSearchAttributeKey('BuildPhase', 'KEYWORD');
export const ImageDigest = defineSearchAttributeKey('ImageDigest', 'KEYWORD');
/** What started it: the kind of a trigger, or the event of a delivery. */
export const TriggerKind = defineSearchAttributeKey('TriggerKind', 'KEYWORD');
