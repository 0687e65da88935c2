//! Whole DataRow bodies.

use crate::fields::{INT8, PAN, TEXT};
use hoop_mask::{Class, ColumnMask, Columns, Malformed, may_hold_card, scan_row};

pub fn row(fields: &[Option<&[u8]>]) -> Vec<u8> {
    let mut body = (fields.len() as u16).to_be_bytes().to_vec();
    for field in fields {
        body.extend(field.map_or(-1, |f| f.len() as i32).to_be_bytes());
        body.extend(field.unwrap_or_default());
    }
    body
}

fn columns(columns: &[(Option<Class>, u32, bool)]) -> Columns {
    let column = |(class, type_oid, binary): &(Option<Class>, u32, bool)| ColumnMask {
        class: class.clone(),
        type_oid: *type_oid,
        binary: *binary,
    };
    Columns::new(columns.iter().map(column).collect())
}

#[test]
fn only_the_number_changes() {
    let described = columns(&[(None, INT8, false), (None, TEXT, false), (None, TEXT, false)]);
    assert!(!described.needs_fields());
    let mut body = row(&[Some(b"7"), Some(PAN.as_bytes()), None]);
    assert!(may_hold_card(&body));
    let mut spill = b"left alone".to_vec();
    let outcome = scan_row(&mut body, &described, &mut spill).unwrap();
    assert_eq!((outcome.found.pan, outcome.classified.total(), outcome.reframed), (1, 0, false));
    assert_eq!(body, row(&[Some(b"7"), Some(b"411111******1111"), None]));
    assert_eq!(spill, b"left alone");
}

#[test]
fn fields_are_not_read_together() {
    let described = columns(&std::array::from_fn::<_, 4, _>(|_| (None, TEXT, false)));
    let mut body = row(&[Some(b"4111"), Some(b"1111"), Some(b"1111"), Some(b"1111")]);
    let before = body.clone();
    assert_eq!(scan_row(&mut body, &described, &mut Vec::new()).unwrap().found.total(), 0);
    assert_eq!(body, before);
}

#[test]
fn a_length_that_looks_like_a_digit_hides_nothing() {
    let described = columns(&[(None, TEXT, false)]);
    let field = format!("{PAN}{}", "x".repeat(0x34 - 16));
    let mut body = row(&[Some(field.as_bytes())]);
    let outcome = scan_row(&mut body, &described, &mut Vec::new()).unwrap();
    assert_eq!(outcome.found.pan, 1);
    assert_eq!(body, row(&[Some(field.replace(PAN, "411111******1111").as_bytes())]));
}

#[test]
fn binary_numbers_are_seen_without_the_probe() {
    let described = columns(&[(None, INT8, true)]);
    assert!(described.needs_fields());
    let mut body = row(&[Some(&4_111_111_111_111_111_i64.to_be_bytes())]);
    assert!(!may_hold_card(&body));
    assert_eq!(scan_row(&mut body, &described, &mut Vec::new()).unwrap().found.pan, 1);
}

#[test]
fn what_must_be_null_is_reframed() {
    let described = columns(&[
        (None, TEXT, false),
        (Some(Class::Cvv), INT8, false),
        (Some(Class::Name), TEXT, false),
        (Some(Class::Expiry), 1082, false),
        (Some(Class::Pan), TEXT, false),
    ]);
    let mut body = row(&[Some(PAN.as_bytes()), Some(b"123"), Some(b"Ann"), None, Some(b"5555555555554444")]);
    let mut spill = b"old".to_vec();
    let outcome = scan_row(&mut body, &described, &mut spill).unwrap();
    assert!(outcome.reframed);
    let after = [Some(b"411111******1111".as_slice()), None, Some(b"***"), None, Some(b"555555******4444")];
    assert_eq!(spill, row(&after));
    let classified = outcome.classified;
    assert_eq!((classified.cvv, classified.name, classified.expiry, classified.pan), (1, 1, 0, 1));
    assert_eq!(outcome.found.pan, 1);
}

#[test]
fn what_is_no_row_is_refused() {
    let described = columns(&[(Some(Class::Pan), TEXT, false)]);
    let good = row(&[Some(PAN.as_bytes())]);
    let mut spill = Vec::new();
    for cut in 0..good.len() {
        let mut body = good[..cut].to_vec();
        assert_eq!(scan_row(&mut body, &described, &mut spill), Err(Malformed::Length), "{cut}");
    }
    let mut long = [good.as_slice(), b"x"].concat();
    assert_eq!(scan_row(&mut long, &described, &mut spill), Err(Malformed::Length));
    let mut two = row(&[None, None]);
    let error = scan_row(&mut two, &described, &mut spill).unwrap_err();
    assert_eq!(error, Malformed::FieldCount { expected: 1, got: 2 });
    let mut negative = [0, 1, 0xFF, 0xFF, 0xFF, 0xFE].to_vec();
    assert_eq!(scan_row(&mut negative, &described, &mut spill), Err(Malformed::Length));
}
