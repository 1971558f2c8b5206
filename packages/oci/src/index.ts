export const name: string = '@box/oci'
