const renameat2 = process.arch === 'x64' ? '316' : '276'

const program = `
  $| = 1; my ($n, $number, $a, $b) = (0, @ARGV);
  while (1) {
    syscall($number + 0, -100, $a, -100, $b, 2) == 0 or die "renameat2: $!";
    print "swapped\\n" if ++$n % 1000 == 0;
  }`

/** Exchanges two paths (renameat2(2), RENAME_EXCHANGE) as fast as it can, and says after each thousand that it has. */
export const swapper = (one: string, other: string): readonly string[] => ['perl', '-e', program, renameat2, one, other]
