import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';

import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type Docker from 'dockerode';
import { parse } from 'protobufjs';

import type { RegistryCredentials } from './step-deps';

const PROTO = `
  syntax = "proto3";
  message CredentialsRequest { string Host = 1; }
  message CredentialsResponse { string Username = 1; string Secret = 2; }
  message HealthCheckRequest { string service = 1; }
  message HealthCheckResponse { int32 status = 1; }`;

/** Of grpc.health.v1. */
const SERVING = 1;

export interface BuildSession {
  id: string;
  close(): void;
}

export interface HostCredentials extends RegistryCredentials {
  /** The registry that may see them. */
  host: string;
}

/**
 * The channel on which BuildKit asks us for credentials. dockerode's own gives the same ones to every registry that a
 * Dockerfile names; this one gives them to ours alone.
 */
export async function openBuildSession(docker: Docker, credentials: HostCredentials): Promise<BuildSession> {
  const id = randomUUID();
  const socket = await dialSession(docker, id);
  const credentialsOfServer = ServerCredentials.createInsecure();
  const server = new Server();
  server.addService(sessionServices(), answers(credentials));
  server.createConnectionInjector(credentialsOfServer).injectConnection(socket);
  return {
    id,
    close() {
      server.forceShutdown();
      socket.destroy();
    },
  };
}

function dialSession(docker: Docker, id: string): Promise<Duplex> {
  const options = {
    method: 'POST',
    path: '/session',
    hijack: true,
    headers: {
      Upgrade: 'h2c',
      'X-Docker-Expose-Session-Uuid': id,
      'X-Docker-Expose-Session-Name': 'slipway',
    },
    statusCodes: { 200: true, 500: 'server error' },
  };
  return new Promise((resolve, reject) => {
    // The modem is dockerode's untyped transport.
    const modem = docker.modem as {
      dial(options: object, done: (error: Error | null, socket: Duplex) => void): void;
    };
    modem.dial(options, (error, socket) => (error ? reject(error) : resolve(socket)));
  });
}

interface CredentialsRequest {
  Host: string;
}

/** The engine asks for our health every second and drops a session that does not answer. */
function sessionServices(): ServiceDefinition {
  const { root } = parse(PROTO);
  const unary = (path: string, message: string) => {
    const request = root.lookupType(`${message}Request`);
    const response = root.lookupType(`${message}Response`);
    return {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: (value: object) => Buffer.from(request.encode(value).finish()),
      requestDeserialize: (bytes: Buffer) => request.toObject(request.decode(bytes), { defaults: true }),
      responseSerialize: (value: object) => Buffer.from(response.encode(value).finish()),
      responseDeserialize: (bytes: Buffer) => response.toObject(response.decode(bytes)),
    };
  };
  return {
    Credentials: unary('/moby.filesync.v1.Auth/Credentials', 'Credentials'),
    Check: unary('/grpc.health.v1.Health/Check', 'HealthCheck'),
  };
}

function answers({ host, username, password }: HostCredentials): UntypedServiceImplementation {
  return {
    Credentials(
      call: { request: CredentialsRequest },
      callback: (error: null, value: { Username?: string; Secret?: string }) => void,
    ) {
      callback(null, call.request.Host === host ? { Username: username, Secret: password } : {});
    },
    Check(_call: unknown, callback: (error: null, value: { status: number }) => void) {
      callback(null, { status: SERVING });
    },
  };
}
