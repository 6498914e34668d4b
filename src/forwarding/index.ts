export { DEFAULT_FORWARDING, type ForwardingConfig } from './forwarding-config.js'
export { ForwardingFields } from './forwarding-fields.js'
export { LoopGuard } from './loop-guard.js'
export { isNetwork, TrustedProxies } from './trusted-proxies.js'
