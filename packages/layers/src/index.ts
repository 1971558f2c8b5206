export const name: string = '@box/layers'
