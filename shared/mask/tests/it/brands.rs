//! The brand table, number by number: the schemes' published test numbers.

use hoop_mask::{Brand, is_card_number, is_card_number_in_context};

const PUBLISHED: &[(Brand, &str)] = &[
    (Brand::Visa, "4111111111111111"),
    (Brand::Visa, "4012888888881881"),
    (Brand::Visa, "4242424242424242"),
    (Brand::Visa, "4000056655665556"),
    (Brand::Mastercard, "5555555555554444"),
    (Brand::Mastercard, "5105105105105100"),
    (Brand::Mastercard, "2223003122003222"),
    (Brand::Mastercard, "2720992720992729"),
    (Brand::Amex, "378282246310005"),
    (Brand::Amex, "371449635398431"),
    (Brand::Amex, "341111111111111"),
    (Brand::Discover, "6011111111111117"),
    (Brand::Discover, "6011000990139424"),
    (Brand::Discover, "6445644564456445"),
    (Brand::Discover, "6510000000000000"),
    (Brand::Diners, "30569309025904"),
    (Brand::Diners, "38520000023237"),
    (Brand::Diners, "36227206271667"),
    (Brand::Jcb, "3530111333300000"),
    (Brand::Jcb, "3566002020360505"),
    (Brand::UnionPay, "6200000000000005"),
    (Brand::UnionPay, "6205500000000000004"),
    (Brand::Maestro, "6759649826438453"),
    (Brand::Maestro, "6799990100000000019"),
    (Brand::Maestro, "5000550000000029"),
    (Brand::Mir, "2200000000000004"),
    (Brand::Troy, "9792030000000000"),
    (Brand::Verve, "5060990580000217499"),
];

#[test]
fn published_test_numbers_have_their_brand() {
    for &(brand, number) in PUBLISHED {
        let number = with_check_digit(number);
        assert_eq!(is_card_number(number.as_bytes()), Some(brand), "{number}");
    }
}

#[test]
fn a_wrong_check_digit_is_no_card_number() {
    for &(_, number) in PUBLISHED {
        let mut number = with_check_digit(number).into_bytes();
        let last = number.last_mut().unwrap();
        *last = b'0' + (*last - b'0' + 1) % 10;
        assert_eq!(is_card_number(&number), None, "{number:?}");
    }
}

#[test]
fn lengths_that_everyday_numbers_have_need_context() {
    for (brand, number) in [
        (Brand::Visa, "4222222222222"),
        (Brand::Maestro, "676770000006"),
        (Brand::Maestro, "5018000000009"),
        // Without a check digit.
        (Brand::UnionPay, "6200000000000006"),
    ] {
        let number = if brand == Brand::UnionPay { number.to_owned() } else { with_check_digit(number) };
        assert_eq!(is_card_number(number.as_bytes()), None, "{number}");
        assert_eq!(is_card_number_in_context(number.as_bytes()), Some(brand), "{number}");
    }
}

#[test]
fn other_lengths_and_other_bytes_are_none() {
    for text in ["", "4", "41111111111", "42424242424242424242", "411111111111111a", "4111 1111 1111 1111"] {
        assert_eq!(is_card_number_in_context(text.as_bytes()), None, "{text}");
    }
}

/// The number with its last digit made right, so that a slip in the list above cannot hide a fault in the ranges.
fn with_check_digit(number: &str) -> String {
    let (body, _) = number.split_at(number.len() - 1);
    let sum: u32 = body
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, b)| {
            let value = u32::from(b - b'0') * if i % 2 == 0 { 2 } else { 1 };
            value / 10 + value % 10
        })
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}
