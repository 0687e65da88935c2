//! The browser half of a sign-in: follows redirects, keeps cookies, and fills in whatever forms the pages show.

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Client, Method, Url};

use crate::html::{self, Form};
use crate::program::PATIENCE;

/// More pages than any sign-in has.
const MAX_PAGES: usize = 12;

/// What a person types.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    /// Code that the terminal shows.
    pub user_code: String,
    /// Name.
    pub name: String,
    /// Password.
    pub password: String,
    /// One-time code.
    pub otp: String,
    /// The button to press where a page has it, by its value.
    pub press: &'static str,
}

/// A page as it arrived, after redirects.
#[derive(Debug, Clone)]
pub struct Page {
    /// Its address.
    pub url: Url,
    /// Its HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its HTML.
    pub body: String,
}

impl Page {
    /// Where `<meta http-equiv="refresh">` sends a browser.
    #[must_use]
    pub fn refresh(&self) -> Option<String> {
        let (_, after) = self.body.split_once("http-equiv=\"refresh\"")?;
        let (_, url) = after.split_once("url=")?;
        Some(url.split('"').next()?.replace("&amp;", "&"))
    }

    /// Its forms.
    #[must_use]
    pub fn forms(&self) -> Vec<Form> {
        html::forms(&self.body)
    }

    /// What a person reads on it.
    #[must_use]
    pub fn words(&self) -> String {
        html::words(&self.body)
    }
}

/// A browser without script, as the pages promise to need no other.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    // By host and port, then name. Enough for one broker and one provider.
    cookies: BTreeMap<String, BTreeMap<String, String>>,
}

impl Default for Browser {
    fn default() -> Self {
        Self::new()
    }
}

impl Browser {
    /// A fresh one, without cookies.
    ///
    /// # Panics
    /// When TLS cannot be set up.
    #[must_use]
    pub fn new() -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        // A second call finds the provider in place; that is what is wanted.
        drop(rustls::crypto::CryptoProvider::install_default(Arc::unwrap_or_clone(provider)));
        let client = Client::builder()
            // The certificate is made by the test a moment ago; hoopctl's pin of it is tested elsewhere.
            .tls_danger_accept_invalid_certs(true)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .no_proxy()
            .build()
            .expect("a client without files");
        Self { client, cookies: BTreeMap::new() }
    }

    /// Opens an address.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn open(&mut self, url: &str) -> Page {
        let url = Url::parse(url).unwrap_or_else(|e| panic!("`{url}`: {e}"));
        self.go(Method::GET, url, None).await
    }

    /// Sends a form of `page` with exactly these fields.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn send(&mut self, page: &Page, form: &Form, fields: &[(String, String)]) -> Page {
        let mut url = if form.action.is_empty() { page.url.clone() } else { join(&page.url, &form.action) };
        if form.post {
            return self.go(Method::POST, url, Some(fields)).await;
        }
        url.query_pairs_mut().clear().extend_pairs(fields);
        self.go(Method::GET, url, None).await
    }

    async fn go(&mut self, method: Method, url: Url, fields: Option<&[(String, String)]>) -> Page {
        let (mut method, mut url, mut fields) = (method, url, fields);
        for _ in 0..MAX_PAGES {
            let mut request = self.client.request(method.clone(), url.clone());
            if let Some(jar) = self.cookies.get(&authority(&url)) {
                let all: Vec<_> = jar.iter().map(|(k, v)| format!("{k}={v}")).collect();
                request = request.header(COOKIE, all.join("; "));
            }
            if let Some(fields) = fields {
                // As every browser does; a page that checks where a form comes from needs it.
                request = request.header("origin", url.origin().ascii_serialization()).form(fields);
            }
            let answer = request.send().await.unwrap_or_else(|e| panic!("{method} {url}: {e:?}"));
            self.keep_cookies(&url, answer.headers());
            let status = answer.status();
            if let (true, Some(to)) = (status.is_redirection(), answer.headers().get(LOCATION)) {
                url = join(&url, to.to_str().expect("an address is ASCII"));
                // 307 and 308 repeat the method and the body, the others become GET (RFC 9110, 15.4).
                if !matches!(status.as_u16(), 307 | 308) {
                    (method, fields) = (Method::GET, None);
                }
                continue;
            }
            let headers = answer.headers().clone();
            let body = answer.text().await.expect("a page is text");
            return Page { url, status: status.as_u16(), headers, body };
        }
        panic!("more than {MAX_PAGES} redirects, the last to {url}");
    }

    fn keep_cookies(&mut self, url: &Url, headers: &HeaderMap) {
        let jar = self.cookies.entry(authority(url)).or_default();
        for cookie in headers.get_all(SET_COOKIE).iter().filter_map(|h| h.to_str().ok()) {
            let Some((name, value)) = cookie.split(';').next().and_then(|c| c.split_once('=')) else {
                continue;
            };
            let expired = cookie.to_ascii_lowercase().contains("max-age=0") || cookie.contains("1970");
            if value.is_empty() || expired {
                jar.remove(name.trim());
            } else {
                jar.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }

    /// Goes through all pages from `url` on, typing what they ask for, until one asks for nothing more.
    ///
    /// # Errors
    /// The words of the page that refused.
    ///
    /// # Panics
    /// When a server does not answer, or the pages never end.
    pub async fn walk(&mut self, url: &str, typed: &Typed) -> Result<Page, String> {
        let mut page = self.open(url).await;
        let mut password_sent = false;
        for _ in 0..MAX_PAGES {
            let Some(form) = page.forms().into_iter().next().filter(|_| page.status < 400) else {
                if let Some(next) = page.refresh() {
                    let next = join(&page.url, &next);
                    page = self.go(Method::GET, next, None).await;
                    continue;
                }
                return if page.status < 400 { Ok(page) } else { Err(page.words()) };
            };
            let asks_password =
                form.fields.iter().any(|f| f.kind == "password" && f.name.contains("password"));
            if asks_password && password_sent {
                return Err(page.words());
            }
            password_sent |= asks_password;
            let fields = fill(&form, typed);
            page = self.send(&page, &form, &fields).await;
        }
        panic!("more than {MAX_PAGES} pages, the last one: {}", page.words());
    }
}

/// What a person who wants to go on sends with `form`.
#[must_use]
pub fn fill(form: &Form, typed: &Typed) -> Vec<(String, String)> {
    let asks_password = form.fields.iter().any(|f| f.kind == "password");
    let mut fields = Vec::new();
    let mut pressed = false;
    for field in &form.fields {
        let value = match (field.kind.as_str(), field.name.as_str()) {
            (_, "") => continue,
            ("submit", name) => {
                let refuses = ["deny", "cancel", "reject", "no", "abort"]
                    .iter()
                    .any(|w| name == *w || field.value == *w);
                let wanted = form.fields.iter().any(|f| f.kind == "submit" && f.value == typed.press);
                if pressed || refuses || (wanted && field.value != typed.press) {
                    continue;
                }
                pressed = true;
                field.value.clone()
            }
            ("hidden", _) => field.value.clone(),
            ("checkbox", _) if field.value.is_empty() => "on".to_owned(),
            ("checkbox", _) => field.value.clone(),
            (_, "user_code") => typed.user_code.clone(),
            (_, "code") if !asks_password => typed.user_code.clone(),
            (_, "password") => typed.password.clone(),
            (_, "otp" | "totp" | "code" | "one_time_code") => typed.otp.clone(),
            (_, "name" | "login" | "user" | "username") => typed.name.clone(),
            _ => field.value.clone(),
        };
        fields.push((field.name.clone(), value));
    }
    fields
}

/// [`Browser::walk`] with a fresh browser, for callers without a runtime (or within one: it brings its own thread).
///
/// # Errors
/// The words of the page that refused.
///
/// # Panics
/// As [`Browser::walk`].
pub fn sign_in(url: &str, typed: &Typed) -> Result<Page, String> {
    std::thread::scope(|scope| {
        let walk = || block_on(async { Browser::new().walk(url, typed).await });
        scope.spawn(walk).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Runs a future on a runtime of its own.
///
/// # Panics
/// When called within a runtime.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

fn authority(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

fn join(base: &Url, to: &str) -> Url {
    base.join(to).unwrap_or_else(|e| panic!("`{to}` on {base}: {e}"))
}
