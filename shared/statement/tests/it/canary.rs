//! A card number and a security code in every place that SQL has for text: none reaches the record.

use crate::analyse;

const PAN: &str = "4111111111111111";

/// `~` stands for the canary in digits; each is tried with a card number and with a security code.
const PLACES: &str = include_str!("places.txt");

#[test]
fn no_canary_reaches_the_record() {
    let mut judged = 0;
    for place in PLACES.lines().filter(|l| !l.is_empty()) {
        for canary in [PAN, "737"] {
            let text = place.replace('~', canary);
            let record = match analyse(&text) {
                Ok(a) => {
                    judged += 1;
                    a.record
                }
                Err(e) => e.record(),
            };
            let digits: String = record.chars().filter(char::is_ascii_digit).collect();
            assert!(!digits.contains("411111") && !digits.contains("737"), "{text}\n{record}");
        }
    }
    assert!(judged >= 200, "only {judged} texts were judged");
}

#[test]
fn records_as_the_ledger_has_them() {
    let out: Vec<String> = PLACES
        .lines()
        .filter(|l| !l.is_empty())
        .map(|p| analyse(&p.replace('~', PAN)).map_or_else(|e| e.record(), |a| a.record))
        .collect();
    insta::assert_snapshot!(out.join("\n"));
}

#[test]
fn known_names_keep_their_digits_up_to_a_point() {
    let text = "select a_2024, b_2024 from orders_2024, c411111111111";
    let known = |n: &str| n == "orders_2024" || n == "c411111111111";
    let record = hoop_statement::record(text, known).unwrap();
    assert_eq!(record, "select a_?, b_? from orders_2024, c?");
}

#[test]
fn parameters_stay_apart() {
    let record = analyse("select $1, $2, $737 from t where a = 5 -- x").unwrap().record;
    assert_eq!(record, "select $1, $2, $? from t where a = ?");
}

#[test]
fn a_record_has_a_longest_length() {
    let record = analyse(&format!("select é{}", ", été".repeat(5_000))).unwrap().record;
    assert!(record.len() <= hoop_statement::RECORD_BYTES && record.ends_with('…'));
}

#[test]
fn facts_do_not_print_the_values_of_settings() {
    let a = analyse("set x.y = '4111111111111111'; select set_config('x.z', '737', false)").unwrap();
    let shown = format!("{a:?}");
    assert!(!shown.contains("4111") && !shown.contains("737"), "{shown}");
}
