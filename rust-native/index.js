/** Loads the binding at the first use: the one built here, or else the platform package that npm chose. */
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
let loaded

/** The binding's functions. Throws a plain failure (see `fromNative` of @box/core) where there is no binding for the platform. */
export function native() {
  loaded ??= load()
  return loaded
}

function load() {
  const reasons = []
  if (process.platform === 'linux') {
    const platforms = [`linux-${process.arch}-gnu`, `linux-${process.arch}-musl`]
    const candidates = [...platforms.map((name) => `./box-native.${name}.node`), ...platforms.map((name) => `@box/native-${name}`)]
    for (const candidate of candidates) {
      try {
        return require(candidate)
      } catch (error) {
        // The library of the other libc can be there too, and cannot be loaded.
        if (error.code !== 'MODULE_NOT_FOUND' && error.code !== 'ERR_DLOPEN_FAILED') throw error
        if (error.code === 'ERR_DLOPEN_FAILED') reasons.push(error.message)
      }
    }
  }
  const why = reasons.length > 0 ? `: ${reasons.join('; ')}` : ''
  const message = `@box/native has no binding for ${process.platform} on ${process.arch} here${why}`
  // oxlint-disable-next-line no-throw-literal -- plain data, as all that the core throws: the caller makes the error
  throw { boxFailure: true, code: 'ERR_BOX_UNSUPPORTED', message }
}
