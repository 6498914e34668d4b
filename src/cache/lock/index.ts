export type { CoalescingLimits, Joined, Lead, LeadOutcome, LockTable, WaitResult } from './types.js'
