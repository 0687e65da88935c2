//! Bound parameters as reviewers see them.

use hoop_api::Untrusted;

use crate::approval::masked;

/// One parameter of a Bind message.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'m> {
    /// It came in binary format.
    pub binary: bool,
    /// Its bytes; `None` for NULL.
    pub value: Option<&'m [u8]>,
}

impl Shown<'_> {
    /// As text, card numbers masked; `None` for NULL. Binary values are decoded where the declared type is a plain one
    /// (oids of `pg_type.dat`), else only their length is told: what cannot be read cannot be masked.
    #[must_use]
    pub fn text(&self, oid: u32) -> Option<Untrusted> {
        let bytes = self.value?;
        let text = match (self.binary, oid) {
            (true, 16) => bytes.first().map(|b| (*b != 0).to_string()),
            (true, 21) => bytes.try_into().ok().map(|b| i16::from_be_bytes(b).to_string()),
            (true, 23) => bytes.try_into().ok().map(|b| i32::from_be_bytes(b).to_string()),
            (true, 20) => bytes.try_into().ok().map(|b| i64::from_be_bytes(b).to_string()),
            (true, 19 | 25 | 114 | 705 | 1042 | 1043) | (false, _) => {
                std::str::from_utf8(bytes).ok().map(str::to_owned)
            }
            (true, _) => None,
        };
        let shown = text.map_or_else(|| format!("({} bytes, binary)", bytes.len()), |t| masked(&t));
        Some(Untrusted::new(shown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(binary: bool, oid: u32, value: &[u8]) -> String {
        Shown { binary, value: Some(value) }.text(oid).unwrap().raw().to_owned()
    }

    #[test]
    fn values_are_readable_and_card_numbers_are_not() {
        assert!(Shown { binary: false, value: None }.text(0).is_none());
        assert_eq!(shown(false, 0, b"abc"), "abc");
        assert_eq!(shown(true, 23, &42_i32.to_be_bytes()), "42");
        assert_eq!(shown(true, 16, &[1]), "true");
        assert_eq!(shown(true, 23, &[1, 2]), "(2 bytes, binary)");
        assert_eq!(shown(true, 0, &[0; 8]), "(8 bytes, binary)");
        for masked in
            [shown(false, 0, b"4111111111111111"), shown(true, 20, &4_111_111_111_111_111_i64.to_be_bytes())]
        {
            assert_eq!(masked, "411111******1111");
        }
    }
}
