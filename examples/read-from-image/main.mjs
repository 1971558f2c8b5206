// Reads a file out of an image in an OCI layout folder. Nothing is unpacked or mounted, and no privilege is needed.
//
//   node examples/read-from-image/main.mjs LAYOUT [NAME [PATH]]
import { layoutFiles } from '@box/layers'

const [layout, name, path = '/etc/os-release'] = process.argv.slice(2)
if (layout === undefined) {
  process.stderr.write('usage: main.mjs LAYOUT [NAME [PATH]]\n')
  process.exit(64)
}

const files = await layoutFiles(layout, { tag: name })
process.stderr.write(`${files.list().length} names in the image\n`)
process.stdout.write(await files.readFile(path))
