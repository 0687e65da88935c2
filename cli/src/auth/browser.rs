//! Leading a person to the broker's page: a QR code, and a browser where there is one.

use std::process::{Command, Stdio};

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

/// The QR code of `text` for a terminal, two modules a character; `None` where it is too long for one.
#[must_use]
pub fn qr_code(text: &str) -> Option<String> {
    let code = QrCode::new(text).ok()?;
    // Terminals are mostly dark: light modules are drawn, dark ones are left out.
    Some(code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build())
}

/// Opens `url` where a screen is at hand; true if a browser was asked. Never an error: the URL is printed anyway.
///
/// The URL is the bare page without the user code: arguments of a process can be read by every user.
#[must_use]
pub fn open(url: &str) -> bool {
    let Some(program) = program() else { return false };
    let child = Command::new(program)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    child.is_ok()
}

fn program() -> Option<&'static str> {
    let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    if set("SSH_CONNECTION") {
        return None;
    }
    if cfg!(target_os = "macos") {
        return Some("open");
    }
    (cfg!(unix) && (set("DISPLAY") || set("WAYLAND_DISPLAY"))).then_some("xdg-open")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_url_has_a_qr_code_and_a_novel_has_none() {
        assert!(
            super::qr_code("https://b/device?user_code=ABCD-EFGH").is_some_and(|q| q.lines().count() > 10)
        );
        assert!(super::qr_code(&"x".repeat(10_000)).is_none());
    }
}
