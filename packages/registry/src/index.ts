export const name: string = '@box/registry'
