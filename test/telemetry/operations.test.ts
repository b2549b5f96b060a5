import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import ts from 'typescript';

const ROOT = join(__dirname, '..', '..');
const ROOMS =
  'activities api auth cli commands config db outbound registry scanner serve storage telemetry workers workflows';

describe('the operations page', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const table = readme.slice(readme.indexOf('### Log lines'));
  const rows = new Map(
    [...table.matchAll(/^\| (error|warn) +\| (.+?) +\|/gm)].map(([, level, line]) => [line ?? '', level]),
  );
  const lines = ROOMS.split(' ').flatMap(sources).flatMap(loggedLines);

  it('tells of every error and warning that the code logs, with its level', () => {
    assert.ok(lines.length > 15, 'they are found');
    const untold = lines.filter(({ level, message }) => rows.get(message) !== level);
    assert.deepEqual(untold, []);
  });

  it('tells of no line that the code does not log', () => {
    const logged = new Set(lines.map(({ message }) => message));
    assert.deepEqual(
      [...rows.keys()].filter((line) => !logged.has(line)),
      [],
    );
  });

  it('names the metrics that exist, all of them', () => {
    const names = (text: string) => new Set(text.match(/slipway_[a-z]\w+/g));
    const code = ['workers', 'telemetry', 'serve'].flatMap(sources).map((file) => readFileSync(file, 'utf8'));
    const page = readme.slice(readme.indexOf('## Operations'));
    assert.deepEqual([...names(page)].sort(), [...names(code.join('\n'))].sort());
  });
});

function sources(room: string): string[] {
  return readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(ROOT, room, name));
}

/** What calls such as `deps.logger.warn(fields, '…')`, `log.error('…')` and `outages.report(kind, fields, '…')` say. */
function loggedLines(file: string): { level: string; message: string }[] {
  const found: { level: string; message: string }[] = [];
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
      const { expression, name } = node.expression;
      const isLogger = /(^|\.|#)log(ger)?$/.test(expression.getText());
      const isOutage = name.text === 'report' && /(^|\.)outages$/.test(expression.getText());
      if (isOutage || (isLogger && (name.text === 'error' || name.text === 'warn'))) {
        const message = [...node.arguments].reverse().find((argument) => ts.isStringLiteralLike(argument));
        if (message) found.push({ level: isOutage ? 'error' : name.text, message: message.text });
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}
