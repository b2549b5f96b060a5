import { DefaultNamingStrategy } from 'typeorm';

/** `lifetimeStartMs` ↔ `lifetime_start_ms`: raw SQL and entities name a column alike. */
export class SnakeCaseNaming extends DefaultNamingStrategy {
  override columnName(propertyName: string, customName: string): string {
    return customName || propertyName.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  }
}
