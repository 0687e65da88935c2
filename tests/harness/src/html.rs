//! Just enough HTML to fill in the forms of a sign-in page as a browser would.

/// One form of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    /// Where it goes; empty: to the page's own address.
    pub action: String,
    /// True for POST.
    pub post: bool,
    /// Its inputs, in order.
    pub fields: Vec<Field>,
}

/// An input or a button of a form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Field {
    /// Its name; fields without one are not sent.
    pub name: String,
    /// Its value as the page gives it.
    pub value: String,
    /// `hidden`, `text`, `password`, `checkbox`, `submit`, ….
    pub kind: String,
}

/// The forms of `page`, in order.
#[must_use]
pub fn forms(page: &str) -> Vec<Form> {
    let mut forms: Vec<Form> = Vec::new();
    let mut inside = false;
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let end = tag_end(rest);
        let (tag, attributes) = rest[..end].split_once(char::is_whitespace).unwrap_or((&rest[..end], ""));
        match tag.to_ascii_lowercase().as_str() {
            "form" => {
                inside = true;
                forms.push(Form {
                    action: attribute(attributes, "action").unwrap_or_default(),
                    post: attribute(attributes, "method").is_some_and(|m| m.eq_ignore_ascii_case("post")),
                    fields: Vec::new(),
                });
            }
            "/form" => inside = false,
            tag @ ("input" | "button") if inside => {
                let usual = if tag == "button" { "submit" } else { "text" };
                let field = Field {
                    name: attribute(attributes, "name").unwrap_or_default(),
                    value: attribute(attributes, "value").unwrap_or_default(),
                    kind: attribute(attributes, "type").unwrap_or_else(|| usual.to_owned()),
                };
                if let Some(form) = forms.last_mut() {
                    form.fields.push(field);
                }
            }
            _ => {}
        }
        rest = &rest[end..];
    }
    forms
}

// The end of a tag; a `>` in a quoted value is not one.
fn tag_end(text: &str) -> usize {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return at,
            (None, '"' | '\'') => quote = Some(c),
            (Some(q), c) if q == c => quote = None,
            _ => {}
        }
    }
    text.len()
}

fn attribute(attributes: &str, wanted: &str) -> Option<String> {
    let mut rest = attributes.trim_start();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c == '/' || c.is_whitespace()).unwrap_or(rest.len());
        let name = &rest[..end];
        rest = rest[end..].trim_start();
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start();
            (value, rest) = match after.chars().next() {
                Some(q @ ('"' | '\'')) => after[1..].split_once(q).unwrap_or((&after[1..], "")),
                _ => after.split_at(after.find(char::is_whitespace).unwrap_or(after.len())),
            };
        }
        if name.eq_ignore_ascii_case(wanted) {
            return Some(unescape(value));
        }
        rest = rest.trim_start_matches('/').trim_start();
    }
    None
}

fn unescape(text: &str) -> String {
    let mut plain = text.to_owned();
    for (entity, c) in [
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ] {
        plain = plain.replace(entity, c);
    }
    plain
}

/// The visible words of a page, for messages and assertions.
#[must_use]
pub fn words(page: &str) -> String {
    let body = page.split("</style>").last().unwrap_or(page);
    let mut text = String::new();
    let mut rest = body;
    while let Some(start) = rest.find('<') {
        text.push_str(&rest[..start]);
        text.push(' ');
        let tag = &rest[start + 1..];
        let end = tag_end(tag);
        rest = tag.get(end + 1..).unwrap_or("");
    }
    text.push_str(rest);
    unescape(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_forms_as_browsers_do() {
        let page = r#"<style>a > b {}</style><h1>Sign in</h1><input name=outside><form method=POST action="/d?a=1&amp;b=2">
            <input type='hidden' name="csrf" value="x>y&quot;"><label>Code <input name=user_code required></label>
            <button name=go value=1>Go on</button></form>"#;
        let field = |name: &str, value: &str, kind: &str| Field {
            name: name.into(),
            value: value.into(),
            kind: kind.into(),
        };
        let fields = vec![
            field("csrf", "x>y\"", "hidden"),
            field("user_code", "", "text"),
            field("go", "1", "submit"),
        ];
        assert_eq!(forms(page), [Form { action: "/d?a=1&b=2".into(), post: true, fields }]);
        assert_eq!(words(page), "Sign in Code Go on");
    }
}
