import { direct } from './direct.mjs'
import { haproxy } from './haproxy.mjs'
import { headgate } from './headgate.mjs'
import { nginx } from './nginx.mjs'
import { nodePeer } from './node-peer.mjs'
import { varnish } from './varnish.mjs'

/**
 * What is measured beside each other. Each has `missing()`: null, or how to get it; `version()`; `setup`: how it is configured, in a
 * sentence for the report; `start(scenario, origin, variant)`: resolves with `{ pid, url, requests(), stop() }`, where `requests()` is
 * the number of requests that it has counted itself.
 */
export const SUBJECTS = {
  direct,
  nginx,
  haproxy,
  varnish,
  'http-proxy-3': nodePeer('http-proxy-3', 'agent with keep-alive'),
  'fastify-http-proxy': nodePeer(
    'fastify-http-proxy',
    'undici, its default, 128 connections or as many as clients',
    '@fastify/http-proxy',
  ),
  'fast-proxy': nodePeer(
    'fast-proxy',
    'with undici, as its authors advise, 128 connections or as many as clients',
  ),
  headgate,
}

/** Those that a scenario compares unless it says otherwise. */
export const DEFAULT_SUBJECTS = Object.keys(SUBJECTS)

/** The subject that a name stands for: `headgate with one filter` is a variant of `headgate`. */
export function subjectOf(name, scenario, subjects = SUBJECTS) {
  return subjects[scenario.variants?.[name] === undefined ? name : 'headgate']
}
