'use strict';

const { execFile } = require('node:child_process');
const { randomBytes } = require('node:crypto');
const { mkdir, rename, writeFile } = require('node:fs/promises');
const { dirname, join } = require('node:path');
const { promisify } = require('node:util');

const { createApiClient } = require('./api-client.cjs');
const { until } = require('./progress.cjs');
const { ADVISORY } = require('./sample-service.cjs');

const run = promisify(execFile);
const CLI = join(__dirname, '..', '..', 'dist', 'cli', 'main.js');

/** New names every time, so that the demo works however often it ran before. */
async function setUpPeople(demo) {
  const suffix = randomBytes(3).toString('hex');
  const user = `ann-${suffix}`;
  const organization = `shipyard-${suffix}`;
  const email = `${user}@example.com`;
  const password = randomBytes(12).toString('base64url');
  const passwordFile = join(demo.folder, 'password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  await cli('admin', 'user', 'create', user, '--email', email, '--password-file', passwordFile);
  const api = createApiClient(demo.base, (await cli('admin', 'token', user)).trim());
  await api.post('/organization/', { name: organization });
  const robot = await api.put(`/organization/${organization}/robots/ci`, { description: 'pulls for builds' });
  return { user, password, email, organization, api, robot: { username: robot.name, password: robot.token } };
}

async function cli(...args) {
  const { stdout } = await run(process.execPath, [CLI, ...args], { env: process.env });
  return stdout;
}

/** Written beside its place and renamed, so that the scanner never reads half a file. */
async function addAdvisory(demo) {
  const path = join(demo.config.ADVISORIES_PATH, ADVISORY.path);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.tmp`, JSON.stringify(ADVISORY.document, null, 2));
  await rename(`${path}.tmp`, path);
}

async function setUpRepository(demo, people, source) {
  const { api, organization } = people;
  const path = `${organization}/greeter`;
  await api.post('/repository', {
    namespace: organization,
    repository: 'greeter',
    visibility: 'private',
    description: 'built by the demo',
  });
  await api.put(`/repository/${path}/permissions/user/${people.robot.username}`, { role: 'read' });
  await api.put(`/repository/${organization}/debian/permissions/user/${people.robot.username}`, {
    role: 'read',
  });
  const trigger = await api.post(`/repository/${path}/trigger/`, {
    service: 'custom-git',
    config: {
      build_source: `${demo.git.url}/${source.bareName}`,
      dockerfile_path: '/Dockerfile',
      context: '/',
      default_tag_from_ref: true,
      latest_for_default_branch: true,
      tag_templates: ['${commit_info.short_sha}', '${parsed_ref.branch}-by-${commit_info.author.username}'],
    },
    pull_robot: people.robot.username,
  });
  const endpoint = trigger.config.credentials.find(({ name }) => name === 'Webhook Endpoint URL');
  return { path, webhookUrl: endpoint.value };
}

async function setUpRules(demo, people, target) {
  const { api, email } = people;
  await api.post(`/repository/${target.path}/authorizedemail/${encodeURIComponent(email)}`, {});
  await clickConfirmation(demo, email);
  const rules = [
    ['build_success', 'webhook', { url: demo.receiver.url }],
    ['vulnerability_found', 'webhook', { url: demo.receiver.url }],
    ['build_success', 'email', { email }],
    ['build_failure', 'email', { email }],
    ['vulnerability_found', 'email', { email }],
    ['repo_push', 'quay_notification', { target: { kind: 'user', name: people.user } }],
  ];
  for (const [event, method, config] of rules) {
    await api.post(`/repository/${target.path}/notification/`, { event, method, config, eventConfig: {} });
  }
}

/** What a person does: open the mail, follow its link, press the button. */
async function clickConfirmation(demo, email) {
  const mails = `http://127.0.0.1:${demo.config.MAIL_CATCHER.HTTP_PORT}/api/messages`;
  const link = await until('the confirmation mail', 60_000, async () => {
    const { messages } = await (await fetch(mails)).json();
    const mail = messages.find(({ to, subject }) => to.includes(email) && /verify/.test(subject));
    if (!mail) return undefined;
    const { text } = await (await fetch(`${mails}/${mail.id}`)).json();
    return /https?:\/\/\S+authrepoemail\S+/.exec(text)?.[0];
  });
  const response = await fetch(link, { method: 'POST' });
  if (!response.ok) throw new Error(`the confirmation of ${email} answered ${response.status}`);
}

module.exports = { setUpPeople, addAdvisory, setUpRepository, setUpRules };
