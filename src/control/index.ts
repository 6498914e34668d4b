export type { AdminCommand, CommandHandler, CommandResult } from './admin-command.js'
export type { LiveView } from './live-view.js'
export { redactedConfig } from './redacted-config.js'
export { type Control, startControl } from './start-control.js'
