import { randomBytes } from 'node:crypto';

/** Files of random text in the context, and the random bytes of each. */
const SOURCES = 64;
const SOURCE_BYTES = 48 * 1024;

/**
 * Compiles nothing, but costs what compiling costs: for each unit it reads a source file, computes for some milliseconds,
 * writes an object file of 8 KiB that cannot be compressed, and says so.
 */
const COMPILER = `use strict; use warnings;
my ($name, $units) = @ARGV;
mkdir "/out" unless -d "/out";
mkdir "/out/$name";
my @sources = glob("/src/units/*.txt");
for my $unit (1 .. $units) {
  my $source = $sources[$unit % @sources];
  open my $in, "<:raw", $source or die "$source: $!";
  read $in, my $bytes, 49152;
  close $in;
  my $x = unpack("L", substr($bytes, ($unit * 4) % 49000, 4)) ^ ($unit * 2654435761 & 0xffffffff) || 1;
  my $object = "";
  for (1 .. 2048) {
    for (1 .. 6) { $x ^= ($x << 13) & 0xffffffff; $x ^= $x >> 17; $x ^= ($x << 5) & 0xffffffff; }
    $object .= pack("L", $x);
  }
  open my $out, ">:raw", "/out/$name/$unit.o" or die $!;
  print $out $object;
  close $out;
  print "compiled $name unit $unit of $units from $source\\n";
}
`;

/**
 * What one build is made of: a context of 4 MiB and a Dockerfile of several layers that computes, writes thousands of small
 * files, packs and hashes them. Every byte is new, so no cache helps beyond the base image.
 */
export function makeTree(base: string, units: number): Record<string, string> {
  const files: Record<string, string> = {
    'compile.pl': COMPILER,
    // The checkout has a `.git`, which the archive of the direct side has not.
    '.dockerignore': '.git\n',
    Dockerfile: [
      `FROM ${base}`,
      'COPY . /src',
      `RUN perl /src/compile.pl library ${Math.ceil(units / 2)}`,
      `RUN perl /src/compile.pl program ${Math.floor(units / 2)}`,
      'RUN tar -cf - -C / out src | gzip -6 > /bundle.tar.gz',
      `RUN find /out /src -type f | sort | xargs sha256sum > /checksums && head -n 40 /checksums`,
      '',
    ].join('\n'),
  };
  for (let index = 0; index < SOURCES; index += 1) {
    files[`units/${String(index).padStart(2, '0')}.txt`] = randomBytes(SOURCE_BYTES).toString('base64');
  }
  return files;
}
