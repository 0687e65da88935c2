//! One symbol at a time out of free bytes: a digit in any script or escape, a separator, a mask character, or a break.

/// What stands at a position of a text, as far as card numbers go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Symbol {
    /// A decimal digit of any script, as its value.
    Digit(u8),
    /// A character that people and programs write between the digits of one number.
    Separator(u16),
    /// A character that masking put in a digit's place.
    Fill,
    /// Anything else: it ends a run of digits.
    Break,
}

/// Unicode's decimal digits (category Nd): the code point of each script's zero, from 2 bytes in UTF-8 on.
const ZEROS: [u32; 65] = [
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6,
    0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0,
    0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30,
    0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0,
    0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC,
    0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
];

/// The mask characters by length in UTF-8: `*` and its like of two, three and four bytes.
pub(crate) const FILLS: [char; 4] = ['*', '\u{066D}', '\u{FF0A}', '\u{1F7B1}'];

/// What a byte can be the beginning (or, for `MULTI`, any part) of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Break,
    Digit,
    Separator,
    Fill,
    Backslash,
    /// First byte of a multi-byte character that may be a digit, separator or mask character.
    Lead,
    Continuation,
}

pub(crate) const KINDS: [Kind; 256] = kinds();

const fn kinds() -> [Kind; 256] {
    let mut table = [Kind::Break; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'0'..=b'9' => Kind::Digit,
            b' ' | b'\t' | b'\n' | b'\r' | b'-' | b'.' | b'/' | b'_' => Kind::Separator,
            b'*' => Kind::Fill,
            b'\\' => Kind::Backslash,
            0x80..=0xBF => Kind::Continuation,
            // The lead bytes of ZEROS, FILLS and of the separators below; no other script's.
            0xC2 | 0xD9 | 0xDB | 0xDF | 0xE0..=0xE3 | 0xEA | 0xEF | 0xF0 => Kind::Lead,
            _ => Kind::Break,
        };
        byte += 1;
    }
    table
}

pub(crate) fn kind(byte: u8) -> Kind {
    KINDS[usize::from(byte)]
}

/// The most backslashes read as one escape; JSON inside COPY text inside JSON has that many.
const MAX_BACKSLASHES: usize = 4;

/// The symbol at `at` and its length in bytes; `None` when the bytes end inside it and more may come (`last` false).
/// Bytes that are not UTF-8 are breaks of one byte.
pub(crate) fn lex(buf: &[u8], at: usize, last: bool) -> Option<(Symbol, usize)> {
    let Some(&byte) = buf.get(at) else {
        return last.then_some((Symbol::Break, 1));
    };
    match kind(byte) {
        Kind::Digit => Some((Symbol::Digit(byte - b'0'), 1)),
        Kind::Separator => Some((Symbol::Separator(u16::from(byte)), 1)),
        Kind::Fill => Some((Symbol::Fill, 1)),
        Kind::Break | Kind::Continuation => Some((Symbol::Break, 1)),
        Kind::Backslash => lex_escape(buf, at, last),
        Kind::Lead => lex_char(buf, at, last),
    }
}

fn lex_char(buf: &[u8], at: usize, last: bool) -> Option<(Symbol, usize)> {
    let rest = buf.get(at..).unwrap_or_default();
    let len = match rest.first() {
        Some(0xC2..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        _ => 4,
    };
    let Some(bytes) = rest.get(..len) else {
        return last.then_some((Symbol::Break, 1));
    };
    let decoded = std::str::from_utf8(bytes).ok().and_then(|s| s.chars().next());
    Some(decoded.map_or((Symbol::Break, 1), |c| (classify(u32::from(c)), len)))
}

/// `\u0034`, `\t`, `\/` and the like, with the backslashes doubled as COPY and nested JSON do.
fn lex_escape(buf: &[u8], at: usize, last: bool) -> Option<(Symbol, usize)> {
    let rest = buf.get(at..).unwrap_or_default();
    let slashes = rest.iter().take(MAX_BACKSLASHES).take_while(|&&b| b == b'\\').count();
    let Some(&next) = rest.get(slashes) else {
        return last.then_some((Symbol::Break, slashes));
    };
    match next {
        b'u' => {
            let Some(hex) = rest.get(slashes + 1..slashes + 5) else {
                return last.then_some((Symbol::Break, slashes + 1));
            };
            match code_point(hex) {
                Some(code) => Some((classify(code), slashes + 5)),
                None => Some((Symbol::Break, slashes + 1)),
            }
        }
        b't' => Some((Symbol::Separator(u16::from(b'\t')), slashes + 1)),
        b'n' => Some((Symbol::Separator(u16::from(b'\n')), slashes + 1)),
        b'r' => Some((Symbol::Separator(u16::from(b'\r')), slashes + 1)),
        b'/' => Some((Symbol::Separator(u16::from(b'/')), slashes + 1)),
        // An odd backslash takes its character with it, so that a scan resumed here never sees `\"` as a bare quote.
        _ if slashes % 2 == 1 && next.is_ascii() && !next.is_ascii_digit() => {
            Some((Symbol::Break, slashes + 1))
        }
        _ => Some((Symbol::Break, slashes)),
    }
}

fn code_point(hex: &[u8]) -> Option<u32> {
    hex.iter().try_fold(0, |code, &b| Some(code * 16 + char::from(b).to_digit(16)?))
}

fn classify(code: u32) -> Symbol {
    if code < 0x80 {
        return match code as u8 {
            digit @ b'0'..=b'9' => Symbol::Digit(digit - b'0'),
            b'*' => Symbol::Fill,
            b if kind(b) == Kind::Separator => Symbol::Separator(u16::from(b)),
            _ => Symbol::Break,
        };
    }
    if FILLS.iter().any(|&fill| u32::from(fill) == code) {
        return Symbol::Fill;
    }
    if is_separator(code) {
        return Symbol::Separator(code as u16);
    }
    let below = ZEROS.partition_point(|&zero| zero <= code);
    match below.checked_sub(1).and_then(|i| ZEROS.get(i)) {
        Some(zero) if code - zero < 10 => Symbol::Digit((code - zero) as u8),
        _ => Symbol::Break,
    }
}

/// Spaces, dashes, dots and the invisible: what a browser, a spreadsheet or an attacker puts between digits.
fn is_separator(code: u32) -> bool {
    matches!(code,
        0xA0 | 0xAD | 0xB7 // no-break space, soft hyphen, middle dot
        | 0x180E | 0x2000..=0x2015 | 0x2022 | 0x2024 | 0x2027..=0x202F
        | 0x205F..=0x206F | 0x2212 | 0x3000 | 0xFE58 | 0xFE63 | 0xFEFF | 0xFF0D..=0xFF0F)
}

/// Writes a mask character over the digit symbol that fills `place`, at the same length and in the same coding, so that
/// UTF-8 and JSON stay valid.
pub(crate) fn fill(place: &mut [u8]) {
    if place.first() == Some(&b'\\') {
        // `\u0034` becomes `\u002a`, an escaped `*`; the backslashes stay.
        let digits_at = place.len().saturating_sub(4);
        if let Some(hex) = place.get_mut(digits_at..) {
            hex.copy_from_slice(b"002a");
        }
        return;
    }
    let mut coded = [0; 4];
    let mask = place.len().checked_sub(1).and_then(|i| FILLS.get(i)).copied().unwrap_or('*');
    let bytes = mask.encode_utf8(&mut coded).as_bytes();
    if bytes.len() == place.len() {
        place.copy_from_slice(bytes);
    } else {
        place.fill(b'*');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_separator_and_mask_begins_with_a_byte_the_table_knows() {
        for code in (0x80..0x11_0000).filter_map(char::from_u32) {
            let mut coded = [0; 4];
            let bytes = code.encode_utf8(&mut coded).as_bytes();
            let symbol = classify(u32::from(code));
            if symbol != Symbol::Break {
                assert_eq!(lex(bytes, 0, true), Some((symbol, bytes.len())), "{code:?}");
            }
        }
    }

    #[test]
    fn a_mask_character_has_the_length_of_its_digit() {
        for digit in ["4", "٤", "４", "𝟜", r"\u0034", r"\\u0034", r"\uff14"] {
            let mut bytes = digit.as_bytes().to_vec();
            assert_eq!(lex(&bytes, 0, true), Some((Symbol::Digit(4), bytes.len())), "{digit}");
            fill(&mut bytes);
            assert!(std::str::from_utf8(&bytes).is_ok(), "{digit}");
            assert_eq!(lex(&bytes, 0, true), Some((Symbol::Fill, digit.len())), "{digit}");
        }
    }

    #[test]
    fn a_symbol_cut_short_waits_for_its_rest() {
        for (whole, cuts) in [("４", 1..3), (r"\u0034", 1..6), ("𝟜", 1..4)] {
            for cut in cuts {
                let bytes = &whole.as_bytes()[..cut];
                assert_eq!(lex(bytes, 0, false), None, "{whole} {cut}");
                assert!(matches!(lex(bytes, 0, true), Some((Symbol::Break, _))), "{whole} {cut}");
            }
        }
    }
}
