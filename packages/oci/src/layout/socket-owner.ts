import { randomBytes } from 'node:crypto'
import { type FileHandle, open, readdir, rename, rm } from 'node:fs/promises'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { fileSystemError, lstatOrAbsent } from './file-system.ts'

/**
 * What a process answers of a lock: a candidate for it, or its holder. The connection stays open until the lock is given back or the candidate
 * steps back; the kernel closes it where the process ends.
 */
type Standing = 'candidate' | 'holder'

/** ECONNRESET: the owner closed its socket between taking the connection in and answering. */
const notListening = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOENT'])

const letters = { candidate: 'c', holder: 'h' } as const

interface Claim {
  standing: Standing
  readonly watchers: Set<Socket>
}

/** This process (or worker thread), reachable by a socket in the folder for as long as it claims a lock there. */
export class SocketOwner {
  /** Names the socket. Never used twice. */
  readonly token: string = randomBytes(8).toString('hex')
  readonly #folder: string
  readonly #claims = new Map<string, Claim>()
  readonly #connections = new Set<Socket>()
  #server: Server | undefined
  #last = 0

  constructor(folder: string) {
    this.#folder = folder
  }

  async listen(): Promise<void> {
    const server = createServer((socket) => this.#serve(socket))
    this.#server = server
    // Under its own name it listens already, so that one which does not answer has ended.
    await withAddress(this.#folder, openingName(this.token), async (path) => {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen(path, () => {
          server.off('error', reject)
          resolve()
        })
      })
    })
    try {
      if (process.platform !== 'win32') await rename(join(this.#folder, openingName(this.token)), join(this.#folder, ownerName(this.token)))
    } catch (error) {
      await this.close()
      throw error
    }
    // What is waited for keeps the process alive, not the lock.
    server.unref()
  }

  /** Ends the socket. Every lock must have been given back. */
  async close(): Promise<void> {
    for (const socket of this.#connections) socket.destroy()
    const server = this.#server
    if (server === undefined) return
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
    })
    await removeAddress(this.#folder, this.token)
  }

  /** Begins a claim and gives its number. */
  claim(): string {
    this.#last += 1
    const number = String(this.#last)
    this.#claims.set(number, { standing: 'candidate', watchers: new Set() })
    return number
  }

  /** The claim's lock is held from now on. */
  hold(number: string): void {
    const claim = this.#claims.get(number)
    if (claim === undefined) return
    claim.standing = 'holder'
    for (const socket of claim.watchers) socket.write(letters.holder)
  }

  /** Ends the claim, which tells all who watch it. */
  drop(number: string): void {
    const claim = this.#claims.get(number)
    this.#claims.delete(number)
    for (const socket of claim?.watchers ?? []) socket.destroy()
  }

  #serve(socket: Socket): void {
    socket.unref()
    this.#connections.add(socket)
    let asked = ''
    let claim: Claim | undefined
    // A watcher that goes away is of no interest, and neither is how.
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.#connections.delete(socket)
      claim?.watchers.delete(socket)
    })
    socket.setEncoding('utf8').on('data', (text: string) => {
      if (claim !== undefined) return
      asked += text
      const end = asked.indexOf('\n')
      if (end < 0 && asked.length < 1024) return
      claim = this.#claims.get(asked.slice(0, Math.max(end, 0)))
      if (claim === undefined) {
        socket.destroy()
        return
      }
      claim.watchers.add(socket)
      socket.write(letters[claim.standing])
    })
  }
}

/** A view of another owner's claim, until it ends. */
export interface Watched {
  /** Resolves with `holder` once the other holds the lock, `gone` once it claims it no more. */
  readonly settled: Promise<'holder' | 'gone'>
  /** What it is now. */
  readonly standing: Promise<Standing | 'gone'>
  /** Resolves once it claims the lock no more, or has ended. */
  readonly gone: Promise<void>
  /** Stops watching. */
  close(): void
}

/** Asks the owner with that token for one of its claims. Rejects where it cannot be asked, which does not mean that it is gone. */
export async function watchOwner(folder: string, token: string, number: string): Promise<Watched> {
  const socket = await connect(folder, token)
  if (socket === undefined) {
    await removeAddress(folder, token)
    return { standing: Promise.resolve('gone'), settled: Promise.resolve('gone'), gone: Promise.resolve(), close: () => undefined }
  }
  const gone = new Promise<void>((resolve) => {
    // A broken connection means what a closed one means.
    socket.on('error', () => socket.destroy())
    socket.once('close', () => resolve())
  })
  const letter = (wanted: string): Promise<void> =>
    new Promise((resolve) => {
      socket.on('data', (text) => {
        if (String(text).includes(wanted)) resolve()
      })
    })
  const holder = letter(letters.holder).then(() => 'holder' as const)
  const candidate = letter(letters.candidate).then(() => 'candidate' as const)
  const end = gone.then(() => 'gone' as const)
  socket.write(`${number}\n`)
  return {
    settled: Promise.race([holder, end]),
    standing: Promise.race([candidate, holder, end]),
    gone,
    close: () => socket.destroy(),
  }
}

/** A connection to the owner, or undefined where nobody listens there any more. */
async function connect(folder: string, token: string): Promise<Socket | undefined> {
  return await withAddress(folder, ownerName(token), async (path) => {
    const socket = createConnection({ path })
    return await new Promise<Socket | undefined>((resolve, reject) => {
      socket.once('connect', () => resolve(socket))
      socket.once('error', (error: NodeJS.ErrnoException) => {
        socket.destroy()
        if (error.code !== undefined && notListening.has(error.code)) resolve(undefined)
        else reject(fileSystemError(error))
      })
    })
  })
}

/**
 * A socket's address is at most 107 bytes long (unix(7)), a folder's path can be longer: on Linux the folder is opened and named by its
 * descriptor. Windows has named pipes, which are in no folder and end with their process.
 */
async function withAddress<Value>(folder: string, name: string, use: (path: string) => Promise<Value>): Promise<Value> {
  if (process.platform === 'win32') return await use(`\\\\.\\pipe\\box-${tokenIn(name)}`)
  const direct = join(folder, name)
  if (Buffer.byteLength(direct) < 100 || process.platform !== 'linux') return await use(direct)
  let directory: FileHandle | undefined
  try {
    directory = await open(folder, 'r')
    return await use(`/proc/self/fd/${directory.fd}/${name}`)
  } finally {
    await directory?.close()
  }
}

async function removeAddress(folder: string, token: string): Promise<void> {
  if (process.platform !== 'win32') await rm(join(folder, ownerName(token)), { force: true })
}

/** Removes the sockets of owners that have ended, and the files in whose names `tokenOf` finds such an owner's token. */
export async function sweepOwners(folder: string, tokenOf: (name: string) => string | undefined): Promise<void> {
  const names = await readdir(folder)
  const dead = new Set<string>()
  for (const token of new Set(names.flatMap((name) => tokenOf(name) ?? (name.endsWith('.owner') ? (tokenIn(name) ?? []) : [])))) {
    const socket = await connect(folder, token)
    socket?.destroy()
    if (socket === undefined) dead.add(token)
  }
  for (const name of names) {
    const token = tokenOf(name)
    if (token !== undefined && dead.has(token)) await rm(join(folder, name), { force: true })
  }
  for (const token of dead) await removeAddress(folder, token)
  for (const name of names) {
    if (!name.endsWith('.opening') || tokenIn(name) === undefined) continue
    // Who still opens it fails then, and shares no lock with anyone.
    const stats = await lstatOrAbsent(join(folder, name))
    if (stats !== undefined && Date.now() - stats.mtimeMs > longestOpeningMs) await rm(join(folder, name), { force: true })
  }
}

const longestOpeningMs = 60_000

function ownerName(token: string): string {
  return `.${token}.owner`
}

function openingName(token: string): string {
  return `.${token}.opening`
}

function tokenIn(name: string): string | undefined {
  return /^\.([0-9a-f]{16})\.(?:owner|opening)$/.exec(name)?.[1]
}
