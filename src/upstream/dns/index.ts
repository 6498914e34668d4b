export { AddressRotation } from './address-rotation.js'
export { keepNames, type NameLog } from './keep-names.js'
export { NameNotResolved } from './name-not-resolved.js'
export {
  type AddressListener,
  type DnsClock,
  NameResolver,
  type NameResolverOptions,
  type ResolveCallback,
} from './name-resolver.js'
export { createQuery } from './query-name.js'
export type {
  AddressPreference,
  DnsSettings,
  ResolvedAddress,
} from './types.js'
