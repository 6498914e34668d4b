export type { AdminCommand, CommandResult, ControlTask } from './control-task.js'
export { type Control, startControl } from './start-control.js'
