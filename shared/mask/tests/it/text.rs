//! Free text: where a number may hide, and what stays visible.

use hoop_mask::{may_hold_card, scan_text};

fn masked(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let counts = scan_text(&mut bytes);
    let after = String::from_utf8(bytes).expect("masking keeps UTF-8");
    assert_eq!(after.len(), text.len(), "{text}");
    assert_eq!(counts.total() > 0, after != text, "{text}");
    assert!(after == text || may_hold_card(text.as_bytes()), "the probe missed {text}");
    after
}

#[test]
fn first_six_and_last_four_stay() {
    for (before, after) in [
        ("4111111111111111", "411111******1111"),
        ("378282246310005", "378282*****0005"),
        ("30569309025904", "**********5904"),
        ("6799990100000000019", "679999*********0019"),
        ("4111 1111 1111 1111", "4111 11** **** 1111"),
        ("3782-822463-10005", "3782-82****-*0005"),
        ("4111.1111.1111.1111", "4111.11**.****.1111"),
        ("4111/1111/1111/1111", "4111/11**/****/1111"),
        ("4111\t1111\n1111 1111", "4111\t11**\n**** 1111"),
        ("4111\u{a0}1111\u{a0}1111\u{a0}1111", "4111\u{a0}11**\u{a0}****\u{a0}1111"),
        ("41\u{200b}11111111111111", "41\u{200b}1111******1111"),
        ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "4 1 1 1 1 1 * * * * * * 1 1 1 1"),
        ("4111 - 1111 - 1111 - 1111", "4111 - 11** - **** - 1111"),
        ("４１１１１１１１１１１１１１１１", "４１１１１１＊＊＊＊＊＊１１１１"),
        ("٤١١١١١١١١١١١١١١١", "٤١١١١١٭٭٭٭٭٭١١١١"),
        (r"4111\u0031111\u00311\u003111\u003111", r"4111\u00311**\u002a*\u002a*1\u003111"),
        (r"4111\n1111\t1111\u00a01111", r"4111\n11**\t****\u00a01111"),
    ] {
        assert_eq!(masked(before), after);
        assert_eq!(masked(after), after, "a second time");
    }
}

#[test]
fn neighbours_do_not_hide_a_number() {
    for (before, after) in [
        ("x4111111111111111y", "x411111******1111y"),
        ("é4111111111111111é", "é411111******1111é"),
        ("**4111111111111111**", "**411111******1111**"),
        ("**4111 1111 1111 1111**", "**4111 11** **** 1111**"),
        ("card 4111 1111 1111 1111 12/27 ok", "card 4111 11** **** 1111 12/27 ok"),
        ("12 4111 1111 1111 1111 34", "12 4111 11** **** 1111 34"),
        ("id 7 4111111111111111", "id 7 411111******1111"),
        ("4111-11111111-1111 12/27", "4111-11******-1111 12/27"),
        ("4111111111111111.00", "411111******1111.00"),
        ("'4111111111111111','5555555555554444'", "'411111******1111','555555******4444'"),
        ("4111111111111111 5555555555554444", "411111******1111 555555******4444"),
        ("0000004111111111111111", "000000411111******1111"),
        ("0004111111111111111", "000411111******1111"),
        // What stays of a number does not begin another.
        ("4242424242424242 4242 4242 4242", "424242******4242 4242 4242 4242"),
        // Expiry and CVV glued to it go with it.
        ("4111111111111111123", "411111******1111***"),
        ("41111111111111112712123", "411111******1111*******"),
        ("99994111111111111111", "9999411111******1111"),
    ] {
        assert_eq!(masked(before), after);
        assert_eq!(masked(after), after, "a second time");
    }
}

#[test]
fn a_number_at_either_end_of_a_very_long_run_of_digits() {
    let zeros = "0".repeat(1000);
    assert_eq!(masked(&format!("{zeros}4111111111111111")), format!("{zeros}411111******1111"));
    let after = masked(&format!("4111111111111111{zeros}"));
    assert!(after.starts_with("411111******1111"), "{after}");
}

#[test]
fn tracks_and_chip_data_go_whole() {
    for (before, after) in [
        (
            "%B4111111111111111^DOE/JANE A^27121010000000000000?",
            "%B************************************************?",
        ),
        (";4111111111111111=27121010000012345678?", ";*************************************?"),
        ("4111111111111111D27121010000012345678F", "*************************************F"),
        ("9F02015A084111111111111111", "9F02015A08****************"),
        ("5A0A6799990100000000019F82", "5A0A********************82"),
        ("57114111111111111111D27121010000000000F9F", "5711*********************************F9F"),
    ] {
        let masked = masked(before);
        assert!(!masked.contains("4111") && !masked.contains("2712"), "{masked}");
        if before.len() == after.len() {
            assert_eq!(masked, after);
        }
    }
}

#[test]
fn a_verification_value_beside_its_name_goes_whole() {
    for (before, after) in [
        ("cvv 123, please", "cvv ***, please"),
        (r#""cvc":"9876""#, r#""cvc":"****""#),
        ("CVV2: 123", "CVV2: ***"),
        ("cvv of 2026", "cvv of 2026"),
        ("cvv 12345", "cvv 12345"),
    ] {
        assert_eq!(masked(before), after);
    }
}

#[test]
fn hex_of_ascii_digits_is_masked_as_hex() {
    let hex: String = "4111111111111111".bytes().map(|b| format!("{b:02x}")).collect();
    let after = masked(&format!("\\x{hex}"));
    assert_eq!(after, "\\x343131313131".to_owned() + &"2a".repeat(6) + "31313131");
}

#[test]
fn words_make_the_doubtful_lengths_card_numbers() {
    assert_eq!(masked("4222222222222"), "4222222222222");
    assert_eq!(masked("card no. 4222222222222"), "card no. *********2222");
    assert_eq!(masked("company 4222222222222"), "company 4222222222222");
    assert_eq!(masked("PAN: 4222222222222"), "PAN: *********2222");
}

#[test]
fn the_probe_meets_the_shortest_number_at_any_place() {
    for pad in 0..40 {
        let (before, after) = ("x".repeat(pad), "x".repeat(40 - pad));
        let text = format!("card{before}676770000005{after}");
        assert_eq!(masked(&text), format!("card{before}********0005{after}"));
    }
}

#[test]
fn the_first_group_after_a_verification_values_name_is_hidden_with_the_number() {
    let mut text = *b"cvv 400 0000000000002 ";
    assert_eq!(scan_text(&mut text).cvv, 1);
    assert_eq!(String::from_utf8_lossy(&text), "cvv *** 000******0002 ");
}
