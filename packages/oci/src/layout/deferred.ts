/** A promise that is resolved from outside. */
export interface Deferred {
  readonly promise: Promise<void>
  resolve(): void
}

export function deferred(): Deferred {
  const resolvers: (() => void)[] = []
  const promise = new Promise<void>((resolve) => {
    resolvers.push(resolve)
  })
  return {
    promise,
    resolve: () => {
      for (const resolve of resolvers) resolve()
    },
  }
}
