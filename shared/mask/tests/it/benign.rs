//! Everyday values that must pass untouched, alone and beside each other.

use hoop_mask::scan_text;
use proptest::prelude::*;

const BENIGN: &[&str] = &[
    "8800112233445566",
    "2026010200000017",
    "2026020300000042",
    "ORD-2026-0102-0000-0017",
    "ORD-8800-1122-3344-5566",
    "1767323045123456",
    "1770091506789012345",
    "9400111899223197428490",
    "356938035643809",
    "8949200000000000006",
    "04006381333931",
    "9780306406157",
    "4006381333931",
    "DE89370400440532013000",
    "GB82WEST12345698765432",
    "DE89 3704 0044 0532 0130 00",
    "+4915112345678",
    "+1 415 555 0123, +1 415 555 0199",
    "6f1c1a7e-0b5d-4d2c-9a54-0d4f6f2f1a10",
    "4539aaaa-1486-4111-8111-111111111111",
    "11111111-2222-4333-8444-555555555555",
    "2026-02-03 04:05:06.789012+00",
    "602003123456",
    "603403123457",
    "4bf92f3577b34da6a3ce929d0e0e4736",
    "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3",
    "4.539578763621486",
    "24.1234567890123456",
    "call back on 2026-02-03 at 4111 5th Avenue",
    "1234, 5678, 9012, 3456",
    "15.18 150018 2026.11.15.4111",
    "9223372036854775807",
    "-9223372036854775807",
    "08:00:2b:01:02:03",
    "16/B374D848",
    r#"{"source":"web","ts":1767323045123,"cart":{"items":3}}"#,
    "tok_1PqR5sT6uV7wX8yZ",
    "12/27",
];

fn passes(text: &str) {
    let mut bytes = text.as_bytes().to_vec();
    scan_text(&mut bytes);
    assert_eq!(String::from_utf8_lossy(&bytes), text);
}

#[test]
fn everyday_values_pass() {
    BENIGN.iter().for_each(|text| passes(text));
    BENIGN.iter().for_each(|a| BENIGN.iter().for_each(|b| passes(&format!("{a},{b}"))));
}

proptest! {
    #[test]
    fn uuids_pass(random in any::<u128>(), version in 1u128..9, digits_only in any::<bool>()) {
        let mut id = random & !(0xF << 76) & !(0x3 << 62) | version << 76 | 2 << 62;
        if digits_only {
            // The worst case: no letter stops a run but the variant may.
            for nibble in 0..32 {
                if (id >> (4 * nibble)) & 0xF > 9 && nibble != 15 {
                    id &= !(0x8 << (4 * nibble));
                }
            }
        }
        let hex = format!("{id:032x}");
        passes(&format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]));
    }

    #[test]
    fn timestamps_pass(
        (year, month, day) in (1990..2100u32, 1..13u32, 1..29u32),
        (hour, minute, second, micros) in (0..24u32, 0..60u32, 0..60u32, 0..1_000_000u32),
    ) {
        passes(&format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06}+00"));
        passes(&format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"));
        passes(&format!("{year}{month:02}{day:02}{hour:02}{minute:02}{second:02}"));
        passes(&format!("{year}{month:02}{day:02}{micros:08}"));
    }

    #[test]
    fn epochs_pass(seconds in 1_000_000_000..1_999_999_999u64, nanos in 0..1_000_000_000u64) {
        passes(&format!("{seconds}{:03}", nanos / 1_000_000));
        passes(&format!("{seconds}{:06}", nanos / 1_000));
        passes(&format!("{seconds}.{:06}", nanos / 1_000));
    }

    #[test]
    fn averages_pass(whole in 0..100_000u32, fraction in "[0-9]{14,20}") {
        passes(&format!("{whole}.{fraction}"));
    }
}
