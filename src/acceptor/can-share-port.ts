/** Can `node:net` share a port with other processes? It can from Node 22.12 and 23.1 on, where the system can. */
export function canSharePort(version = process.versions.node, platform: string = process.platform): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isNew = major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)
  return isNew && platform === 'linux'
}
