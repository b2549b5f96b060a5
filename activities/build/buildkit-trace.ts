import { parse } from 'protobufjs';

/** The part of `moby.buildkit.v1.StatusResponse` that a log needs. */
const PROTO = `
  syntax = "proto3";
  message StatusResponse { repeated Vertex vertexes = 1; repeated VertexLog logs = 3; }
  message Vertex { string digest = 1; string name = 3; bool cached = 4; Timestamp started = 5; Timestamp completed = 6; string error = 7; }
  message VertexLog { string vertex = 1; bytes msg = 4; }
  message Timestamp { int64 seconds = 1; int32 nanos = 2; }`;

const { root } = parse(PROTO);
const StatusResponse = root.lookupType('StatusResponse');

/** One step of a BuildKit build, or one of its own chores (`[internal] …`). */
interface Vertex {
  digest: string;
  /** `[2/3] RUN make` */
  name: string;
  cached: boolean;
  started: object | null;
  completed: object | null;
  error: string;
}

export interface BuildKitStatus {
  vertexes: Vertex[];
  logs: { vertex: string; text: string }[];
}

/** Decodes the `aux` of an event `moby.buildkit.trace`. */
export function decodeTrace(base64: string): BuildKitStatus {
  const message = StatusResponse.decode(Buffer.from(base64, 'base64'));
  const { vertexes, logs } = StatusResponse.toObject(message, { defaults: true, arrays: true }) as {
    vertexes: Vertex[];
    logs: { vertex: string; msg: Uint8Array }[];
  };
  return {
    vertexes,
    logs: logs.map(({ vertex, msg }) => ({ vertex, text: Buffer.from(msg).toString('utf8') })),
  };
}
