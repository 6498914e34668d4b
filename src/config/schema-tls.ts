import { z } from 'zod'
import { parseListen } from './address.js'
import { choice, duration, flag, leaf, text } from './leaf.js'
import type { ListenAddress } from './types.js'
import { TLS_VERSIONS } from './values.js'

const certificate = z.strictObject({
  cert: text({ $comment: 'file' }).meta({
    description: 'PEM file of the certificate and what chains it to its authority.',
  }),
  key: text({ $comment: 'file' }).meta({ description: 'PEM file of its private key, without a passphrase.' }),
  hosts: z.array(text()).min(1).optional().meta({
    description: 'Server names (SNI) that it is for, `*.example.com` too. Default: those in the certificate.',
  }),
})

const hsts = z.strictObject({
  maxAge: duration().prefault('24d').meta({ description: 'How long browsers use https only.' }),
  includeSubDomains: flag().prefault(false).meta({ description: 'Also for all names below.' }),
  preload: flag().prefault(false).meta({ description: 'May stand in the lists of browsers.' }),
})

/** `tls` */
export const tlsSchema = z
  .strictObject({
    certificates: z.array(certificate).min(1).meta({
      description: 'By server name; the first serves also clients that name none, or one that is not there.',
    }),
    minVersion: choice(...TLS_VERSIONS)
      .prefault('TLSv1.2')
      .meta({ description: 'Oldest version of TLS. `TLSv1.3` needs the acceptor `node`.' }),
    ciphers: text().optional().meta({ description: "Cipher suites for TLS 1.2 in OpenSSL's notation." }),
    clientAuth: z
      .strictObject({
        ca: text({ $comment: 'file' }).meta({
          description: 'PEM file of the authorities that sign certificates of clients.',
        }),
        mode: choice('require', 'request').prefault('require').meta({
          description: '`require`: without a certificate no answer; `request`: filters decide.',
        }),
      })
      .optional()
      .meta({
        description: 'Certificates of clients; one that is shown must be good. Default: none are asked for.',
      }),
    redirect: leaf<ListenAddress, string | number>(
      { $comment: 'address', type: ['string', 'integer'] },
      parseListen,
    )
      .optional()
      .meta({ description: 'Where plain HTTP is answered with 308 to the same URL over https.' }),
    hsts: hsts
      .optional()
      .meta({ description: '`Strict-Transport-Security` in every answer. Default: none.' }),
  })
  .optional()
  .meta({ description: 'TLS towards clients on `listen`. Absent: plain HTTP.' })
