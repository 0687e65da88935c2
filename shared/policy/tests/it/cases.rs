//! Files of cases: whatever is in them, they are read or refused.

use hoop_policy::cases::Cases;
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _read = Cases::parse(&text);
    }

    #[test]
    fn any_change_of_a_good_file_is_read_or_refused(at in 0_usize..400, byte in any::<u8>()) {
        let mut bytes = include_bytes!("../../../../broker/policy/pci.tests.toml")[..1200].to_vec();
        bytes[at] = byte;
        let text = String::from_utf8_lossy(&bytes);
        if let Err(fault) = Cases::parse(&text) {
            prop_assert!(fault.line >= 1 && fault.line <= text.lines().count() + 1, "{fault}");
        }
    }
}
