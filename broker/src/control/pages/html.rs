//! The pages as text: one style, no script, every value escaped.

use std::fmt;
use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use hoop_api::Untrusted;
use http::{HeaderName, HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};

use crate::identity::device::Waiting;

/// Contrast at least 7:1 in both schemes (WCAG 2.2, 1.4.6); targets at least 44 px high (2.5.5).
const STYLE: &str = include_str!("style.css");

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
});

/// A value in HTML text or a quoted attribute.
pub(super) struct Esc<T>(pub(super) T);

impl<T: fmt::Display> fmt::Display for Esc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.to_string().chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => fmt::Write::write_char(f, c)?,
            }
        }
        Ok(())
    }
}

/// One page.
pub(in crate::control) struct Page {
    status: StatusCode,
    title: &'static str,
    head: String,
    body: String,
    cookie: Option<HeaderValue>,
}

impl Page {
    pub(super) fn new(title: &'static str, body: String) -> Self {
        Self { status: StatusCode::OK, title, head: String::new(), body, cookie: None }
    }

    pub(super) const fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(super) fn cookie(mut self, cookie: Option<HeaderValue>) -> Self {
        self.cookie = cookie;
        self
    }

    /// Goes on to `url` by itself. Not an HTTP redirect: browsers hold a form's answer, redirects and all, to
    /// `form-action`, and the provider's addresses are not ours to list there.
    fn going_to(mut self, url: &str) -> Self {
        self.head = format!("<meta http-equiv=\"refresh\" content=\"0;url={}\">\n", Esc(url));
        self
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let Self { status, title, head, body, cookie } = self;
        let html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n{head}\
             <title>{title} – hoopctl</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
             <h1>{title}</h1>\n{body}</main>\n</body>\n</html>\n"
        );
        let mut response = (status, html).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        if let Ok(policy) = HeaderValue::from_str(&POLICY) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        let isolation = HeaderName::from_static("cross-origin-opener-policy");
        headers.insert(isolation, HeaderValue::from_static("same-origin"));
        if let Some(cookie) = cookie {
            headers.insert(header::SET_COOKIE, cookie);
        }
        response
    }
}

fn alert(error: Option<&str>) -> String {
    error
        .map(|text| format!("<p class=\"error\" role=\"alert\" id=\"error\">{}</p>\n", Esc(text)))
        .unwrap_or_default()
}

fn described(error: Option<&str>) -> &'static str {
    if error.is_some() { " aria-invalid=\"true\" aria-describedby=\"error\"" } else { "" }
}

fn terminal(waiting: &Waiting) -> String {
    let unnamed = Untrusted::new("not given");
    let host = waiting.host.as_ref().unwrap_or(&unnamed);
    format!(
        "<dl>\n<dt>Code</dt><dd class=\"code\">{}</dd>\n<dt>Terminal</dt><dd>{}</dd>\n\
         <dt>Address</dt><dd>{}</dd>\n</dl>\n",
        Esc(waiting.code.as_str()),
        Esc(host),
        Esc(waiting.origin.ip())
    )
}

fn hidden(csrf: &str, waiting: &Waiting) -> String {
    format!(
        "<input type=\"hidden\" name=\"csrf\" value=\"{}\">\n<input type=\"hidden\" name=\"user_code\" value=\"{}\">\n",
        Esc(csrf),
        Esc(waiting.code.as_str())
    )
}

pub(super) fn enter(csrf: &str, code: &str, error: Option<&str>) -> Page {
    let body = format!(
        "{}<form method=\"post\" action=\"/device\">\n<input type=\"hidden\" name=\"csrf\" value=\"{}\">\n\
         <label for=\"user_code\">Code shown in your terminal</label>\n\
         <input id=\"user_code\" name=\"user_code\" value=\"{}\" required maxlength=\"20\" autocomplete=\"off\" \
         autocapitalize=\"characters\" spellcheck=\"false\" placeholder=\"XXXX-XXXX\"{}>\n\
         <button>Continue</button>\n</form>\n",
        alert(error),
        Esc(csrf),
        Esc(code),
        described(error)
    );
    Page::new("Sign in a terminal", body)
}

/// `emergency`: whoever enrolled can also sign in here, without the provider.
pub(super) fn confirm(csrf: &str, waiting: &Waiting, emergency: bool) -> Page {
    let enrolled = if emergency {
        "<button name=\"answer\" value=\"enrolled\" class=\"quiet\">Yes, and the identity provider is down: break-glass sign-in</button>\n"
    } else {
        ""
    };
    let body = format!(
        "<p>A terminal asks to act in your name.</p>\n{}\
         <p><strong>Did you start this sign-in yourself, just now, on that terminal?</strong> \
         If somebody sent you here or gave you the code, answer no.</p>\n\
         <form method=\"post\" action=\"/device/confirm\">\n{}\
         <button name=\"answer\" value=\"yes\">Yes, I started it</button>\n\
         <button name=\"answer\" value=\"no\" class=\"quiet\">No, refuse it</button>\n{enrolled}</form>\n",
        terminal(waiting),
        hidden(csrf, waiting)
    );
    Page::new("Did you start this?", body)
}

pub(super) fn sign_in(csrf: &str, waiting: &Waiting, name: &str, error: Option<&str>) -> Page {
    let invalid = described(error);
    let body = format!(
        "{}{}<form method=\"post\" action=\"/device/sign-in\">\n{}\
         <label for=\"name\">Account name</label>\n\
         <input id=\"name\" name=\"name\" value=\"{}\" required autocomplete=\"username\" autocapitalize=\"none\" \
         spellcheck=\"false\"{invalid}>\n\
         <label for=\"password\">Password</label>\n\
         <input id=\"password\" name=\"password\" type=\"password\" required autocomplete=\"current-password\"{invalid}>\n\
         <label for=\"otp\">One-time code</label>\n\
         <input id=\"otp\" name=\"otp\" required inputmode=\"numeric\" autocomplete=\"one-time-code\" \
         maxlength=\"10\"{invalid}>\n\
         <button>Sign in</button>\n</form>\n",
        alert(error),
        terminal(waiting),
        hidden(csrf, waiting),
        Esc(name)
    );
    Page::new("Sign in", body)
}

pub(super) fn to_provider(host: &str, url: &str) -> Page {
    let body = format!(
        "<p>You are being taken to <strong>{}</strong> to sign in.</p>\n\
         <p><a class=\"button\" href=\"{}\">Continue</a></p>\n",
        Esc(host),
        Esc(url)
    );
    Page::new("Sign in", body).going_to(url)
}

pub(super) fn finish(csrf: &str, waiting: &Waiting, state: &str, code: &str) -> Page {
    let body = format!(
        "<p>Your identity provider has let you in. Finish signing in this terminal?</p>\n{}\
         <form method=\"post\" action=\"/oidc/finish\">\n\
         <input type=\"hidden\" name=\"csrf\" value=\"{}\">\n\
         <input type=\"hidden\" name=\"state\" value=\"{}\">\n\
         <input type=\"hidden\" name=\"code\" value=\"{}\">\n\
         <button>Finish sign-in</button>\n</form>\n",
        terminal(waiting),
        Esc(csrf),
        Esc(state),
        Esc(code)
    );
    Page::new("Finish sign-in", body)
}

pub(super) fn done(name: &str) -> Page {
    let body = format!(
        "<p role=\"status\">You are signed in as <strong>{}</strong>. Go back to your terminal; this page can be closed.\
         </p>\n",
        Esc(Untrusted::new(name))
    );
    Page::new("Signed in", body)
}

pub(super) fn refused() -> Page {
    let body = "<p role=\"status\">The terminal was refused and gets no access. If you did not start the sign-in, tell \
                your security team that somebody tried.</p>\n";
    Page::new("Refused", body.to_owned())
}

pub(super) fn failed(reason: &str) -> Page {
    let body = format!("{}<p><a href=\"/device\">Enter a code</a></p>\n", alert(Some(reason)));
    Page::new("Not signed in", body).status(StatusCode::BAD_REQUEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_leave_their_place() {
        assert_eq!(Esc("<a href='x'>&\"").to_string(), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
    }
}
