//! Bound parameters as reviewers see them.

use std::time::{Duration, UNIX_EPOCH};

use hoop_api::Untrusted;

use crate::approval::masked;

/// Seconds from the Unix epoch to PostgreSQL's, 2000-01-01.
const EPOCH_S: i64 = 946_684_800;

/// One parameter of a Bind message.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'m> {
    /// It came in binary format.
    pub binary: bool,
    /// Its bytes; `None` for NULL.
    pub value: Option<&'m [u8]>,
}

/// A binary value of a type that is not known here: what cannot be read cannot be shown, nor masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

impl Shown<'_> {
    /// As text, card numbers masked; `None` for NULL.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn shown(&self, oid: u32) -> Result<Option<Untrusted>, Unreadable> {
        let Some(bytes) = self.value else { return Ok(None) };
        let text = if self.binary { decoded(oid, bytes) } else { utf8(bytes) };
        text.map(|text| Some(Untrusted::new(masked(&text)))).ok_or(Unreadable)
    }
}

fn utf8(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

/// A binary value by its type's oid (`pg_type.dat`), as the type's send function writes it.
fn decoded(oid: u32, bytes: &[u8]) -> Option<String> {
    match oid {
        16 => Some((*bytes.first()? != 0).to_string()),
        20 => Some(i64::from_be_bytes(bytes.try_into().ok()?).to_string()),
        21 => Some(i16::from_be_bytes(bytes.try_into().ok()?).to_string()),
        23 => Some(i32::from_be_bytes(bytes.try_into().ok()?).to_string()),
        26 => Some(u32::from_be_bytes(bytes.try_into().ok()?).to_string()),
        700 => Some(f32::from_be_bytes(bytes.try_into().ok()?).to_string()),
        701 => Some(f64::from_be_bytes(bytes.try_into().ok()?).to_string()),
        // name, text, json, unknown, bpchar, varchar
        19 | 25 | 114 | 705 | 1042 | 1043 => utf8(bytes),
        // jsonb: a version before the text
        3802 => utf8(bytes.strip_prefix(&[1])?),
        1082 => moment(i64::from(i32::from_be_bytes(bytes.try_into().ok()?)).checked_mul(86_400_000_000)?)
            .map(|text| text.chars().take(10).collect()),
        1114 => {
            moment(i64::from_be_bytes(bytes.try_into().ok()?)).map(|t| t.trim_end_matches('Z').to_owned())
        }
        1184 => moment(i64::from_be_bytes(bytes.try_into().ok()?)),
        2950 => {
            let hex = hoop_api::hex(<&[u8; 16]>::try_from(bytes).ok()?);
            Some(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
        }
        _ => None,
    }
}

/// Microseconds since PostgreSQL's epoch as RFC 3339; moments before 1970 and after 9999 are not shown.
fn moment(us: i64) -> Option<String> {
    let unix_us = u64::try_from(EPOCH_S.checked_mul(1_000_000)?.checked_add(us)?).ok()?;
    let within = unix_us < 253_402_300_800_000_000;
    within.then(|| humantime::format_rfc3339_micros(UNIX_EPOCH + Duration::from_micros(unix_us)).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(binary: bool, oid: u32, value: &[u8]) -> Result<String, Unreadable> {
        let shown = Shown { binary, value: Some(value) }.shown(oid)?;
        Ok(shown.unwrap().raw().to_owned())
    }

    #[test]
    fn values_are_read_or_refused() {
        assert_eq!(Shown { binary: true, value: None }.shown(0), Ok(None));
        let uuid: Vec<u8> = (0..16).collect();
        for (binary, oid, value, text) in [
            (false, 0, &b"abc"[..], "abc"),
            (true, 25, b"abc", "abc"),
            (true, 23, &42_i32.to_be_bytes(), "42"),
            (true, 20, &(-7_i64).to_be_bytes(), "-7"),
            (true, 16, &[1], "true"),
            (true, 701, &1.5_f64.to_be_bytes(), "1.5"),
            (true, 3802, b"\x01{\"a\":1}", "{\"a\":1}"),
            (true, 1082, &1_i32.to_be_bytes(), "2000-01-02"),
            (true, 1184, &1_i64.to_be_bytes(), "2000-01-01T00:00:00.000001Z"),
            (true, 1114, &0_i64.to_be_bytes(), "2000-01-01T00:00:00.000000"),
            (true, 2950, &uuid, "00010203-0405-0607-0809-0a0b0c0d0e0f"),
        ] {
            assert_eq!(shown(binary, oid, value).as_deref(), Ok(text), "{oid}");
        }
        for (binary, oid, value) in [
            (true, 0, &[0_u8; 4][..]),
            (true, 23, &[1, 2]),
            (true, 1700, &[0; 8]),
            (true, 3802, b"{}"),
            (true, 1184, &i64::MAX.to_be_bytes()),
            (true, 25, b"\xff"),
            (false, 25, b"\xff"),
        ] {
            assert_eq!(shown(binary, oid, value), Err(Unreadable), "{oid} {value:?}");
        }
    }

    #[test]
    fn card_numbers_are_not_shown() {
        for value in
            [shown(false, 0, b"4111111111111111"), shown(true, 20, &4_111_111_111_111_111_i64.to_be_bytes())]
        {
            assert_eq!(value.as_deref(), Ok("411111******1111"));
        }
    }
}
