// a real, certified OpenID Provider (npm `oidc-provider` by panva) for tests, loopback only.
//   npm ci && node op.mjs     (Node 20 warns, 22 is clean)
// env: OP_PORT (9400), OP_REDIRECT (the broker's redirect URI), OP_AT_TTL (300 s), OP_DEVICE_TTL (600 s),
//      OP_USERS (path of a JSON {login:{password,otp?,groups,...}})
// Not a mock: signature, PKCE, xsrf, device polling, refresh rotation + replay revocation, DPoP are the library's own.
import http from 'node:http';
import { readFileSync } from 'node:fs';
import Provider, { errors } from 'oidc-provider';
import { generateKeyPairSync } from 'node:crypto';

const port = +(process.env.OP_PORT ?? 9400);
const issuer = `http://127.0.0.1:${port}`;
const users = process.env.OP_USERS ? JSON.parse(readFileSync(process.env.OP_USERS, 'utf8')) : {
  alice: { password: 'alice-pw', otp: '123456', email: 'alice@example.test', name: 'Alice', groups: ['engineering', 'payments-ro'] },
  bob:   { password: 'bob-pw',   otp: '654321', email: 'bob@example.test',   name: 'Bob',   groups: ['dba', 'approvers'] },
  carol: { password: 'carol-pw',               email: 'carol@example.test', name: 'Carol', groups: [] },
};
const jwk = (alg, kty, opts) => ({ ...generateKeyPairSync(kty, opts).privateKey.export({ format: 'jwk' }), use: 'sig', alg, kid: alg.toLowerCase() });
const BROKER = 'urn:hoop:broker';                       // audience of the broker

const provider = new Provider(issuer, {
  clients: [
    { // public CLI client: device flow (+ loopback code flow w/ PKCE)
      client_id: 'hoopctl', client_name: 'hoopctl', token_endpoint_auth_method: 'none', application_type: 'native',
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'authorization_code', 'refresh_token'],
      redirect_uris: ['http://127.0.0.1/callback'], response_types: ['code'],
      require_auth_time: true, default_acr_values: ['urn:test:pwd'],   // so the ID token always carries auth_time and acr
    },
    { // the broker itself as confidential RP (code flow): hoopctl only ever talks to the broker
      client_id: 'hoop-broker', client_secret: 'broker-secret-for-tests', application_type: 'web',
      grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
      redirect_uris: [process.env.OP_REDIRECT ?? 'http://127.0.0.1/oidc/callback'],
    },
    { // CI: client credentials
      client_id: 'ci-pipeline', client_secret: 'ci-secret-for-tests', grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
    },
  ],
  jwks: { keys: [jwk('RS256', 'rsa', { modulusLength: 2048 }), jwk('ES256', 'ec', { namedCurve: 'P-256' })] },
  cookies: { keys: ['test-only-cookie-key'] },
  scopes: ['openid', 'offline_access', 'profile', 'email', 'groups'],
  claims: { openid: ['sub'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'], groups: ['groups'], acr: null, amr: null, auth_time: null, sid: null, iss: null },
  acrValues: ['urn:test:pwd', 'urn:test:mfa'],
  conformIdTokenClaims: false,                          // put scope claims into the ID token too, as Okta/Keycloak do
  pkce: { required: () => true },
  rotateRefreshToken: true,                             // every use; a replayed old token revokes the whole grant
  issueRefreshToken: async (ctx, client, code) => client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
  ttl: { AccessToken: +(process.env.OP_AT_TTL ?? 300), IdToken: 300, DeviceCode: +(process.env.OP_DEVICE_TTL ?? 600), RefreshToken: 8 * 3600, ClientCredentials: 300, Grant: 14 * 86400, Session: 86400, Interaction: 600 },
  features: {
    claimsParameter: { enabled: true },
    devInteractions: { enabled: false },
    deviceFlow: { enabled: true, charset: 'base-20', mask: '****-****' },
    clientCredentials: { enabled: true },
    revocation: { enabled: true }, introspection: { enabled: true }, userinfo: { enabled: true }, dPoP: { enabled: true },
    resourceIndicators: { enabled: true, defaultResource: () => BROKER, useGrantedResource: () => true,
      getResourceServerInfo: (ctx, r) => { if (r !== BROKER) throw new errors.InvalidTarget(); return { scope: 'session:open approvals:decide', audience: r, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } }; } },
  },
  extraTokenClaims: async (ctx, token) => {              // groups inside the JWT access token, and for CI too
    if (token.kind === 'ClientCredentials') return { groups: ['ci'], client_kind: 'workload' };
    const u = users[token.accountId]; return u && { groups: u.groups, email: u.email };
  },
  findAccount: (ctx, id) => users[id] && ({ accountId: id, claims: async () => ({ sub: id, preferred_username: id, name: users[id].name, email: users[id].email, email_verified: true, groups: users[id].groups }) }),
  interactions: { url: (ctx, i) => `/interaction/${i.uid}` },
  renderError: (ctx, out) => { ctx.type = 'json'; ctx.body = out; },
});

// login + consent pages: plain HTML forms, curl- and browser-drivable
const page = (res, title, body, code = 200) => { res.writeHead(code, { 'content-type': 'text/html; charset=utf-8' }); res.end(`<!doctype html><title>${title}</title><main><h1>${title}</h1>${body}</main>`); };
const form = (req) => new Promise((ok) => { let b = ''; req.on('data', (c) => { b += c; }); req.on('end', () => ok(Object.fromEntries(new URLSearchParams(b)))); });
async function interaction(req, res) {
  const d = await provider.interactionDetails(req, res);
  const { prompt, params, session, grantId } = d;
  if (req.method === 'GET') {
    if (prompt.name === 'login') return page(res, 'Sign in', `<form method=post><input name=login><input name=password type=password><input name=otp placeholder="one-time code"><button>Sign in</button></form>`);
    return page(res, 'Authorize', `<p>client ${params.client_id} asks for ${params.scope}</p><form method=post><button name=ok value=1>Allow</button><button name=deny value=1>Deny</button></form>`);
  }
  const f = await form(req);
  if (f.deny) return provider.interactionFinished(req, res, { error: 'access_denied' }, { mergeWithLastSubmission: false });
  if (prompt.name === 'login') {
    const u = users[f.login];
    const needMfa = `${params.acr_values ?? ''}`.includes('mfa') || JSON.stringify(prompt.details ?? {}).includes('mfa');
    const mfa = !!u?.otp && f.otp === u.otp;
    if (!u || u.password !== f.password || (f.otp && !mfa) || (needMfa && !mfa)) return page(res, 'Sign in failed', '<p>wrong credentials or second factor needed</p>', 401);
    return provider.interactionFinished(req, res, { login: { accountId: f.login, acr: mfa ? 'urn:test:mfa' : 'urn:test:pwd', amr: mfa ? ['pwd', 'otp', 'mfa'] : ['pwd'], remember: true } }, { mergeWithLastSubmission: false });
  }
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  if (prompt.details.missingOIDCScope) grant.addOIDCScope(prompt.details.missingOIDCScope.join(' '));
  if (prompt.details.missingOIDCClaims) grant.addOIDCClaims(prompt.details.missingOIDCClaims);
  for (const [r, s] of Object.entries(prompt.details.missingResourceScopes ?? {})) grant.addResourceScope(r, s.join(' '));
  return provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
}
const cb = provider.callback();
const srv = http.createServer((req, res) => (req.url.startsWith('/interaction/') ? interaction(req, res).catch((e) => page(res, 'Error', `<pre>${e.stack}</pre>`, 500)) : cb(req, res)));
for (const ev of ['grant.error', 'server_error', 'authorization.error', 'grant.revoked']) provider.on(ev, (...a) => console.error(ev, a.map((x) => x?.error_detail ?? x?.error_description ?? x?.message ?? '').filter(Boolean).join(' | ')));
srv.listen(port, '127.0.0.1', () => console.log(`OP ready ${issuer}/.well-known/openid-configuration`));
process.on('SIGTERM', () => process.exit(0));
