//! Signing in at a target: SCRAM-SHA-256 with channel binding; what is weaker only where the target's owner allowed it.

use std::io;

use hoop_pgwire::BackendTag;
use hoop_pgwire::backend::Authentication;
use hoop_pgwire::frontend::encode;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{
    ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256,
};
use secrecy::{ExposeSecret as _, SecretString};

use super::stream::Stream;
use super::upstream::{Talk, UpstreamError, refused};
use crate::config::Target;

/// Answers the server's requests until it is satisfied.
///
/// # Errors
/// [`UpstreamError`].
pub(super) async fn sign_in(
    talk: &mut Talk,
    target: &Target,
    binding: ChannelBinding,
) -> Result<(), UpstreamError> {
    loop {
        let (tag, body) = talk.message().await?;
        match tag {
            BackendTag::Authentication => {}
            BackendTag::ErrorResponse => return Err(refused(&body)),
            // Minor version 0 is asked for, so there is nothing to negotiate down; notices are not for us.
            BackendTag::NegotiateProtocolVersion | BackendTag::NoticeResponse => continue,
            _ => return Err(UpstreamError::Protocol),
        }
        match Authentication::decode(&body).map_err(|_| UpstreamError::Protocol)? {
            Authentication::Ok => return Ok(()),
            Authentication::Sasl(mechanisms) => {
                let offered: Vec<_> = mechanisms.iter().map(str::to_owned).collect();
                return scram(talk, target, binding, &offered).await;
            }
            Authentication::Md5Password { salt } if target.weak_auth.md5 => {
                let secret = password(target)?;
                let hash = md5_hash(target.login.as_bytes(), secret.expose_secret().as_bytes(), salt);
                talk.send(&password_message(&hash)?).await?;
            }
            Authentication::CleartextPassword if target.weak_auth.cleartext => {
                let secret = password(target)?;
                talk.send(&password_message(secret.expose_secret())?).await?;
            }
            Authentication::Md5Password { .. } => {
                return Err(UpstreamError::Method {
                    method: "an MD5 password",
                    hint: "store the password with scram-sha-256 on the server, or allow it with `weak_auth`",
                });
            }
            Authentication::CleartextPassword => {
                return Err(UpstreamError::Method {
                    method: "the password in clear",
                    hint: "use scram-sha-256 on the server, or allow it with `weak_auth`",
                });
            }
            _ => {
                return Err(UpstreamError::Method {
                    method: "a method that the broker does not speak",
                    hint: "use scram-sha-256 for the broker's login in pg_hba.conf",
                });
            }
        }
    }
}

fn password(target: &Target) -> Result<SecretString, UpstreamError> {
    let reference = target.password.as_ref().ok_or(UpstreamError::NoPassword)?;
    reference.read().map_err(|e| UpstreamError::Password(e.to_string()))
}

fn password_message(password: &str) -> Result<Vec<u8>, UpstreamError> {
    let mut out = Vec::with_capacity(64);
    encode::password(&mut out, password).map_err(|_| UpstreamError::Protocol)?;
    Ok(out)
}

/// SCRAM-SHA-256, with channel binding where TLS gives one (RFC 5802, RFC 7677, protocol chapter 54.3).
async fn scram(
    talk: &mut Talk,
    target: &Target,
    binding: ChannelBinding,
    offered: &[String],
) -> Result<(), UpstreamError> {
    let over_tls = matches!(talk.stream, Stream::ClientTls(_));
    let plus = offered.iter().any(|m| m == SCRAM_SHA_256_PLUS);
    let (mechanism, binding) = match (over_tls && plus, offered.iter().any(|m| m == SCRAM_SHA_256)) {
        (true, _) => (SCRAM_SHA_256_PLUS, binding),
        // `unrequested` tells the server that we could bind: if somebody cut PLUS out of its offer, it notices.
        (false, true) if over_tls => (SCRAM_SHA_256, ChannelBinding::unrequested()),
        (false, true) => (SCRAM_SHA_256, ChannelBinding::unsupported()),
        (false, false) => {
            return Err(UpstreamError::Method {
                method: "a SASL mechanism that the broker does not speak",
                hint: "use scram-sha-256 for the broker's login",
            });
        }
    };
    let secret = password(target)?;
    let mut scram = ScramSha256::new(secret.expose_secret().as_bytes(), binding);
    let mut out = Vec::with_capacity(128);
    encode::sasl_initial_response(&mut out, mechanism, Some(scram.message()))
        .map_err(|_| UpstreamError::Protocol)?;
    talk.send(&out).await?;
    loop {
        let (tag, body) = talk.message().await?;
        match tag {
            BackendTag::Authentication => {}
            BackendTag::ErrorResponse => return Err(refused(&body)),
            _ => return Err(UpstreamError::Protocol),
        }
        match Authentication::decode(&body).map_err(|_| UpstreamError::Protocol)? {
            Authentication::SaslContinue { data } => {
                // Thousands of rounds of HMAC, as many as the server wants: not on the lane, where all others would wait.
                let data = data.to_vec();
                let worked = tokio::task::spawn_blocking(move || scram.update(&data).map(|()| scram)).await;
                scram = worked.map_err(io::Error::other).flatten().map_err(UpstreamError::Scram)?;
                let mut out = Vec::with_capacity(128);
                encode::sasl_response(&mut out, scram.message()).map_err(|_| UpstreamError::Protocol)?;
                talk.send(&out).await?;
            }
            Authentication::SaslFinal { data } => {
                scram.finish(data).map_err(UpstreamError::Scram)?;
                // Only a server that proved its knowledge of the password gets further.
                let (tag, body) = talk.message().await?;
                let ok = tag == BackendTag::Authentication
                    && matches!(Authentication::decode(&body), Ok(Authentication::Ok));
                return if ok { Ok(()) } else { Err(UpstreamError::Protocol) };
            }
            _ => return Err(UpstreamError::Protocol),
        }
    }
}
