export const name: string = '@box/namespaces'
