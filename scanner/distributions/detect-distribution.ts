import type { LayerDistribution } from '../layers/layer-result';
import { DEBIAN_RELEASES } from './debian-releases';

type Variables = ReadonlyMap<string, string>;
type Detected = Omit<LayerDistribution, 'root'>;

interface Rule {
  did: string;
  name: string;
  versionId(variables: Variables): string;
}

const versionId = (variables: Variables) => variables.get('VERSION_ID') ?? '';
const major = (variables: Variables) => versionId(variables).split('.')[0] ?? '';
const minor = (variables: Variables) => versionId(variables).split('.').slice(0, 2).join('.');
const rolling = () => 'rolling';

/** By `ID` of os-release (scanning spec 2.4). Those that need other files come with their package databases. */
const RULES: Readonly<Record<string, Rule>> = {
  debian: { did: 'debian', name: 'Debian GNU/Linux', versionId: debianVersion },
  ubuntu: { did: 'ubuntu', name: 'Ubuntu', versionId },
  alpine: { did: 'alpine', name: 'Alpine Linux', versionId: alpineVersion },
  wolfi: { did: 'wolfi', name: 'Wolfi', versionId: rolling },
  chainguard: { did: 'chainguard', name: 'Chainguard', versionId: rolling },
  centos: { did: 'centos', name: 'CentOS', versionId: major },
  almalinux: { did: 'almalinux', name: 'AlmaLinux', versionId: major },
  rocky: { did: 'rocky', name: 'Rocky Linux', versionId: major },
};

/** The distribution that an os-release describes; undefined when it is none that we know or has no version. */
export function detectDistribution(variables: Variables): Detected | undefined {
  const rule = RULES[variables.get('ID')?.toLowerCase() ?? ''];
  const version = rule?.versionId(variables);
  if (!rule || !version) return undefined;
  const codename = debianCodename(variables);
  return {
    did: rule.did,
    name: rule.name,
    version: variables.get('VERSION') ?? version,
    versionCodeName: codename,
    versionId: version,
    prettyName:
      rule.did === 'alpine' ? alpinePrettyName(version) : (variables.get('PRETTY_NAME') ?? rule.name),
  };
}

function debianCodename(variables: Variables): string {
  const inParentheses = /\(([a-z]+)\)/i.exec(variables.get('VERSION') ?? '')?.[1] ?? '';
  return variables.get('VERSION_CODENAME') || inParentheses.toLowerCase();
}

/** testing and unstable carry no VERSION_ID; there the codename decides, or the word in `trixie/sid`. */
function debianVersion(variables: Variables): string {
  const given = /^\d+/.exec(versionId(variables))?.[0];
  if (given) return given;
  const codename =
    debianCodename(variables) || (/\b(\w+)\/sid\b/.exec(variables.get('PRETTY_NAME') ?? '')?.[1] ?? '');
  return DEBIAN_RELEASES[codename] ?? '';
}

function alpineVersion(variables: Variables): string {
  const isEdge =
    /\bedge\b/i.test(variables.get('PRETTY_NAME') ?? '') || versionId(variables).includes('_alpha');
  return isEdge ? 'edge' : minor(variables);
}

/** The advisories of Alpine are matched by this name. */
function alpinePrettyName(version: string): string {
  return version === 'edge' ? 'Alpine Linux edge' : `Alpine Linux v${version}`;
}
