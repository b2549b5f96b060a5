import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type { IncomingHttpHeaders, RequestOptions } from 'node:http';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';

import { eventually } from './eventually';
import { freePort, startProcess } from './processes';

const SHIPPED = join(__dirname, '..', '..', 'deploy', 'nginx');

export interface Nginx {
  port: number;
  url: string;
  accessLog(): string;
  /** Bodies that it keeps on its disk; there should be none. */
  spooledFiles(): string[];
  stop(): Promise<void>;
}

export function nginxIsMissing(): string | undefined {
  try {
    execFileSync('nginx', ['-v'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'there is no nginx';
  }
}

/** nginx with the configuration that is shipped, but for ports, paths, and servers that stand still. */
export async function startNginx(options: {
  port?: number;
  /** Ports on loopback. */
  servers: number[];
  storagePath: string;
}): Promise<Nginx> {
  const port = options.port ?? (await freePort());
  const folder = mkdtempSync(join(tmpdir(), 'slw-nginx-'));
  mkdirSync(join(folder, 'client_body'));
  mkdirSync(join(folder, 'proxy'));
  symlinkSync('/etc/nginx/mime.types', join(folder, 'mime.types'));
  const main = readFileSync(join(SHIPPED, 'nginx.conf'), 'utf8');
  writeFileSync(
    join(folder, 'nginx.conf'),
    replaced(main, [
      ['listen 8080;', `listen 127.0.0.1:${port};`],
      [' /tmp/', ` ${folder}/`],
      ['/var/lib/slipway/storage/', `${options.storagePath}/`],
      // A pipe of the test run cannot be opened by name.
      ['access_log /dev/stdout', `access_log ${folder}/access.log`],
    ]),
  );
  // Names that are resolved again and again need Docker's name server and nginx 1.27.3.
  const servers = options.servers.map((server) => `server 127.0.0.1:${server} `).join('max_fails=2;\n  ');
  writeFileSync(
    join(folder, 'upstream.conf'),
    replaced(readFileSync(join(SHIPPED, 'upstream.conf'), 'utf8'), [
      ['resolver 127.0.0.11 valid=5s ipv6=off;', ''],
      ['server serve:8080 resolve ', servers],
    ]),
  );
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  const daemon = startProcess('nginx', ['-c', join(folder, 'nginx.conf'), '-g', `daemon off; ${user}`]);
  const nginx: Nginx = {
    port,
    url: `http://127.0.0.1:${port}`,
    accessLog: () => readFileSync(join(folder, 'access.log'), 'utf8'),
    spooledFiles: () =>
      ['client_body', 'proxy'].flatMap((name) =>
        readdirSync(join(folder, name), { recursive: true }).map(String),
      ),
    async stop() {
      await daemon.stop('SIGQUIT');
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await eventually(async () => {
    if (daemon.child.exitCode !== null) throw new Error(`nginx ended: ${daemon.output()}`);
    const { status } = await fetch(`${nginx.url}/nginx-health`);
    if (status !== 200) throw new Error(`nginx answers ${status}`);
  });
  return nginx;
}

/** Every pair must be there: what is shipped and what is tested may differ in nothing else. */
function replaced(text: string, pairs: [string, string][]): string {
  for (const [from, to] of pairs) {
    if (!text.includes(from)) throw new Error(`the shipped configuration of nginx no longer has "${from}"`);
    text = text.replaceAll(from, to);
  }
  return text;
}

/** Of one request, whose path is sent as it is written. */
export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export function ask(url: string, options: RequestOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(url, options, (response) => {
      buffer(response).then(
        (body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        reject,
      );
    });
    call.once('error', reject);
    call.end();
  });
}
