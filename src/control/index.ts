export { type Control, startControl } from './start-control.js'
