//! The pages where a person confirms a device code and signs in. They work without script.
//!
//! Each form carries a CSRF token bound to a `SameSite=Strict` cookie, and a code confirmed in one browser can only be
//! signed in there. A wrong code costs a try of the address, on whichever form it is sent (RFC 8628, 5.1).

mod html;

use std::net::SocketAddr;

use axum::extract::{FromRequest, FromRequestParts as _, Query, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::answer::BODY_WAIT;
use super::{ClientAddress, Control};
use crate::identity::address::network_of;
use crate::identity::device::{UserCode, Waiting};
use crate::identity::oidc::OidcFault;
use crate::identity::{Credentials, SignInFault, token};
use html::Page;

const COOKIE: &str = "__Host-hoop-device";
const UNKNOWN_CODE: &str =
    "This code is not known, has expired, or was used. Check it, or start again in your terminal.";
const NOT_RECORDED: &str =
    "The broker cannot write to its ledger, so nothing was done. Tell its administrator.";
const BROKEN: &str = "The broker cannot use its state. Tell its administrator.";

/// The cookie's value: an id of the browser, random, meaningless elsewhere.
fn browser(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut ours = cookies
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value);
    match (ours.next(), ours.next()) {
        (Some(value), None) if value.len() == 22 => Some(value.to_owned()),
        (Some(_), _) | (None, _) => None,
    }
}

/// A form of our own page, sent by the browser that got it.
pub(super) struct Form<T> {
    fields: T,
    browser: String,
    csrf: String,
    origin: SocketAddr,
}

#[derive(Deserialize)]
struct Sent<T> {
    csrf: String,
    #[serde(flatten)]
    fields: T,
}

impl<T: DeserializeOwned + Send> FromRequest<Control> for Form<T> {
    type Rejection = Response;

    async fn from_request(request: Request, control: &Control) -> Result<Self, Response> {
        let stale = || {
            let page = html::failed("This page is too old or was not sent by your browser. Start again.");
            page.status(StatusCode::FORBIDDEN).into_response()
        };
        let (mut parts, body) = request.into_parts();
        let ClientAddress(origin) = ClientAddress::from_request_parts(&mut parts, control)
            .await
            .map_err(axum::response::IntoResponse::into_response)?;
        let browser = browser(&parts.headers);
        let same_site = parts.headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin");
        let request = Request::from_parts(parts, body);
        let incomplete = || html::failed("The form was incomplete. Start again.").into_response();
        let sent = axum::Form::<Sent<T>>::from_request(request, control);
        let sent = tokio::time::timeout(BODY_WAIT, sent).await.map_err(|_| incomplete())?;
        let axum::Form(Sent { csrf, fields }) = sent.map_err(|_| incomplete())?;
        match browser {
            Some(browser) if same_site && control.identity().csrf_ok(&browser, &csrf) => {
                Ok(Self { fields, browser, csrf, origin })
            }
            Some(_) | None => {
                control.identity().note_refusal(None, origin, "device_page", "csrf").await;
                Err(stale())
            }
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Prefill {
    #[serde(default)]
    user_code: String,
}

/// Step 1: the code.
pub(super) async fn enter(
    State(control): State<Control>,
    Query(prefill): Query<Prefill>,
    headers: HeaderMap,
) -> Page {
    let (browser, cookie) = match browser(&headers) {
        Some(browser) => (browser, None),
        None => {
            let fresh = token::random_id();
            let cookie = format!("{COOKIE}={fresh}; Path=/; Secure; HttpOnly; SameSite=Strict");
            (fresh, HeaderValue::from_str(&cookie).ok())
        }
    };
    let code: String = prefill.user_code.chars().take(20).collect();
    html::enter(&control.identity().csrf_token(&browser), &code, None).cookie(cookie)
}

#[derive(Deserialize)]
pub(super) struct Code {
    user_code: String,
}

impl<T> Form<T> {
    /// The waiting terminal of a typed code, as `look` finds it; a miss costs a try.
    async fn waiting(
        &self,
        control: &Control,
        typed: &str,
        look: impl FnOnce(&UserCode) -> Option<Waiting>,
    ) -> Result<Waiting, Page> {
        let identity = control.identity();
        let (network, mono) = (network_of(self.origin.ip()), identity.mono());
        if !identity.code_tries().open(&network, mono) {
            return Err(too_many(&self.csrf));
        }
        match UserCode::parse(typed).as_ref().and_then(look) {
            Some(waiting) => Ok(waiting),
            None => {
                let left = identity.code_tries().take(&network, mono);
                identity.note_refusal(None, self.origin, "device_page", "bad_user_code").await;
                let page = html::enter(&self.csrf, "", Some(UNKNOWN_CODE)).status(StatusCode::BAD_REQUEST);
                Err(left.map_or_else(|_| too_many(&self.csrf), |()| page))
            }
        }
    }
}

impl Control {
    /// Whoever enrolled can sign in without the identity provider, for emergency sessions.
    fn emergency(&self) -> bool {
        self.identity().oidc().is_some() && self.identity().config().break_glass.is_some()
    }
}

fn too_many(csrf: &str) -> Page {
    let text = "Too many wrong codes from your network. Wait ten minutes.";
    html::enter(csrf, "", Some(text)).status(StatusCode::TOO_MANY_REQUESTS)
}

/// Step 2: did you start this?
pub(super) async fn entered(State(control): State<Control>, form: Form<Code>) -> Result<Page, Page> {
    let identity = control.identity();
    let look = |code: &UserCode| identity.devices().find(code, identity.mono());
    let waiting = form.waiting(&control, &form.fields.user_code, look).await?;
    Ok(html::confirm(&form.csrf, &waiting, control.emergency()))
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Yes,
    No,
    /// With the codes of an enrolment.
    Enrolled,
}

#[derive(Deserialize)]
pub(super) struct Confirm {
    user_code: String,
    answer: Answer,
}

/// Step 3: the answer; yes leads to signing in, here or at the provider.
pub(super) async fn confirm(State(control): State<Control>, form: Form<Confirm>) -> Result<Page, Page> {
    let identity = control.identity();
    let (devices, mono) = (identity.devices(), identity.mono());
    if matches!(form.fields.answer, Answer::Enrolled) && !control.emergency() {
        return Err(html::failed("This broker has no break-glass sign-in."));
    }
    let look = |code: &UserCode| match form.fields.answer {
        Answer::Yes | Answer::Enrolled => devices.confirm(code, &form.browser, mono),
        Answer::No => devices.find(code, mono).filter(|_| devices.refuse(code, mono)),
    };
    let waiting = form.waiting(&control, &form.fields.user_code, look).await?;
    match form.fields.answer {
        Answer::No => {
            identity.note_refusal(None, form.origin, "device_page", "refused_by_person").await;
            Ok(html::refused())
        }
        Answer::Enrolled => Ok(html::sign_in(&form.csrf, &waiting, "", None)),
        Answer::Yes => match identity.oidc() {
            None => Ok(html::sign_in(&form.csrf, &waiting, "", None)),
            Some(provider) => match provider.begin(waiting.code, waiting.fresh, &form.browser, mono).await {
                Ok(url) => Ok(html::to_provider(&provider.host(), url.as_str())),
                Err(fault) => Err(oidc_failed(&control, form.origin, &fault).await),
            },
        },
    }
}

#[derive(Deserialize)]
pub(super) struct SignIn {
    user_code: String,
    name: String,
    password: SecretString,
    otp: SecretString,
}

/// Step 4, local users and those who enrolled: name, password, one-time code.
pub(super) async fn sign_in(State(control): State<Control>, form: Form<SignIn>) -> Result<Page, Page> {
    let identity = control.identity();
    if identity.oidc().is_some() && !control.emergency() {
        return Err(html::failed("This broker signs people in at an identity provider."));
    }
    let look = |code: &UserCode| identity.devices().confirmed(code, &form.browser, identity.mono());
    let waiting = form.waiting(&control, &form.fields.user_code, look).await?;
    let SignIn { name, password, otp, .. } = form.fields;
    let typed: String = name.chars().take(64).collect();
    let credentials = Credentials { name, password, otp };
    match identity.sign_in(credentials, form.origin, &waiting.jkt).await {
        Ok(who) => {
            let shown = who.principal.name.clone();
            let approved = identity.devices().approve(&waiting.code, &form.browser, who, identity.mono());
            if approved { Ok(html::done(&shown)) } else { Err(html::failed(UNKNOWN_CODE)) }
        }
        Err(fault @ SignInFault::Refused) => {
            let text = format!("Not signed in: {fault}.");
            Err(html::sign_in(&form.csrf, &waiting, &typed, Some(&text)).status(StatusCode::FORBIDDEN))
        }
        Err(SignInFault::NotRecorded(_)) => {
            Err(html::failed(NOT_RECORDED).status(StatusCode::SERVICE_UNAVAILABLE))
        }
        Err(SignInFault::Store(error)) => {
            tracing::error!(%error, "the state database failed");
            Err(html::failed(BROKEN).status(StatusCode::SERVICE_UNAVAILABLE))
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Returned {
    #[serde(default)]
    state: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    iss: Option<String>,
}

/// Back from the provider. The browser withholds our strict cookie on this cross-site way in, so nothing is done yet:
/// the page's own form, sent from our site with the cookie, finishes. Nothing the provider sent in words is shown.
pub(super) async fn callback(
    State(control): State<Control>,
    ClientAddress(origin): ClientAddress,
    Query(back): Query<Returned>,
) -> Result<Page, Page> {
    let identity = control.identity();
    let Some(provider) = identity.oidc() else {
        return Err(html::failed("This broker has no identity provider.").status(StatusCode::NOT_FOUND));
    };
    let mono = identity.mono();
    let known = provider.peek(&back.state, mono).filter(|_| provider.is_issuer(back.iss.as_deref()));
    let Some((user_code, browser)) = known else {
        return Err(oidc_failed(&control, origin, &OidcFault::State).await);
    };
    let Some(code) = back.code else {
        identity.note_refusal(None, origin, "oidc", "provider_refused").await;
        return Err(html::failed("The identity provider did not sign you in."));
    };
    let Some(waiting) = identity.devices().confirmed(&user_code, &browser, mono) else {
        return Err(html::failed(UNKNOWN_CODE));
    };
    Ok(html::finish(&identity.csrf_token(&browser), &waiting, &back.state, &code))
}

#[derive(Deserialize)]
pub(super) struct Finish {
    state: String,
    code: String,
}

/// Step 5, OIDC: the code is exchanged and the person taken over.
pub(super) async fn finish(State(control): State<Control>, form: Form<Finish>) -> Result<Page, Page> {
    let identity = control.identity();
    let Some(provider) = identity.oidc() else {
        return Err(html::failed("This broker has no identity provider.").status(StatusCode::NOT_FOUND));
    };
    let Finish { state, code } = form.fields;
    let (mono, now_s) = (identity.mono(), identity.now_s());
    let (user_code, who) = match provider.finish(&state, code, &form.browser, mono, now_s).await {
        Ok(both) => both,
        Err(fault) => return Err(oidc_failed(&control, form.origin, &fault).await),
    };
    let mono = identity.mono();
    let Some(waiting) = identity.devices().confirmed(&user_code, &form.browser, mono) else {
        return Err(html::failed(UNKNOWN_CODE));
    };
    if identity.signed_in_there(&who, form.origin, &waiting.jkt).await.is_err() {
        return Err(html::failed(NOT_RECORDED).status(StatusCode::SERVICE_UNAVAILABLE));
    }
    let shown = who.principal.name.clone();
    let approved = identity.devices().approve(&user_code, &form.browser, who, mono);
    if approved { Ok(html::done(&shown)) } else { Err(html::failed(UNKNOWN_CODE)) }
}

async fn oidc_failed(control: &Control, origin: SocketAddr, fault: &OidcFault) -> Page {
    tracing::warn!(%fault, "sign-in at the identity provider failed");
    control.identity().note_refusal(None, origin, "oidc", fault.reason()).await;
    let text = match fault {
        OidcFault::Claims(claims) => format!("Not signed in: {claims}."),
        OidcFault::State => "This sign-in is not known any more. Start again in your terminal.".to_owned(),
        OidcFault::Busy => "Too many sign-ins are waiting. Try again in some minutes.".to_owned(),
        OidcFault::Settings(_) | OidcFault::Provider(_) | OidcFault::IdToken(_) => {
            "The identity provider could not sign you in. The broker's log says why.".to_owned()
        }
    };
    html::failed(&text)
}
