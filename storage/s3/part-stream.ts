import { UploadLimitError } from '../errors';
import type { PartBudget } from './part-budget';
import type { MultipartTarget, Part, S3Multiparts } from './s3-multiparts';

export interface PartStreamDeps {
  multiparts: S3Multiparts;
  budget: PartBudget;
}

/** A multipart upload with parts that are in the store. */
export interface Multipart extends MultipartTarget {
  parts: Part[];
}

const PARTS_AT_ONCE = 2;
/** More the protocol does not have. */
const MOST_PARTS = 10_000;

/**
 * Cuts bytes into parts and sends each once it is full; the multipart upload begins with the first. What does not fill a part
 * waits here as the tail. After a call that has thrown only `abandon` makes sense.
 */
export class PartStream {
  private id: string | undefined;
  private readonly parts: Part[];
  private readonly partBytes: number;
  private nextNumber: number;
  private sentBytes: number;
  private filling: Buffer | undefined;
  private filledBytes = 0;
  private readonly sending = new Set<Promise<void>>();
  private failure: { error: unknown } | undefined;

  constructor(
    private readonly deps: PartStreamDeps,
    /** Of the object that the parts are to become. */
    private readonly key: string,
    private readonly begun?: Multipart,
  ) {
    this.id = begun?.id;
    this.parts = [...(begun?.parts ?? [])];
    this.partBytes = deps.budget.partBytes(this.parts[0]?.sizeBytes);
    this.nextNumber = this.parts.length + 1;
    this.sentBytes = sizeOfParts(this.parts);
  }

  get sizeBytes(): number {
    return this.sentBytes + this.filledBytes;
  }

  /** Valid until the next write. */
  get tail(): Buffer {
    return this.filling?.subarray(0, this.filledBytes) ?? Buffer.alloc(0);
  }

  /** Undefined while no part was full. Whole only after `settle`. */
  get multipart(): Multipart | undefined {
    return this.id === undefined ? undefined : { key: this.key, id: this.id, parts: this.parts };
  }

  /** Resolves once the bytes were taken; a part that was refused is told of by a later call. */
  async write(batch: readonly Buffer[]): Promise<void> {
    for (const chunk of batch) {
      let position = 0;
      while (position < chunk.length) {
        this.filling ??= this.deps.budget.takeBuffer(this.partBytes);
        const copied = chunk.copy(this.filling, this.filledBytes, position);
        position += copied;
        this.filledBytes += copied;
        if (this.filledBytes === this.filling.length) await this.sendFilled(this.filling);
      }
    }
    this.throwFailure();
  }

  /** Resolves when the store has every part that was sent. */
  async settle(): Promise<void> {
    await Promise.all(this.sending);
    this.throwFailure();
  }

  /** Sends the tail as the last part, however small it is. */
  async finish(): Promise<Multipart | undefined> {
    if (this.filling && this.id !== undefined) await this.sendFilled(this.filling);
    await this.settle();
    return this.multipart;
  }

  /** After a failure: nothing stays of a multipart upload that began here. Never rejects. */
  async abandon(): Promise<void> {
    await Promise.all(this.sending);
    const { multipart } = this;
    if (multipart && !this.begun) await this.deps.multiparts.abortIfPossible(multipart);
  }

  /** The last call, after all went well: the memory of the tail is somebody else's from now on. */
  release(): void {
    if (this.filling) this.deps.budget.giveBack(this.filling);
    this.filling = undefined;
    this.filledBytes = 0;
  }

  private async sendFilled(buffer: Buffer): Promise<void> {
    if (this.nextNumber > MOST_PARTS) throw new UploadLimitError(this.key, this.sizeBytes);
    this.id ??= await this.deps.multiparts.begin(this.key);
    await this.deps.budget.claim();
    const number = this.nextNumber;
    const sizeBytes = this.filledBytes;
    this.nextNumber += 1;
    this.sentBytes += sizeBytes;
    this.filling = undefined;
    this.filledBytes = 0;
    const sending = this.deliver({ key: this.key, id: this.id }, number, { buffer, sizeBytes });
    this.sending.add(sending);
    void sending.then(() => this.sending.delete(sending));
    if (this.sending.size >= PARTS_AT_ONCE) await Promise.race(this.sending);
    this.throwFailure();
  }

  /** Never rejects: parts are sent beside each other, and the next call tells. */
  private async deliver(
    target: MultipartTarget,
    number: number,
    { buffer, sizeBytes }: { buffer: Buffer; sizeBytes: number },
  ): Promise<void> {
    const { multiparts, budget } = this.deps;
    try {
      this.parts[number - 1] = await multiparts.send(target, number, buffer.subarray(0, sizeBytes));
      budget.giveBack(buffer);
    } catch (error) {
      this.failure ??= { error };
    } finally {
      budget.release();
    }
  }

  private throwFailure(): void {
    if (this.failure) throw this.failure.error;
  }
}

export function sizeOfParts(parts: readonly Part[]): number {
  let sizeBytes = 0;
  for (const part of parts) sizeBytes += part.sizeBytes;
  return sizeBytes;
}
