import { createServer } from 'node:http';

import { serveGit } from '../../bin/demo/git-server.cjs';

/** A git host as a process of its own: arguments folder of bare repositories and port; `/` answers 404. */
function main([folder = '', port = '']: string[]): void {
  const server = createServer((request, response) => {
    if (request.url === '/') response.writeHead(404).end();
    else serveGit(folder, request, response);
  });
  server.listen(Number(port), '127.0.0.1');
}

main(process.argv.slice(2));
