import { defineQuery, defineSignal } from '@temporalio/workflow';

import type { BuildFinished, DropBuild, EnqueueBuild, HoldingBuilder } from './contracts';

export const enqueueBuild = defineSignal<[EnqueueBuild]>('enqueueBuild');
export const dropBuild = defineSignal<[DropBuild]>('dropBuild');
export const buildFinished = defineSignal<[BuildFinished]>('buildFinished');
export const holdingBuilder = defineSignal<[HoldingBuilder]>('holdingBuilder');
/** Ids of the builds that a `buildQueue` holds, waiting or running. */
export const heldBuilds = defineQuery<string[]>('heldBuilds');
