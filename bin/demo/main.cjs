'use strict';

// The main job on real input: a git push becomes a scanned image, and somebody is told. Started by `bin/slipway demo`,
// which gives it a running product: SLIPWAY_CONFIG names its configuration, DOCKER_HOST its engine.

const { mkdtemp, readFile, rm } = require('node:fs/promises');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { parse } = require('yaml');

const { interrupted } = require('./interruption.cjs');
const { createProgress } = require('./progress.cjs');
const { startGitServer } = require('./git-server.cjs');
const { startReceiver } = require('./receiver.cjs');
const { setUpPeople, setUpRepository, setUpRules, addAdvisory } = require('./set-up.cjs');
const { connectEngine, pushBaseImage, runImage } = require('./engine.cjs');
const { makeSource, pushCommit, breakDockerfile } = require('./source.cjs');
const { followBuild, readReport, waitForMails, waitForEvent } = require('./watch.cjs');

const LONGEST_END_MS = 5000;

async function main() {
  const config = parse(await readFile(process.env.SLIPWAY_CONFIG, 'utf8'));
  const progress = createProgress();
  const folder = await mkdtemp(join(tmpdir(), 'slipway-demo-'));
  const closers = [() => rm(folder, { recursive: true, force: true })];
  try {
    const git = await startGitServer(folder);
    closers.push(git.close);
    const receiver = await startReceiver();
    closers.push(receiver.close);
    const told = tell({
      config,
      progress,
      folder,
      git,
      receiver,
      base: `${config.PREFERRED_URL_SCHEME || 'http'}://${config.SERVER_HOSTNAME}`,
    });
    await Promise.race([told, interrupted.then(() => giveUp(told))]);
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

/** Waits a moment for the step at hand to take away what it made, then gives up. */
async function giveUp(told) {
  await Promise.race([told.catch(() => {}), new Promise((resolve) => setTimeout(resolve, LONGEST_END_MS))]);
  throw Object.assign(new Error('interrupted'), { exitCode: 130 });
}

async function tell(demo) {
  const { config, progress } = demo;
  progress.heading('Setting the scene');
  const docker = await progress.step('find the Docker engine', () => connectEngine(config));
  const people = await progress.step('make a user, an organization and a robot', () => setUpPeople(demo));
  await progress.step("drop an advisory into the scanner's folder", () => addAdvisory(demo));
  const baseImage = await progress.step('make a private base image and push it', () =>
    pushBaseImage(demo, docker, people),
  );
  const source = await progress.step('make a git repository of a small Python service', () =>
    makeSource(demo, baseImage),
  );
  const target = await progress.step('make a repository with a trigger and its tag templates', () =>
    setUpRepository(demo, people, source),
  );
  await progress.step('confirm an e-mail address and add rules', () => setUpRules(demo, people, target));

  progress.heading('The main job: git push');
  const answer = await progress.step('push a commit', () => pushCommit(source, target, 'main'));
  for (const line of answer) progress.line(line);
  const build = await progress.step('build, and push the image', () =>
    followBuild(demo, people, target, 'complete'),
  );
  const report = await progress.step('scan', () => readReport(demo, people, target, build.digest));
  const output = await progress.step('pull the image back and run it', () =>
    runImage(docker, `${config.SERVER_HOSTNAME}/${target.path}@${build.digest}`, people.robot),
  );
  const told = await progress.step('wait for the messages', async () => ({
    webhooks: [await waitForEvent(demo, 'build_success'), await waitForEvent(demo, 'vulnerability_found')],
    mails: await waitForMails(demo, people, [/Build succeeded/, /vulnerability/]),
  }));

  progress.heading('The failure path: a commit that breaks the Dockerfile');
  await progress.step('push the broken commit', async () => {
    await breakDockerfile(source);
    return pushCommit(source, target, 'main');
  });
  const failed = await progress.step('watch it fail', () => followBuild(demo, people, target, 'error'));
  const failureMails = await progress.step('wait for the bad news', () =>
    waitForMails(demo, people, [/Build failure/]),
  );
  summarise(demo, { target, build, report, output, told, failed, failureMails });
}

function summarise({ config, progress, receiver }, result) {
  const { target, build, report, output, told, failed, failureMails } = result;
  const ui = (id) => `${config.TEMPORAL_UI_URL}/namespaces/default/workflows/${encodeURIComponent(id)}`;
  progress.heading('What happened');
  const rows = [
    ['build', build.id],
    ...build.log.slice(-4).map((line, index) => [index === 0 ? 'end of its log' : '', shorten(line)]),
    ['tags', build.tags.join(', ')],
    ['digest', build.digest],
    ['it says', output],
    ['findings', report.counts.map(([severity, count]) => `${count} ${severity}`).join(', ') || 'none'],
    ...report.findings.map((finding) => ['', finding]),
    ['webhooks', told.webhooks.map((hook) => `${hook.event} (${hook.deliveryId})`).join(', ')],
    ['mails', [...told.mails, ...failureMails].map((mail) => `“${mail.subject}”`).join(', ')],
    ['broken commit', `${failed.phase}: ${failed.error}`],
    ['webhook calls', `${receiver.received.length} received`],
    ['Temporal', ui(`build:${build.id}`)],
    ['', ui(`build:${failed.id}`)],
    ['mail page', `http://127.0.0.1:${config.MAIL_CATCHER.HTTP_PORT}/`],
    ['pull it', `docker pull ${config.SERVER_HOSTNAME}/${target.path}:main`],
  ];
  for (const [name, value] of rows) process.stdout.write(`  ${name.padEnd(16)} ${value}\n`);
}

function shorten(line) {
  return line.length > 100 ? `${line.slice(0, 99)}…` : line;
}

main().catch((error) => {
  process.stderr.write(`\nthe demo stopped: ${error.message}\n`);
  // Whatever a step still waits for ends with it.
  process.exit(error.exitCode ?? 1);
});
