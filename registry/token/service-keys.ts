import { generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

import type { CryptoKey } from 'jose';
import { exportJWK, exportPKCS8, importJWK, importPKCS8 } from 'jose';
import type { DataSource } from 'typeorm';

import type { ServiceKey } from '../../db/entities/accounts';
import { insertFirstServiceKey, serviceKeys } from '../../db/stores/service-keys';

const ALGORITHM = 'RS256';
/** A token with a key id that nobody knows must not become a query per request. */
const RELOAD_INTERVAL_MS = 5_000;

interface SigningKey {
  kid: string;
  key: CryptoKey;
}

/** The key pairs that sign registry tokens, shared by all processes through the database. */
export class ServiceKeys {
  private signing: Promise<SigningKey> | undefined;
  private readonly publicKeys = new Map<string, CryptoKey>();
  private loading: Promise<void> | undefined;
  private loadedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly dataSource: DataSource,
    private readonly now: () => number,
  ) {}

  /** The newest key; the first process that asks in the life of the installation makes it. */
  async signingKey(): Promise<SigningKey> {
    this.signing ??= this.loadSigningKey();
    try {
      return await this.signing;
    } catch (error) {
      this.signing = undefined;
      throw error;
    }
  }

  async publicKey(kid: string): Promise<CryptoKey | undefined> {
    if (!this.publicKeys.has(kid)) await this.reload();
    return this.publicKeys.get(kid);
  }

  /** All who ask while keys are being read wait for them, and a read that failed is no answer: their tokens may be good. */
  private async reload(): Promise<void> {
    const isRecent = Math.abs(this.now() - this.loadedAtMs) < RELOAD_INTERVAL_MS;
    if (!this.loading && isRecent) return;
    this.loading ??= this.loadPublicKeys().finally(() => {
      this.loading = undefined;
    });
    await this.loading;
  }

  private async loadPublicKeys(): Promise<void> {
    for (const row of await serviceKeys(this.dataSource.manager, this.now())) await this.learn(row);
    this.loadedAtMs = this.now();
  }

  private async loadSigningKey(): Promise<SigningKey> {
    const nowMs = this.now();
    let [row] = await serviceKeys(this.dataSource.manager, nowMs);
    if (!row) {
      await insertFirstServiceKey(this.dataSource.manager, { ...(await makeKeyPair()), createdAtMs: nowMs });
      [row] = await serviceKeys(this.dataSource.manager, nowMs);
    }
    if (!row) throw new Error('no service key could be made');
    await this.learn(row);
    return { kid: row.kid, key: await importPKCS8(row.privatePem, ALGORITHM) };
  }

  private async learn(row: ServiceKey): Promise<void> {
    const key = await importJWK(JSON.parse(row.publicJwk) as Record<string, string>, ALGORITHM);
    // RSA keys come as CryptoKey; only symmetric ones are bytes.
    if (!(key instanceof Uint8Array)) this.publicKeys.set(row.kid, key);
  }
}

async function makeKeyPair(): Promise<Pick<ServiceKey, 'kid' | 'publicJwk' | 'privatePem'>> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const kid = randomBytes(16).toString('base64url');
  const publicJwk = JSON.stringify({ ...(await exportJWK(publicKey)), kid, alg: ALGORITHM, use: 'sig' });
  return { kid, publicJwk, privatePem: await exportPKCS8(privateKey) };
}
