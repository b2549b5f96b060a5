/** The facts of scanning spec 3.5, as written there. */
export const DEBIAN_FACTS = `
1.0 = 1.0 ; 1.0-1 < 1.0-2 ; 1:1.0 > 2.0 ; 0:1.0 = 1.0 ; 1.0~rc1 < 1.0 ; 1.0~~ < 1.0~ ; 1.0~~a > 1.0~~ ; 1.0~ < 1.0
1.0 < 1.0a ; 1.0a < 1.0+ ; 1.0+b1 < 1.0+dfsg ; 1.0.1 > 1.0 ; 1.0 = 1.0-0 ; 1.0-0 < 1.0-0.1 ; 1.2.3 < 1.2.10 ; 1.09 = 1.9
2.30-10 > 2.30-9 ; 7.68.0-1ubuntu2.18 > 7.68.0-1ubuntu2.2 ; 1.1.1n-0+deb11u4 < 1.1.1n-0+deb11u5 ; 1.1.1n-0+deb11u5 < 1.1.1w-0+deb11u1
3.0.11-1~deb12u2 < 3.0.11-1 ; 2:8.2.3995-1ubuntu2.24 > 8.2.9999 ; 1.0-1+b1 > 1.0-1 ; 1.0-1 > 1.0-1~bpo12+1 ; 5.10.0-8-amd64 < 5.10.0-10-amd64
1.0-a > 1.0-1 ; 0 = 0-0 ; 1.0-1.1 > 1.0-1 ; 2.2.4-2+deb9u5 < 2.2.4-2+deb9u10 ; 1.0A < 1.0a ; 1.18.04+dfsg = 1.18.4+dfsg
9.10.3.dfsg.P4-12.3 < 9.10.3.dfsg.P4-12.3+deb9u1 ; 20230311 < 20230311+deb12u1 ; 4.13+dfsg1-1+b1 > 4.13+dfsg1-1 ; 0.9-1.2~ < 0.9-1.2
`;

export const PEP440_FACTS = `
1.0 = 1.0.0 ; 1.0.dev1 < 1.0a1 ; 1.0a2.dev456 < 1.0a12 ; 1.0a1 < 1.0b1 ; 1.0b2 < 1.0rc1 ; 1.0c1 = 1.0rc1 ; 1.0alpha1 = 1.0a1 ; 1.0-preview2 = 1.0rc2
1.0rc1 < 1.0 ; 1.0 < 1.0.post1 ; 1.0-1 = 1.0.post1 ; 1.0.post1 < 1.0.post2.dev1 ; 1.0.post2.dev1 < 1.0.post2 ; 1.0b2.post345.dev456 < 1.0b2.post345
1.0 < 1.0+local ; 1.0+abc < 1.0+5 ; 1.0+5 < 1.0+10 ; 1.0+ubuntu.1 < 1.0+ubuntu.2 ; 1.0.post1 > 1.0+z ; 1!1.0 > 2024.1 ; 0!1.0 = 1.0 ; 1.10 > 1.9
2012.2 < 2012.15 ; v1.0 = 1.0 ; 1.0A1 = 1.0a1 ; 1.0.0.0.0.1 > 1.0 ; 1.0a = 1.0a0 ; 1.0.dev0 = 1.0.dev ; 1.0.post0 > 1.0 ; 1.1.dev1 > 1.0.post456
2022.12.07 = 2022.12.7 ; 3.2.13 > 3.2.3 ; 1.0rc1.post1 < 1.0 ; 20230815123456 < 20230815123457
`;

export type VersionFact = [left: string, sign: '<' | '=' | '>', right: string];

export function parseFacts(text: string): VersionFact[] {
  return text
    .split(/[;\n]/)
    .map((fact) => fact.trim())
    .filter(Boolean)
    .map((fact) => fact.split(' ') as VersionFact);
}
