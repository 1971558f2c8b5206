/** What can happen in a root of the image that `commits.test.ts` makes. */
export interface ChangeRow {
  readonly what: string
  /** Run in the root. */
  readonly script: string
  /** What an overlay says of it then. */
  readonly changes: readonly string[]
  /** What a copy says, where that differs: it keeps the names of one file together, and knows a folder by what it holds. */
  readonly changesOfCopy?: readonly string[]
}

export const changeTable: readonly ChangeRow[] = [
  {
    what: 'a file is written to (copied up)',
    script: 'echo more >> a/one',
    changes: ['modified /a/one'],
    changesOfCopy: ['modified /a/one', 'modified /z'],
  },
  {
    what: 'a file is replaced by another',
    script: 'echo new > t; mv t a/one',
    changes: ['modified /a/one'],
  },
  {
    what: 'a file gets another mode',
    script: 'chmod 600 a/one',
    changes: ['modified /a/one'],
    changesOfCopy: ['modified /a/one', 'modified /z'],
  },
  {
    what: 'a file gets another owner',
    script: 'chown 5:6 a/two',
    changes: ['modified /a/two'],
  },
  {
    what: 'a file gets another time',
    script: 'touch -d @1000 a/one',
    changes: ['modified /a/one'],
    changesOfCopy: ['modified /a/one', 'modified /z'],
  },
  {
    what: 'a file gets an attribute',
    script: 'setfattr -n user.note -v x a/one',
    changes: ['modified /a/one'],
    changesOfCopy: ['modified /a/one', 'modified /z'],
  },
  {
    what: 'a folder gets an attribute',
    script: 'setfattr -n user.note -v x b',
    changes: ['modified /b'],
  },
  {
    what: 'a folder gets another mode',
    script: 'chmod 700 a',
    changes: ['modified /a'],
  },
  {
    what: 'a folder gets another owner',
    script: 'chown 9:9 a/deep',
    changes: ['modified /a/deep'],
  },
  {
    what: 'a link gets another owner',
    script: 'chown -h 9:9 link',
    changes: ['modified /link'],
  },
  {
    what: 'a file is removed',
    script: 'rm gone',
    changes: ['removed /gone'],
  },
  {
    what: 'a folder is removed',
    script: 'rm -r a',
    changes: ['removed /a'],
  },
  {
    what: 'a folder is removed and made again (opaque)',
    script: 'rm -r a; mkdir a; echo x > a/own',
    changes: ['modified /a', 'added /a/own'],
    changesOfCopy: ['removed /a/deep', 'removed /a/one', 'added /a/own', 'removed /a/two'],
  },
  {
    what: 'a folder of an upper layer is made again',
    script: 'rm -r upper; mkdir upper',
    changes: ['modified /upper'],
    changesOfCopy: ['removed /upper/file'],
  },
  {
    what: 'a file is renamed',
    script: 'mv a/one a/uno',
    changes: ['removed /a/one', 'added /a/uno'],
    changesOfCopy: ['removed /a/one', 'added /a/uno', 'modified /z'],
  },
  {
    what: 'a folder is renamed',
    script: 'mv a c',
    changes: ['removed /a', 'added /c', 'added /c/deep', 'added /c/deep/file', 'added /c/one', 'added /c/two'],
    changesOfCopy: ['removed /a', 'added /c', 'added /c/deep', 'added /c/deep/file', 'added /c/one', 'added /c/two', 'modified /z'],
  },
  {
    what: 'a new folder is renamed',
    script: 'mkdir n; echo x > n/x; mv n m',
    changes: ['added /m', 'added /m/x'],
  },
  {
    what: 'one of two names is written to: the hard link breaks',
    script: 'echo other > z',
    changes: ['modified /z'],
    changesOfCopy: ['modified /a/one', 'modified /z'],
  },
  {
    what: 'a file gets another name (hard link)',
    script: 'ln a/one a/new',
    changes: ['added /a/new', 'modified /a/one'],
    changesOfCopy: ['added /a/new', 'modified /a/one', 'modified /z'],
  },
  {
    what: 'new files are hard links',
    script: 'echo x > p; ln p q; ln p b/r',
    changes: ['added /b/r', 'added /p', 'added /q'],
  },
  {
    what: 'pipes and devices are made',
    script: 'mkfifo pipe; mknod dev c 1 3; mknod block b 7 0',
    changes: ['added /block', 'added /dev', 'added /pipe'],
  },
  {
    what: 'a file becomes a link',
    script: 'rm gone; ln -s nowhere gone',
    changes: ['modified /gone'],
  },
  {
    what: 'a file becomes a folder',
    script: 'rm gone; mkdir gone; echo x > gone/x',
    changes: ['modified /gone', 'added /gone/x'],
  },
  {
    what: 'a folder becomes a file',
    script: 'rm -r a; echo x > a',
    changes: ['modified /a'],
  },
  {
    what: 'a link becomes a file',
    script: 'rm link; echo x > link',
    changes: ['modified /link'],
  },
  {
    what: 'a file comes and goes',
    script: 'echo x > t; rm t; mkdir d; rmdir d',
    changes: [],
  },
  {
    what: 'something deep is added',
    script: 'mkdir -p a/deep/er/still; echo x > a/deep/er/still/x',
    changes: ['added /a/deep/er', 'added /a/deep/er/still', 'added /a/deep/er/still/x'],
  },
  {
    what: 'a file is sparse',
    script: 'truncate -s 1M sparse',
    changes: ['added /sparse'],
  },
  {
    what: 'set-id bits are set and taken',
    script: 'chmod 2755 b; chmod 755 a/two',
    changes: ['modified /a/two', 'modified /b'],
  },
]
