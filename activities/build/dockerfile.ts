/** What can be said of a Dockerfile without running it. */
export interface DockerfileFacts {
  /** External images that stages begin from, in order, once each; names that need build arguments are left out. */
  baseImages: string[];
}

/** One instruction with its continuation lines; `line` counts from 1. */
interface Instruction {
  line: number;
  keyword: string;
  rest: string;
}

const KEYWORDS = new Set(
  (
    'ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER ' +
    'VOLUME WORKDIR'
  ).split(' '),
);

/** The facts, or a sentence that names the line and what is wrong; the engine judges the details later. */
export function readDockerfile(text: string): DockerfileFacts | { problem: string } {
  const instructions = splitInstructions(text);
  const [first] = instructions;
  if (!first) return { problem: 'the Dockerfile is empty' };
  for (const { line, keyword } of instructions) {
    if (!KEYWORDS.has(keyword)) return { problem: `line ${line}: unknown instruction "${keyword}"` };
  }
  const early = instructions.find(({ keyword }) => keyword !== 'ARG');
  if (early?.keyword !== 'FROM') {
    return { problem: `line ${early?.line ?? first.line}: a Dockerfile begins with FROM` };
  }
  return readStages(instructions);
}

function readStages(instructions: Instruction[]): DockerfileFacts | { problem: string } {
  const args = new Map<string, string>();
  const stages = new Set(['scratch']);
  const images = new Set<string>();
  let isBeforeFirst = true;
  for (const { line, keyword, rest } of instructions) {
    if (keyword === 'ARG' && isBeforeFirst) {
      const [, name, value] =
        /^(\w+)=(?:"(.*)"|'(.*)'|(\S*))/.exec(rest)?.filter((part) => part !== undefined) ?? [];
      if (name !== undefined && value !== undefined) args.set(name, value);
    }
    if (keyword !== 'FROM') continue;
    isBeforeFirst = false;
    const words = rest.split(/\s+/).filter((word) => word !== '' && !word.startsWith('--'));
    const [image, as, stage] = words;
    const isComplete = words.length === 1 || (words.length === 3 && as?.toLowerCase() === 'as');
    if (image === undefined || !isComplete) {
      return { problem: `line ${line}: FROM takes an image, and "AS name" at most` };
    }
    const name = substitute(image, args);
    if (name !== undefined && !stages.has(name.toLowerCase())) images.add(name);
    if (stage !== undefined) stages.add(stage.toLowerCase());
  }
  return { baseImages: [...images] };
}

/** Undefined when a variable has no default. */
function substitute(text: string, args: Map<string, string>): string | undefined {
  let isComplete = true;
  const name = text.replace(
    /\$(?:(\w+)|\{(\w+)(?::-([^}]*))?\})/g,
    (_, plain?: string, braced?: string, fallback?: string) => {
      const value = args.get(plain ?? braced ?? '') ?? fallback;
      if (value === undefined) isComplete = false;
      return value ?? '';
    },
  );
  return isComplete && !name.includes('$') ? name : undefined;
}

function splitInstructions(text: string): Instruction[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const escape = /^#\s*escape\s*=\s*`\s*$/im.test(lines.slice(0, 3).join('\n')) ? '`' : '\\';
  const instructions: Instruction[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const line = at + 1;
    let whole = (lines[at] ?? '').trim();
    if (whole === '' || whole.startsWith('#')) continue;
    while (whole.endsWith(escape) && at + 1 < lines.length) {
      const next = (lines[(at += 1)] ?? '').trim();
      if (!next.startsWith('#')) whole = `${whole.slice(0, -1)} ${next}`;
    }
    const [, keyword = '', rest = ''] = /^(\S+)\s*([\s\S]*)$/.exec(whole) ?? [];
    instructions.push({ line, keyword: keyword.toUpperCase(), rest });
    at = endOfHeredocs(lines, at, keyword, rest);
  }
  return instructions;
}

/** The index of the last line of the here-documents that an instruction opens; its own line when it opens none. */
function endOfHeredocs(lines: string[], at: number, keyword: string, rest: string): number {
  if (!/^(run|copy|add)$/i.test(keyword)) return at;
  let end = at;
  for (const [, dash, quoted, plain] of rest.matchAll(/<<(-?)(?:["'](\w+)["']|(\w+))/g)) {
    const marker = quoted ?? plain;
    const found = lines.findIndex(
      (line, index) => index > end && (dash ? line.trimStart() : line) === marker,
    );
    if (found >= 0) end = found;
  }
  return end;
}
