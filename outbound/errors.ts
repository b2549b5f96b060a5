/**
 * Why a call to an address that somebody else chose did not work. `invalid-url` and `refused-address` stay wrong
 * until somebody edits the address; everything else may pass with time.
 */
export type OutboundErrorKind =
  | 'invalid-url'
  | 'refused-address'
  | 'unknown-host'
  | 'connect-refused'
  | 'connect-timeout'
  | 'timeout'
  | 'too-large'
  | 'tls'
  | 'reset'
  | 'aborted';

/** The message names the host and may be shown to the person who typed the address. */
export class OutboundError extends Error {
  constructor(
    readonly kind: OutboundErrorKind,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'OutboundError';
  }
}

const KIND_OF_CODE: Record<string, OutboundErrorKind> = {
  ECONNREFUSED: 'connect-refused',
  EHOSTUNREACH: 'connect-refused',
  ENETUNREACH: 'connect-refused',
  EHOSTDOWN: 'connect-refused',
  EADDRNOTAVAIL: 'connect-refused',
  ETIMEDOUT: 'connect-timeout',
  UND_ERR_CONNECT_TIMEOUT: 'connect-timeout',
  UND_ERR_HEADERS_OVERFLOW: 'too-large',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  UND_ERR_SOCKET: 'reset',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'reset',
  EPROTO: 'tls',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'tls',
  SELF_SIGNED_CERT_IN_CHAIN: 'tls',
  HOSTNAME_MISMATCH: 'tls',
};
const TLS_CODE = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|INVALID_CA|INVALID_PURPOSE|CRL_)/;

/** What a socket, TLS or HTTP error means for the caller; anything unforeseen is given back as it is. */
export function explainFailure(error: unknown, origin: string): unknown {
  if (!(error instanceof Error) || error instanceof OutboundError) return error;
  const code = codeOf(error);
  const kind = kindOf(code);
  if (!kind) return error;
  return new OutboundError(kind, describe(kind, origin, code, error), { cause: error });
}

function kindOf(code: string): OutboundErrorKind | undefined {
  if (TLS_CODE.test(code)) return 'tls';
  if (code.startsWith('HPE_HEADER_OVERFLOW')) return 'too-large';
  return code.startsWith('HPE_') ? 'reset' : KIND_OF_CODE[code];
}

function codeOf(error: Error): string {
  // With several addresses Node throws one AggregateError; the last attempt speaks for all of them.
  if (error instanceof AggregateError) {
    const last: unknown = error.errors.at(-1);
    if (last instanceof Error) return codeOf(last);
  }
  if ('code' in error && typeof error.code === 'string') return error.code;
  // undici's parser leaves the code away for bytes that are not HTTP at all.
  return error.name === 'HTTPParserError' ? 'HPE_INVALID' : '';
}

function describe(kind: OutboundErrorKind, origin: string, code: string, error: Error): string {
  switch (kind) {
    case 'connect-refused':
      return code === 'ECONNREFUSED'
        ? `${origin} refused the connection`
        : `there is no way to ${origin} (${code})`;
    case 'connect-timeout':
      return `${origin} did not accept the connection in time`;
    case 'too-large':
      return `${origin} answered with headers that are too large`;
    case 'tls':
      return `the TLS connection to ${origin} failed: ${error.message.split('\n', 1)[0]}`;
    case 'reset':
      return code.startsWith('HPE_')
        ? `${origin} did not answer with valid HTTP`
        : `${origin} closed the connection before the answer was complete`;
    case 'invalid-url':
    case 'refused-address':
    case 'unknown-host':
    case 'timeout':
    case 'aborted':
      return error.message;
    default:
      return kind satisfies never;
  }
}
