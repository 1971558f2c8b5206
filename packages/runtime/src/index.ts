export const name: string = '@box/runtime'
