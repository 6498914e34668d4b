export { createLeadMemory } from './lead-table.js'
export { SharedLeads } from './shared-leads.js'
export type { CoalescingLimits, Joined, Lead, LeadOutcome, LockTable, WaitResult } from './types.js'
