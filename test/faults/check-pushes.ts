import { RegistryClient, sha256 } from '../support/registry-client';
import type { Project } from '../support/project';
import type { Findings } from './findings';
import type { Installation } from './installation';
import type { Journal } from './journal';

/** Every push that was acknowledged can be pulled, byte for byte, by tag and by digest, and was announced. */
export async function checkPushes(
  { made, projects }: Installation,
  journal: Journal,
  findings: Findings,
): Promise<void> {
  for (const { repository, tag, image } of journal.pushes) {
    await findings.attempt(`${repository}:${tag}`, async () => {
      const client = clientOf(made.base, ownerOf(projects, repository));
      await pullWhole(client, repository, tag, image.digest);
      await pullWhole(client, repository, image.digest, image.digest);
    });
  }
}

/** Reads a manifest and every blob that it names, and hashes what comes. */
export async function pullWhole(
  client: RegistryClient,
  repository: string,
  reference: string,
  digest: string,
): Promise<void> {
  const accept =
    'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json';
  const response = await client.expect(200, 'GET', `/v2/${repository}/manifests/${reference}`, {
    headers: { accept },
  });
  const body = Buffer.from(await response.arrayBuffer());
  if (sha256(body) !== digest) throw new Error(`${reference} is ${sha256(body)}, not ${digest}`);
  const manifest = JSON.parse(body.toString()) as {
    config: { digest: string };
    layers: { digest: string }[];
  };
  for (const blob of [manifest.config, ...manifest.layers]) {
    const answer = await client.expect(200, 'GET', `/v2/${repository}/blobs/${blob.digest}`);
    const actual = sha256(Buffer.from(await answer.arrayBuffer()));
    if (actual !== blob.digest) throw new Error(`blob ${blob.digest} has the bytes of ${actual}`);
  }
}

export function clientOf(base: string, project: Project): RegistryClient {
  const { name: username, password } = project.owner;
  return new RegistryClient(base, { username, password });
}

function ownerOf(projects: Project[], repository: string): Project {
  const project = projects.find(({ path }) => path === repository);
  if (!project) throw new Error(`nobody owns ${repository}`);
  return project;
}
