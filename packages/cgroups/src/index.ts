export const name: string = '@box/cgroups'
