'use strict';

const { until } = require('./progress.cjs');

const FINAL = ['complete', 'error', 'internalerror', 'cancelled', 'expired'];

/** Shows the newest build's log as it comes; rejects when it ends in another phase than the expected one. */
async function followBuild({ progress }, { api }, target, expected) {
  const log = [];
  let id;
  const view = await until('the end of the build', 10 * 60_000, async () => {
    const { builds } = await api.get(`/repository/${target.path}/build/?limit=1`);
    if (!builds[0] || builds[0].id === target.seenBuild) return undefined;
    id = builds[0].id;
    for (const entry of await newEntries(api, `/repository/${target.path}/build/${id}/logs`, log.length)) {
      log.push(entry.message);
      if (entry.type) progress.line(`[${entry.type}] ${entry.message}`);
      else progress.note(entry.message);
    }
    return FINAL.includes(builds[0].phase) ? builds[0] : undefined;
  });
  target.seenBuild = id;
  if (view.phase !== expected) {
    throw new Error(`build ${id} ended in ${view.phase}: ${view.error || ''}\n${log.slice(-15).join('\n')}`);
  }
  if (expected !== 'complete') return { id, phase: view.phase, error: view.error, log };
  const { tags } = await api.get(`/repository/${target.path}/tag/?onlyActiveTags=true`);
  return { id, log, tags: tags.map(({ name }) => name), digest: tags[0].manifest_digest };
}

/** What the log holds beyond `start`; after the end of the build it is one archive. */
async function newEntries(api, path, start) {
  const answer = await api.get(`${path}?start=${start}`);
  if (answer.logs) return answer.logs;
  const archive = await api.getFromRoot(answer.logs_url);
  return archive.logs.slice(start);
}

async function readReport(_demo, { api }, target, digest) {
  const report = await until('the security report', 3 * 60_000, async () => {
    const answer = await api.get(
      `/repository/${target.path}/manifest/${digest}/security?vulnerabilities=true`,
    );
    return answer.status === 'queued' ? undefined : answer;
  });
  if (report.status !== 'scanned') throw new Error(`the scan ended in "${report.status}"`);
  const counts = new Map();
  const findings = [];
  for (const feature of report.data.Layer.Features) {
    for (const found of feature.Vulnerabilities || []) {
      counts.set(found.Severity, (counts.get(found.Severity) || 0) + 1);
      const fix = found.FixedBy ? `, fixed in ${found.FixedBy}` : '';
      findings.push(`${found.Severity}: ${found.Name} in ${feature.Name} ${feature.Version}${fix}`);
    }
  }
  return { counts: [...counts], findings };
}

function waitForEvent({ receiver }, event) {
  return until(`the webhook for ${event}`, 60_000, () =>
    receiver.received.find((hook) => hook.event === event),
  );
}

async function waitForMails({ config }, { email }, subjects) {
  const url = `http://127.0.0.1:${config.MAIL_CATCHER.HTTP_PORT}/api/messages`;
  return until('a mail', 60_000, async () => {
    const { messages } = await (await fetch(url)).json();
    const mine = messages.filter(({ to }) => to.includes(email));
    const found = subjects.map((subject) => mine.find((mail) => subject.test(mail.subject)));
    return found.every(Boolean) ? found : undefined;
  });
}

module.exports = { followBuild, readReport, waitForEvent, waitForMails };
