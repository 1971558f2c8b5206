import type { Server } from 'node:http'
import { BoxError } from '@box/core'

/**
 * Listens, and gives the address.
 * @throws BoxError `ERR_BOX_PERMISSION` (a port below 1024), `ERR_BOX_SYSTEM` with `errno` `EADDRINUSE`, `EADDRNOTAVAIL` …
 */
export async function listen(server: Server, host: string, port: number): Promise<{ readonly host: string; readonly port: number }> {
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new BoxError('ERR_BOX_INVALID_ARGUMENT', `port is ${String(port)}: expected 0 to 65535`)
  await new Promise<void>((resolve, reject) => {
    const failed = (cause: Error): void => {
      const errno = 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined
      const code = errno === 'EACCES' ? 'ERR_BOX_PERMISSION' : 'ERR_BOX_SYSTEM'
      reject(new BoxError(code, `cannot listen on ${host} port ${port}: ${errno ?? cause.message}`, { syscall: 'listen', errno, cause }))
    }
    server.once('error', failed)
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', failed)
      resolve()
    })
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new BoxError('ERR_BOX_STATE', 'the server has no address')
  return { host: address.address, port: address.port }
}
