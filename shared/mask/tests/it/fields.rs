//! Fields by type: the number is gone, the value is still one of its type.

use hoop_mask::{is_card_number, scan_field};

pub const PAN: &str = "4111111111111111";
pub const TEXT: u32 = 25;
pub const INT8: u32 = 20;
pub const NUMERIC: u32 = 1700;
pub const FLOAT8: u32 = 701;
pub const JSON: u32 = 114;
pub const JSONB: u32 = 3802;
pub const BYTEA: u32 = 17;

fn scan(oid: u32, binary: bool, bytes: &[u8]) -> Vec<u8> {
    let mut masked = bytes.to_vec();
    let counts = scan_field(oid, binary, &mut masked);
    assert_eq!(masked.len(), bytes.len());
    assert_eq!(counts.total() > 0, masked != bytes);
    masked
}

fn written(oid: u32, text: &str) -> String {
    String::from_utf8(scan(oid, false, text.as_bytes())).unwrap()
}

/// A binary numeric of four-digit groups, as `numeric_send` writes it.
pub fn numeric(groups: &[u16], weight: i16, scale: u16) -> Vec<u8> {
    let head = [groups.len() as u16, weight as u16, 0, scale];
    head.iter().chain(groups).flat_map(|word| word.to_be_bytes()).collect()
}

pub fn array(oid: u32, elements: &[Option<&[u8]>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [1, 1, oid, elements.len() as u32, 1] {
        bytes.extend(word.to_be_bytes());
    }
    for element in elements {
        bytes.extend(element.map_or(-1, |e| e.len() as i32).to_be_bytes());
        bytes.extend(element.unwrap_or_default());
    }
    bytes
}

#[test]
fn written_numbers_stay_numbers() {
    for (oid, before, after) in [
        (INT8, "4111111111111111", "4111110000001111"),
        (INT8, "-4111111111111111", "-4111110000001111"),
        (NUMERIC, "4111111111111111.00", "4111110000001111.00"),
        (NUMERIC, "30569309025904", "10000000005904"),
        (NUMERIC, "41111111111111112712123", "41111100000011110000000"),
        (FLOAT8, "4.111111111111111e+15", "4.111110000001111e+15"),
        (FLOAT8, "4.539578763621486", "4.539578763621486"),
        (NUMERIC, "24.4111111111111111", "24.4111111111111111"),
        (NUMERIC, "NaN", "NaN"),
        (790, "$4,111,111,111,111,111.00", "$4,111,110,000,001,111.00"),
        (1016, "{1,4111111111111111,NULL}", "{1,4111110000001111,NULL}"),
        (3926, "[4111111111111111,5555555555554445)", "[4111110000001111,5555555555554445)"),
        (1009, "{4111111111111111,\"a b\"}", "{411111******1111,\"a b\"}"),
        (2249, "(1,4111111111111111)", "(1,411111******1111)"),
        (143, "{<pan>4111111111111111</pan>}", "{<pan>411111******1111</pan>}"),
    ] {
        assert_eq!(written(oid, before), after.replace("4111110000001111", &zeroed()), "{oid}");
        let again = written(oid, before);
        assert_eq!(written(oid, &again), again, "a second time");
    }
}

/// `4111 1100 0000 1111`, spoilt when the zeros happen to leave the check digit right.
fn zeroed() -> String {
    let plain = "4111110000001111";
    if is_card_number(plain.as_bytes()).is_some() { "4111111000001111".to_owned() } else { plain.to_owned() }
}

#[test]
fn types_that_hold_no_card_number_are_left() {
    for oid in [1114, 1184, 2950, 869, 23, 3220] {
        assert_eq!(written(oid, PAN), PAN);
    }
}

#[test]
fn json_stays_json() {
    for (before, after) in [
        (r#"{"pan":"4111111111111111"}"#, r#"{"pan":"411111******1111"}"#),
        (r#"{"card": 4111111111111111, "x": [1, 2]}"#, r#"{"card": 4111110000001111, "x": [1, 2]}"#),
        (r#"{"card":30569309025904}"#, r#"{"card":10000000005904}"#),
        (
            r#"{"card":{"number":"4111 1111 1111 1111","cvc":"123"}}"#,
            r#"{"card":{"number":"4111 11** **** 1111","cvc":"***"}}"#,
        ),
        (r#"{"cvv":123,"n":123}"#, r#"{"cvv":100,"n":123}"#),
        (r#""a \" 4111111111111111""#, r#""a \" 411111******1111""#),
        (r#"[4.111111111111111e15]"#, r#"[4.111110000001111e15]"#),
        (r#"{"4111111111111111":0.4111111111111111}"#, r#"{"411111******1111":0.4111111111111111}"#),
    ] {
        let after = after.replace("4111110000001111", &zeroed());
        for oid in [JSON, JSONB] {
            assert_eq!(written(oid, before), after);
        }
        let binary = [b"\x01", before.as_bytes()].concat();
        assert_eq!(scan(JSONB, true, &binary), [b"\x01", after.as_bytes()].concat());
        let _: serde_json::Value = serde_json::from_str(&after).unwrap();
    }
}

#[test]
fn bytea_is_masked_in_its_hex() {
    let hex = |text: &str| text.bytes().map(|b| format!("{b:02x}")).collect::<String>();
    for (before, after) in
        [("4111-1111-1111-1111", "4111-11**-****-1111"), ("no: 4111111111111111!", "no: 411111******1111!")]
    {
        assert_eq!(written(BYTEA, &format!("\\x{}", hex(before))), format!("\\x{}", hex(after)));
        assert_eq!(scan(BYTEA, true, before.as_bytes()), after.as_bytes());
    }
}

#[test]
fn binary_numbers_stay_numbers() {
    let pan = 4_111_111_111_111_111_i64;
    for value in [pan, -pan] {
        let masked = scan(INT8, true, &value.to_be_bytes());
        let masked = i64::from_be_bytes(masked.try_into().unwrap()).to_string();
        assert!(masked.trim_start_matches('-').starts_with("411111"), "{masked}");
        assert!(masked.ends_with("1111") && masked.contains("0000"), "{masked}");
        assert_eq!(is_card_number(masked.trim_start_matches('-').as_bytes()), None);
    }
    let masked = scan(FLOAT8, true, &(pan as f64).to_be_bytes());
    let masked = f64::from_be_bytes(masked.try_into().unwrap());
    assert_eq!(masked.to_string(), zeroed());
    let masked = scan(NUMERIC, true, &numeric(&[4111, 1111, 1111, 1111], 3, 0));
    assert_eq!(masked, numeric(&groups_of(&zeroed()), 3, 0));
    // With decimals, 14 digits, and zeros that are not stored.
    let masked = scan(NUMERIC, true, &numeric(&[4111, 1111, 1111, 1111, 5000], 3, 1));
    assert_eq!(masked, numeric(&[groups_of(&zeroed()), vec![5000]].concat(), 3, 1));
    assert_eq!(scan(NUMERIC, true, &numeric(&[30, 5693, 902, 5904], 3, 0)), numeric(&[10, 0, 0, 5904], 3, 0));
    let stored = scan(NUMERIC, true, &numeric(&[6510], 3, 0));
    assert_eq!(is_card_number(b"6510000000000000").is_some(), stored != numeric(&[6510], 3, 0));
    for fraction in [numeric(&[4111, 1111, 1111, 1111], -1, 16), numeric(&[], 0, 0)] {
        assert_eq!(scan(NUMERIC, true, &fraction), fraction);
    }
}

fn groups_of(digits: &str) -> Vec<u16> {
    digits.as_bytes().chunks(4).map(|c| std::str::from_utf8(c).unwrap().parse().unwrap()).collect()
}

#[test]
fn containers_are_walked() {
    let pan = 4_111_111_111_111_111_i64.to_be_bytes();
    let masked = scan(INT8, true, &pan);
    assert_eq!(scan(1016, true, &array(INT8, &[Some(&pan), None])), array(INT8, &[Some(&masked), None]));
    let stars = b"411111******1111".as_slice();
    assert_eq!(
        scan(1009, true, &array(TEXT, &[None, Some(PAN.as_bytes())])),
        array(TEXT, &[None, Some(stars)])
    );
    // The same under an oid that nobody knows, and a record that holds an array.
    assert_eq!(scan(99_999, true, &array(INT8, &[Some(&pan)])), array(INT8, &[Some(&masked)]));
    let record = |inner: &[u8]| {
        let mut bytes = 1u32.to_be_bytes().to_vec();
        bytes.extend(1016u32.to_be_bytes());
        bytes.extend((inner.len() as u32).to_be_bytes());
        bytes.extend(inner);
        bytes
    };
    let before = record(&array(INT8, &[Some(&pan)]));
    assert_eq!(scan(2249, true, &before), record(&array(INT8, &[Some(&masked)])));
    let range = |bound: &[u8]| [&[0x02 | 0x10][..], &8u32.to_be_bytes(), bound].concat();
    assert_eq!(scan(3926, true, &range(&pan)), range(&masked));
}

#[test]
fn lengths_that_look_like_digits_are_not_part_of_the_number() {
    // An hstore-like value: length 0x34 is the character `4`.
    let text = format!("{PAN} {}", "x".repeat(0x34 - 17));
    let framed =
        |text: &str| [&[0, 0, 0, 1][..], &(text.len() as u32).to_be_bytes(), text.as_bytes()].concat();
    let after = text.replace(PAN, "411111******1111");
    assert_eq!(scan(99_999, true, &framed(&text)), framed(&after));
}

#[test]
fn what_is_left_at_the_end_of_a_long_fraction_is_no_card_number() {
    for end in ["12632316366431627", "13579488424138206"] {
        let mut once = format!("[0.{}{end}]", "0".repeat(280)).into_bytes();
        assert_eq!(scan_field(JSON, false, &mut once).pan, 1);
        let mut twice = once.clone();
        assert_eq!(scan_field(JSON, false, &mut twice).total(), 0);
    }
}
