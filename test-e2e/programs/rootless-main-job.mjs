// Pulls an image from a registry, runs it isolated and commits what it changed, as whoever runs this. Prints what it saw as JSON.
//   node rootless-main-job.mjs FOLDER REFERENCE
import { existsSync } from 'node:fs'
import path from 'node:path'
import { LayerStore } from '@box/layers'
import { spawn } from '@box/namespaces'
import { Registry } from '@box/registry'
import { createRuntime } from '@box/runtime'

const [folder, reference] = process.argv.slice(2)
const store = await LayerStore.open(path.join(folder, 'store'))
const client = new Registry()
const runtime = createRuntime({ store })
const events = []
for await (const { type } of client.pull(reference, store)) events.push(type)
const again = []
for await (const { type } of client.pull(reference, store)) again.push(type)
const inside = await runtime.run(
  reference,
  ['sh', '-c', 'echo $$; hostname; . /etc/os-release; echo $ID; ls /proc | grep -c "^[0-9]"; id -u; ls /sys/class/net'],
  { hostname: 'inside' },
)
const change = `echo changed > /etc/motd; rm /etc/issue; mkdir /srv/data; echo 1 > /srv/data/file
  chown -R 1000:1001 /srv/data && chmod 0700 /srv/data && setpriv --reuid 1000 --regid 1001 --clear-groups sh -c 'echo 2 >> /srv/data/file'`
const container = await runtime.start(reference, ['sh', '-c', change])
const { exitCode } = await container.exited
await store.commit(container.root, { tag: 'changed:1' })
await container.close()
const after = await runtime.run('changed:1', ['sh', '-c', 'cat /etc/motd; ls /etc/issue'], { check: false })
const owners =
  'stat -c "%n %u:%g" /etc/passwd /etc/shadow /srv/data/file 2> /dev/null; setpriv --reuid 1000 --regid 1001 --clear-groups cat /srv/data/file'
const owned = await runtime.run('changed:1', ['sh', '-c', owners], { check: false })
const untouched = await runtime.run(reference, ['ls', '/etc/issue'])
await Promise.all([runtime.close(), client.close()])
await store.close()
// Files of other ids are the user's to remove where those ids are mapped.
const removal = await spawn(['rm', '-rf', store.path], { namespaces: ['user'] })
await removal.exited
console.log(
  JSON.stringify({
    transferred: events.includes('copied'),
    transferredAgain: again.includes('copied'),
    inside: inside.stdout.split('\n').filter(Boolean),
    exitCode,
    after: after.stdout,
    untouched: untouched.stdout,
    removed: !existsSync(store.path),
    owners: owned.stdout.split('\n').filter(Boolean),
  }),
)
