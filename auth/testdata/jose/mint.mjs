// Mints access tokens with jose, as an issuer in another language would, and prints them with
// the key set that jose exports. The argument is the moment, in seconds.
import { SignJWT, exportJWK, calculateJwkThumbprint, generateKeyPair } from 'jose'

const now = Number(process.argv[2])

async function issuer(algorithm, withKeyID) {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { crv: 'Ed25519', extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), use: 'sig', alg: algorithm }
  if (withKeyID) jwk.kid = await calculateJwkThumbprint(jwk)
  const token = (changes = {}, header = {}) =>
    new SignJWT({ consumerId: 'cons_1', organizationId: 'org_1', sessionId: 'sess_1', ...changes })
      .setProtectedHeader({ alg: algorithm, typ: 'JWT', ...(withKeyID ? { kid: jwk.kid } : {}), ...header })
      .setIssuedAt(now)
      .setExpirationTime(now + 3600)
      .sign(privateKey)
  return { jwk, token }
}

const named = await issuer('EdDSA', true)
const nameless = await issuer('EdDSA', false)
const specified = await issuer('Ed25519', true) // RFC 9864
const symmetric = await new SignJWT({ consumerId: 'cons_1', organizationId: 'org_1', sessionId: 'sess_1' })
  .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
  .setIssuedAt(now)
  .setExpirationTime(now + 3600)
  .sign(Buffer.from(nameless.jwk.x, 'base64url'))

console.log(JSON.stringify({
  jwks: { keys: [named.jwk, nameless.jwk, specified.jwk] },
  tokens: {
    'with kid': await named.token(),
    'without kid': await nameless.token(),
    'without kid, of a key with kid': await named.token({}, { kid: undefined }),
    'at+jwt': await named.token({}, { typ: 'at+jwt' }),
    'with other claims': await nameless.token({ iss: 'https://issuer.example', aud: ['a', 'b'], name: 'Zoë \u{1F600} \u2028' }),
    'another key\'s kid': await nameless.token({}, { kid: named.jwk.kid }),
    'an unknown kid': await named.token({}, { kid: 'unknown' }),
    'alg Ed25519': await specified.token(),
    'HS256 with the public key as the secret': symmetric,
    'an admission': await named.token({ distributionId: 'queue_1', distributionType: 'queue' }),
  },
}))
