//! Masked forms, as they come back in what is to be stored (DESIGN, "Access levels").

/// True if a text looks like what a mask makes: stars where digits were.
pub(super) fn is_image(text: &str) -> bool {
    let stars = text.bytes().filter(|b| *b == b'*').count();
    stars >= 2 && text.chars().all(|c| c == '*' || c == '/' || c.is_ascii_digit())
}

/// True if a parameter for a classified column is a masked form, in text or in one of the binary formats in which card
/// numbers come: text, `int8` and `numeric`.
#[must_use]
pub fn is_image_parameter(binary: bool, value: &[u8]) -> bool {
    let text = std::str::from_utf8(value).is_ok_and(|t| is_image(t) || is_number_image(t.trim()));
    if !binary {
        return text;
    }
    let int8 = <[u8; 8]>::try_from(value).is_ok_and(|v| is_number_image(&i64::from_be_bytes(v).to_string()));
    text || int8 || numeric(value).is_some_and(|digits| is_number_image(&digits))
}

/// The digits of a whole number in the binary format of `numeric`: groups of four behind a header of count, weight, sign
/// and scale, 16 bits each (numeric_send).
fn numeric(value: &[u8]) -> Option<String> {
    let words: Vec<i16> = value.as_chunks::<2>().0.iter().map(|w| i16::from_be_bytes(*w)).collect();
    let [count, weight, 0, _scale, groups @ ..] = words.as_slice() else { return None };
    if !value.len().is_multiple_of(2)
        || usize::try_from(*count).ok()? != groups.len()
        || !(0..=6).contains(weight)
    {
        return None;
    }
    let place = |at: i16| groups.get(usize::try_from(at).unwrap_or(usize::MAX)).copied().unwrap_or(0);
    let digits: String = (0..=*weight).map(|at| format!("{:04}", place(at))).collect();
    Some(digits.trim_start_matches('0').to_owned())
}

/// True if a number looks like what a mask makes: as long as a card number, and all zeros, or a one, in the middle.
pub(super) fn is_number_image(digits: &str) -> bool {
    let n = digits.len();
    if !(15..=19).contains(&n) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    let middle = digits.get(6..n - 4).unwrap_or_default();
    middle.bytes().enumerate().all(|(at, b)| b == b'0' || (b == b'1' && at + 1 == middle.len()))
}
