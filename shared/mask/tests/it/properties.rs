//! What must hold for any input.

use crate::copy::stream;
use crate::fields::{INT8, JSON, NUMERIC, numeric};
use hoop_mask::{Mode, is_card_number, may_hold_card, row_may_hold_card, scan_field, scan_text};
use proptest::prelude::*;

/// A prefix and a length of each brand that counts without context.
const SHAPES: &[(&str, usize)] = &[
    ("4", 16),
    ("4", 19),
    ("51", 16),
    ("55", 16),
    ("2221", 16),
    ("2720", 16),
    ("34", 15),
    ("37", 15),
    ("6011", 16),
    ("644", 16),
    ("65", 19),
    ("300", 14),
    ("36", 14),
    ("38", 16),
    ("3528", 16),
    ("3589", 16),
    ("62", 16),
    ("62", 19),
    ("50", 16),
    ("56", 18),
    ("67", 19),
    ("2200", 16),
    ("60", 16),
    ("9792", 16),
];

prop_compose! {
    fn pan()((prefix, len) in prop::sample::select(SHAPES), body in "[0-9]{19}") -> String {
        let mut digits = format!("{prefix}{}", &body[..len - prefix.len() - 1]);
        let check = (b'0'..=b'9').map(char::from)
            .find(|&c| luhn(&format!("{digits}{c}"))).unwrap();
        digits.push(check);
        digits
    }
}

/// Written apart from the crate's own.
fn luhn(digits: &str) -> bool {
    let value = |(i, b): (usize, u8)| match (i % 2, u32::from(b - b'0')) {
        (0, v) => v,
        (_, v) => v * 2 / 10 + v * 2 % 10,
    };
    digits.bytes().rev().enumerate().map(value).sum::<u32>() % 10 == 0
}

fn separator() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "", "", "", "", " ", "-", "/", "_", "\t", "\n", "\r\n", "\u{a0}", "\u{200b}", "\u{feff}", "\u{2013}",
        " - ", r"\u00a0", r"\n", r"\/", "\u{3000}", "..", "  ",
    ])
}

fn digit(digit: char, script: u8) -> String {
    let value = digit.to_digit(10).unwrap();
    let at = |zero: u32| char::from_u32(zero + value).unwrap().to_string();
    match script {
        0..=12 => digit.to_string(),
        13 => at(0xFF10),
        14 => at(0x0660),
        15 => at(0x1D7CE),
        16 => format!("\\u{:04x}", 0x30 + value),
        _ => format!("\\\\u{:04X}", 0xFF10 + value),
    }
}

prop_compose! {
    /// A card number written out, with its digits apart.
    fn written()(pan in pan(), parts in prop::collection::vec((separator(), 0u8..18), 19)) -> (String, String) {
        let mut text = String::new();
        for (i, (c, (separator, script))) in pan.chars().zip(&parts).enumerate() {
            if i > 0 {
                text.push_str(separator);
            }
            text.push_str(&digit(c, *script));
        }
        (pan, text)
    }
}

/// All digits of a text as ASCII, whatever their script or escape.
fn digits_of(text: &str) -> String {
    let mut plain = text.replace("\\\\u", "\\u").replace("\\u002a", "*").replace("\\u00a0", " ");
    for value in 0..10u32 {
        for zero in [0x30, 0xFF10] {
            for escape in [format!("\\u{:04x}", zero + value), format!("\\u{:04X}", zero + value)] {
                plain = plain.replace(&escape, &value.to_string());
            }
        }
    }
    let zeros = [0x30, 0xFF10, 0x0660, 0x1D7CE];
    plain
        .chars()
        .filter_map(|c| zeros.iter().find_map(|&z| u32::from(c).checked_sub(z).filter(|&v| v < 10)))
        .filter_map(|v| char::from_digit(v, 10))
        .collect()
}

/// Text in which much can go wrong: digits, separators, mask characters, escapes, cut characters, card numbers.
fn messy() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => pan().prop_map(String::into_bytes),
        4 => written().prop_map(|(_, text)| text.into_bytes()),
        4 => "[0-9]{1,6}".prop_map(String::into_bytes),
        2 => "[0-9]{10,60}".prop_map(String::into_bytes),
        3 => "[-. /*]{1,2}".prop_map(String::into_bytes),
        2 => "[a-zA-Z:,=^\"'\\\\{}]{1,8}".prop_map(String::into_bytes),
        1 => prop::sample::select(vec!["cvv ", "card ", "5A08", "5711", "=2712101000", "^A/B^2712101", "DE89", "\\u", "\t", "\n"])
            .prop_map(|s| s.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..5),
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn any_card_number_is_masked_in_any_writing(
        (pan, text) in written(), before in "[a-zA-Zäß:,;(]{0,12}", after in "[a-zA-Zäß:,;)]{0,12}",
    ) {
        // Two runs with one dot between are a decimal number; an escape may not be cut by the letters before it.
        let whole = format!("{before}{text}{after}");
        let mut bytes = whole.clone().into_bytes();
        prop_assert!(may_hold_card(&bytes), "the probe missed {}", whole);
        let counts = scan_text(&mut bytes);
        prop_assert_eq!(bytes.len(), whole.len());
        let masked = String::from_utf8(bytes).expect("UTF-8");
        prop_assert_eq!(counts.total(), 1, "{} became {}", whole, masked);
        let shown = if pan.len() > 14 { format!("{}{}", &pan[..6], &pan[pan.len() - 4..]) } else { pan[pan.len() - 4..].to_owned() };
        prop_assert_eq!(digits_of(&masked), shown, "{}", masked);
    }

    #[test]
    fn masking_twice_is_masking_once(text in messy()) {
        let mut once = text.clone();
        let counts = scan_text(&mut once);
        prop_assert_eq!(once.len(), text.len());
        prop_assert_eq!(counts.total() > 0, once != text);
        prop_assert_eq!(std::str::from_utf8(&text).is_ok(), std::str::from_utf8(&once).is_ok());
        let mut twice = once.clone();
        scan_text(&mut twice);
        prop_assert_eq!(String::from_utf8_lossy(&twice), String::from_utf8_lossy(&once));
    }

    #[test]
    fn a_stream_gives_what_the_whole_gives(text in messy(), sizes in prop::collection::vec(1usize..40, 1..6)) {
        let mut whole = text.clone();
        scan_text(&mut whole);
        let streamed = stream(Mode::Text, &text, &sizes);
        prop_assert_eq!(String::from_utf8_lossy(&streamed), String::from_utf8_lossy(&whole));
        for mode in [Mode::CopyText, Mode::Csv, Mode::Json] {
            let at_once = stream(mode, &text, &[text.len().max(1)]);
            let in_parts = stream(mode, &text, &sizes);
            prop_assert_eq!(String::from_utf8_lossy(&in_parts), String::from_utf8_lossy(&at_once));
        }
    }

    #[test]
    fn the_probe_misses_nothing_that_the_scanner_finds(text in messy(), noise in prop::collection::vec(any::<u8>(), 0..40)) {
        let bytes = [noise.as_slice(), &[0], &text].concat();
        let mut masked = bytes.clone();
        // Past the probe that `scan_text` itself asks.
        let streamed = stream(Mode::Text, &bytes, &[bytes.len()]);
        scan_text(&mut masked);
        prop_assert_eq!(&streamed, &masked);
        prop_assert!(streamed == bytes || may_hold_card(&bytes));
    }

    #[test]
    fn the_probe_of_rows_misses_nothing_that_the_scanner_finds(
        fields in prop::collection::vec(prop_oneof![
            2 => messy(),
            4 => "-?[0-9]{1,13}[.][0-9]{0,22}".prop_map(String::into_bytes),
            1 => "[0-9]{6}[.][0-9]{13}".prop_map(String::into_bytes),
            1 => (pan(), 1usize..12).prop_map(|(pan, point)| [&pan[..point], ".", &pan[point..]].concat().into_bytes()),
            1 => "(cvv|card|cvc2)[ :=]?".prop_map(String::into_bytes),
            1 => "[0-9]{3,4}".prop_map(String::into_bytes),
        ], 1..6),
    ) {
        let row = [fields.join(&b'\t'), vec![b'\n']].concat();
        let scanned = stream(Mode::CopyText, &row, &[row.len()]);
        prop_assert!(row_may_hold_card(&row) || scanned == row, "{}", String::from_utf8_lossy(&row));
    }

    #[test]
    fn json_stays_json_and_loses_its_numbers(
        (pan, text) in written(), number in any::<bool>(), key in "[a-z]{1,6}", n in any::<i64>(), f in any::<f64>(),
    ) {
        let value = if number { pan.clone() } else { serde_json::to_string(&text).unwrap() };
        let json = format!(r#"{{"{key}":{value},"n":{n},"list":[{f},null,"{text}"]}}"#).replace('\n', "").replace(['\t', '\r'], "");
        prop_assume!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
        let mut bytes = json.clone().into_bytes();
        scan_field(JSON, false, &mut bytes);
        prop_assert_eq!(bytes.len(), json.len());
        let after = String::from_utf8(bytes.clone()).unwrap();
        prop_assert!(serde_json::from_str::<serde_json::Value>(&after).is_ok(), "{}", after);
        prop_assert!(!after.contains(&pan), "{}", after);
        let mut again = bytes.clone();
        scan_field(JSON, false, &mut again);
        prop_assert_eq!(again, bytes);
    }

    #[test]
    fn numbers_stay_numbers_that_are_no_cards(pan in pan(), negative in any::<bool>(), scale in 0u16..3) {
        let check = |digits: &str| is_card_number(digits.trim_start_matches('-').as_bytes()).is_none();
        let mut text = format!("{}{pan}", if negative { "-" } else { "" }).into_bytes();
        scan_field(NUMERIC, false, &mut text);
        prop_assert!(check(std::str::from_utf8(&text).unwrap()));
        if let Ok(value) = pan.parse::<i64>() {
            let mut bytes = value.to_be_bytes();
            prop_assert_eq!(scan_field(INT8, true, &mut bytes).pan, 1);
            let masked = i64::from_be_bytes(bytes).to_string();
            prop_assert!(check(&masked) && masked.len() == pan.len() && masked.ends_with(&pan[pan.len() - 4..]));
        }
        let padded = format!("{pan:0>20}");
        let mut groups: Vec<u16> = padded.as_bytes().chunks(4).map(|c| std::str::from_utf8(c).unwrap().parse().unwrap()).collect();
        groups.extend(std::iter::repeat_n(25, usize::from(scale)));
        let before = numeric(&groups, 4, scale * 4);
        let mut bytes = before.clone();
        prop_assert_eq!(scan_field(NUMERIC, true, &mut bytes).pan, 1);
        prop_assert_eq!(&bytes[..8], &before[..8]);
        let masked: String = bytes[8..18].chunks(2).map(|c| format!("{:04}", u16::from_be_bytes([c[0], c[1]]))).collect();
        prop_assert!(check(masked.trim_start_matches('0')), "{}", masked);
        prop_assert!(bytes[8..].chunks(2).all(|c| u16::from_be_bytes([c[0], c[1]]) < 10_000));
    }

    #[test]
    fn nothing_panics_and_no_length_changes(oid in prop::sample::select(vec![0, 17, 20, 25, 114, 199, 701, 790, 1016, 1231, 1700, 2249, 3802, 3906, 4536]), binary in any::<bool>(), bytes in prop_oneof![messy(), prop::collection::vec(any::<u8>(), 0..60)]) {
        let mut masked = bytes.clone();
        scan_field(oid, binary, &mut masked);
        prop_assert_eq!(masked.len(), bytes.len());
    }
}
