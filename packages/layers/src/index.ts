export type * from './image.ts'
export * from './layer-store.ts'
export type * from './mounted-root.ts'
export type * from './options.ts'
