/** How our peers unpack the image of the layers bench. */
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'

/** What each is run as, in a fresh folder that is `$1`; what is to be done before and after without being timed. */
export function peerCommands(place, compression, { layout, layers }) {
  const decompress = { gzip: 'gzip -dc', zstd: 'zstd -dcq' }[compression]
  const commands = [
    {
      name: `tar ${compression}`,
      includes: `${decompress} | tar x, layer by layer; no digest is looked at`,
      script: `shift; for layer; do mkdir "$PWD/$(basename "$layer")"; ${decompress} < "$layer" | tar -x --numeric-owner -C "$PWD/$(basename "$layer")"; done`,
      args: layers,
    },
    {
      name: `podman ${compression}`,
      peer: 'podman',
      includes: 'podman load: the layers are unpacked by the overlay driver',
      script: 'podman --root "$1/root" --runroot "$1/run" --storage-driver overlay load --quiet --input "$2" >"$1/out"',
      args: [place.archives[compression]],
      after:
        'podman --root "$1/root" --runroot "$1/run" --storage-driver overlay rmi --all --force >"$1/out" 2>&1; umount -R "$1/root/overlay" 2>/dev/null || true',
    },
    {
      name: `ctr ${compression}`,
      peer: 'containerd',
      includes: 'ctr image import into a daemon that runs already: content is copied and unpacked',
      before: containerdConfig,
      script: 'ctr --address "$1/sock" image import --base-name bench "$2" >"$1/out"',
      args: [place.archives[compression]],
      after: 'kill "$(cat "$1/pid")"; while kill -0 "$(cat "$1/pid")" 2>/dev/null; do sleep 0.05; done',
    },
  ]
  // umoci 0.4.7 does not know zstd.
  if (compression === 'gzip')
    commands.push({
      name: 'umoci gzip',
      peer: 'umoci',
      includes: 'umoci raw unpack, from the layout, without copying blobs',
      script: 'umoci raw unpack --image "$2:bench" "$1/root" 2>"$1/out"',
      args: [layout],
    })
  return commands
}

/** Starts a containerd of its own in the folder `$1`; its process id is in the file `pid` there. */
export const containerdConfig = `cat > "$1/config.toml" <<END
version = 2
root = "$1/root"
state = "$1/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.tracing", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs"]
[grpc]
address = "$1/sock"
END
containerd --config "$1/config.toml" --log-level error >"$1/log" 2>&1 &
echo $! > "$1/pid"
while ! ctr --address "$1/sock" version >"$1/out" 2>&1; do sleep 0.05; done`

export function commandRow(place, { name, before, script, args, after }) {
  const shell = (text, folder) =>
    new Promise((resolve, reject) => {
      const began = performance.now()
      const child = spawn('sh', ['-ec', text, 'sh', folder, ...args], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
      child.once('error', reject).once('exit', (status) => {
        const took = performance.now() - began
        if (status === 0) resolve(took)
        else reject(new Error(`${name} ended with ${status}: ${text}`))
      })
    })
  return {
    name,
    run: async () => {
      const folder = place.fresh()
      if (before !== undefined) await shell(before, folder)
      const took = await shell(script, folder)
      if (after !== undefined) await shell(after, folder)
      rmSync(folder, { recursive: true, force: true })
      return took
    },
    close: () => {},
  }
}
