import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Process, type SeccompProfile, type SystemCallAgent, spawn } from '../../src/index.ts'
import { run } from '../support/run.ts'

const seccomp: SeccompProfile = {
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_NOTIFY' }],
}

const recvmsg = process.arch === 'x64' ? 47 : 212
/** Takes one connection (recvmsg(2) by its structures), prints the state that came, and answers calls with EROFS. */
const program = String.raw`
  $| = 1;
  socket(L, 1, 1, 0) or die "socket $!"; bind(L, pack("Sa*", 1, "$ARGV[0]\0")) or die "bind $!"; listen(L, 4) or die;
  print "listening\n";
  accept(S, L) or die "accept $!";
  my ($data, $control) = ("\0" x 65536, "\0" x 64);
  my $vector = pack("P65536Q", $data, 65536);
  my $message = pack("Q L x4 P16 Q P64 Q l x4", 0, 0, $vector, 1, $control, 64, 0);
  my $count = syscall(${recvmsg}, fileno(S), $message, 0);
  die "recvmsg $!" if $count < 0;
  print substr($data, 0, $count), "\n";
  open(my $listener, "+<&=", unpack("l", substr($control, 16, 4))) or die "open $!";
  while (1) {
    my $call = "\0" x 80;
    ioctl($listener, 0xc0502100, $call) or exit;
    my ($id, $pid) = unpack("QL", $call);
    my $answer = pack("QqlL", $id, 0, -30, 0);
    ioctl($listener, 0xc0182101, $answer) or die "answer $!";
    print "answered $pid\n";
  }`

let folder = ''
let agent: Process | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'box-agent-'))
})
afterEach(async () => {
  await agent?.close()
  agent = undefined
  rmSync(folder, { recursive: true })
})

const make = (onSystemCall: SystemCallAgent) =>
  run(['sh', '-c', 'mkdir made; echo $?'], { cwd: folder, noNewPrivileges: true, seccomp, onSystemCall })

test('another program has the listener and the state of the process, and answers its calls', async () => {
  const listenerPath = join(folder, 'socket')
  agent = await spawn(['perl', '-e', program, listenerPath], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: agent.stdout })[Symbol.asyncIterator]()
  expect((await lines.next()).value).toBe('listening')
  const { stdout, stderr } = await make({ listenerPath, listenerMetadata: 'm'.repeat(5000), id: 'of-a-test', annotations: { a: 'b' } })
  expect(stdout).toBe('1\n')
  expect(stderr).toContain('Read-only file system')
  expect(readdirSync(folder)).toEqual(['socket'])
  const state = JSON.parse((await lines.next()).value ?? '')
  const pid: unknown = state.pid
  expect(state).toEqual({
    ociVersion: '1.3.0',
    fds: ['seccompFd'],
    pid,
    metadata: 'm'.repeat(5000),
    state: { ociVersion: '1.3.0', id: 'of-a-test', status: 'creating', pid, bundle: '', annotations: { a: 'b' } },
  })
  expect((await lines.next()).value).toMatch(/^answered \d+$/)
})

test('a process whose agent cannot be reached is not started, and its calls would fail', async () => {
  for (const listenerPath of [join(folder, 'socket'), '/dev/null', `/${'x'.repeat(200)}`])
    await expect(make({ listenerPath })).rejects.toMatchObject({
      step: 'hand over the listener',
      syscall: 'connect',
      errno: expect.stringMatching(/^(ENOENT|ECONNREFUSED|ENAMETOOLONG)$/),
      path: listenerPath,
      hint: expect.stringContaining('must listen'),
    })
  expect(readdirSync(folder)).toEqual([])
})

test('an agent that is none is refused', async () => {
  await expect(make({ listenerPath: 'relative' })).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
  await expect(make(JSON.parse('{"listenerpath":"/x"}'))).rejects.toMatchObject({ code: 'ERR_BOX_INVALID_ARGUMENT' })
})
