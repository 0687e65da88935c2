//! Classified columns, by class and type.

use crate::fields::{FLOAT8, INT8, JSON, NUMERIC, TEXT, numeric};
use hoop_mask::{Class, Classified, is_card_number, mask_classified};

fn mask(class: &Class, oid: u32, binary: bool, value: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = value.to_vec();
    let outcome = mask_classified(class, oid, binary, &mut bytes);
    assert_eq!(bytes.len(), value.len());
    match outcome {
        Classified::InPlace => Some(bytes),
        Classified::Null => {
            assert!(bytes.iter().all(|&b| b == 0), "nothing of the value stays");
            None
        }
    }
}

fn text(class: &Class, value: &str) -> String {
    String::from_utf8(mask(class, TEXT, false, value.as_bytes()).unwrap()).unwrap()
}

#[test]
fn card_numbers_in_text_columns() {
    for (before, after) in [
        ("4111111111111111", "411111******1111"),
        // A column verdict beats a value verdict: no check digit is asked for.
        ("4111111111111112", "411111******1112"),
        ("4111-1111-1111-1111", "4111-11**-****-1111"),
        ("3056930902590", "*********2590"),
        ("411111111111", "************"),
        ("1234", "****"),
        ("see file 4111111111111111", "*************************"),
        ("Ünïcode", "\u{66d}n\u{66d}code"),
        ("", ""),
    ] {
        let after = if before == "Ünïcode" { "٭*٭****".to_owned() } else { after.to_owned() };
        assert_eq!(text(&Class::Pan, before), after);
    }
}

#[test]
fn card_numbers_in_number_columns_stay_numbers() {
    let masked = mask(&Class::Pan, INT8, true, &4_111_111_111_111_112_i64.to_be_bytes()).unwrap();
    let masked = i64::from_be_bytes(masked.try_into().unwrap()).to_string();
    assert!(masked.starts_with("411111") && masked.ends_with("1112"), "{masked}");
    assert_eq!(is_card_number(masked.as_bytes()), None);
    let masked = mask(&Class::Pan, NUMERIC, true, &numeric(&[5555, 5555, 5555, 4444], 3, 0)).unwrap();
    assert_ne!(masked, numeric(&[5555, 5555, 5555, 4444], 3, 0));
    let masked = mask(&Class::Pan, NUMERIC, false, b"5555555555554444").unwrap();
    assert!(masked.starts_with(b"555555") && masked.ends_with(b"4444"));
    assert_eq!(is_card_number(&masked), None);
    assert_eq!(mask(&Class::Pan, INT8, true, &123_i64.to_be_bytes()), None);
    assert_eq!(mask(&Class::Pan, NUMERIC, false, b"NaN"), None);
    assert_eq!(mask(&Class::Pan, JSON, false, br#""4111111111111111""#), None);
    assert_eq!(mask(&Class::Pan, FLOAT8, true, &4e15_f64.to_be_bytes()), None);
}

#[test]
fn other_classes_are_covered_or_null() {
    for class in [
        Class::Cvv,
        Class::Track,
        Class::Expiry,
        Class::Name,
        Class::Freetext,
        Class::Custom("salary".into()),
    ] {
        assert_eq!(text(&class, "a 12/27"), "*******");
        assert_eq!(mask(&class, TEXT, true, b"123").unwrap(), b"***");
        assert_eq!(mask(&class, INT8, false, b"123"), None);
        assert_eq!(mask(&class, 23, true, &[0, 0, 0, 123]), None);
        assert_eq!(mask(&class, 1082, false, b"2027-12-01"), None);
        assert_eq!(mask(&class, 99_999, true, b"abc"), None);
    }
}

#[test]
fn names_go_there_and_back() {
    for name in ["pan", "cvv", "expiry", "track", "name", "freetext", "salary"] {
        let class: Class = name.parse().unwrap();
        assert_eq!(class.to_string(), name);
        assert_eq!(matches!(class, Class::Custom(_)), name == "salary");
    }
    for name in ["", "PAN", "1st", "a-b", "a b", &"a".repeat(33)] {
        let error = name.parse::<Class>().unwrap_err();
        assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
    }
}
