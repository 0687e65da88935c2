//! `[webhooks.NAME]`: where notices go.

use super::section::{Report, Section};
use super::value::{self, Wrong};
use super::{MAX_WEBHOOKS, Webhook};

pub(super) fn webhooks(report: &mut Report<'_>, section: &Section<'_, '_>) -> Vec<Webhook> {
    let mut webhooks = Vec::new();
    for (number, (key, value)) in section.entries().enumerate() {
        let name = key.get_ref().as_ref();
        if let Err(wrong) = value::check_name(name) {
            report.wrong(
                key.span(),
                Wrong { message: format!("`webhooks`: {}", wrong.message), hint: wrong.hint },
            );
        }
        if number == MAX_WEBHOOKS {
            let wrong = Wrong::new(format!("`webhooks`: there are more than {MAX_WEBHOOKS}"))
                .hint("have one receiver pass notices on");
            report.wrong(key.span(), wrong);
        }
        if let Some(section) = section.child(report, name, value)
            && let Some(webhook) = webhook(report, name, section)
        {
            webhooks.push(webhook);
        }
    }
    webhooks
}

fn webhook(report: &mut Report<'_>, name: &str, mut section: Section<'_, '_>) -> Option<Webhook> {
    let s = &mut section;
    let url = s.required(report, "url", "\"https://relay.example.com/hoop\"", value::webhook_url);
    s.note_missing(report, "secret", "\"env:HOOP_WEBHOOK_SECRET\"");
    let secret = s.secret(report, "secret");
    let statements = s.or(report, "statements", false, value::boolean);
    section.finish(report);
    Some(Webhook { name: name.to_owned(), url: url?, secret: secret?, statements })
}
