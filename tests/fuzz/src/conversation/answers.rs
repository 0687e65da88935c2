//! The bytes that the model server sends, and the plain reading of frames.

use super::server::{Code, Tx};
use super::texts::CANARY;

/// What the server has to say; kept back until it is flushed.
#[derive(Default)]
pub struct Answers {
    kept: Vec<u8>,
    /// What went out.
    pub sent: Vec<u8>,
    /// A notification is due, a setting has changed: both are told before the next ReadyForQuery.
    pub notify: bool,
    pub report: bool,
}

impl Answers {
    pub fn put(&mut self, tag: u8, body: &[u8]) {
        self.kept.push(tag);
        self.kept.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
        self.kept.extend(body);
    }

    pub fn flush(&mut self) {
        self.sent.append(&mut self.kept);
    }

    /// Errors go out at once, with all before them (`send_message_to_frontend`).
    pub fn error(&mut self, code: Code) {
        self.report(b'E', "ERROR", if code == "*" { "42501" } else { code });
    }

    pub fn fatal(&mut self) {
        self.report(b'E', "FATAL", "57P01");
    }

    pub fn notice(&mut self) {
        self.report(b'N', "NOTICE", "00000");
    }

    fn report(&mut self, tag: u8, severity: &str, code: &str) {
        let body =
            format!("S{severity}\0V{severity}\0C{code}\0Mthe value {CANARY} is of no use\0D{CANARY}\0\0");
        self.put(tag, body.as_bytes());
        self.flush();
    }

    pub fn ready(&mut self, tx: Tx) {
        if std::mem::take(&mut self.report) {
            self.put(b'S', b"application_name\0x\0");
        }
        if tx == Tx::Idle && std::mem::take(&mut self.notify) {
            self.put(b'A', format!("\0\0\0\x07channel\0card {CANARY}\0").as_bytes());
        }
        let status = match tx {
            Tx::Idle => b'I',
            Tx::Block => b'T',
            Tx::Failed => b'E',
        };
        self.put(b'Z', &[status]);
        self.flush();
    }

    pub fn complete(&mut self, tag: &str) {
        self.put(b'C', format!("{tag}\0").as_bytes());
    }

    /// RowDescription of an `int4` and a `text`, or NoData.
    pub fn described(&mut self, columns: Option<bool>) {
        let Some(classified) = columns else { return self.put(b'n', b"") };
        let table: u32 = if classified { 16_400 } else { 16_401 };
        let mut body = vec![0, 2];
        for (name, attnum, oid, len) in [("id", 1_i16, 23_u32, 4_i16), ("value", 2, 25, -1)] {
            body.extend(name.as_bytes());
            body.push(0);
            body.extend(table.to_be_bytes());
            body.extend(attnum.to_be_bytes());
            body.extend(oid.to_be_bytes());
            body.extend(len.to_be_bytes());
            body.extend((-1_i32).to_be_bytes());
            body.extend([0, 0]);
        }
        self.put(b'T', &body);
    }

    pub fn row(&mut self, width: usize) {
        let value = value(width);
        let mut body = vec![0, 2, 0, 0, 0, 1, b'7'];
        body.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
        body.extend(value.as_bytes());
        self.put(b'D', &body);
    }

    /// CopyInResponse or CopyOutResponse of two text columns.
    pub fn copy(&mut self, tag: u8) {
        self.put(tag, &[0, 0, 2, 0, 0, 0, 0]);
    }

    pub fn copy_row(&mut self, width: usize) {
        self.put(b'd', format!("7\t{}\n", value(width)).as_bytes());
    }
}

/// A value with a card number in its middle.
fn value(width: usize) -> String {
    let side = "x ".repeat(width.saturating_sub(CANARY.len()) / 4);
    format!("{side}{CANARY}{}", if side.is_empty() { "" } else { " x" })
}

/// Takes the first frame off `bytes`, when it is whole: a type byte, a length that counts itself, a body. A length that
/// cannot be is left where it is.
pub fn frame(bytes: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let [tag, a, b, c, d, ..] = bytes[..] else { return None };
    let len = u64::from(u32::from_be_bytes([a, b, c, d]));
    if len < 4 || len + 1 > bytes.len() as u64 {
        return None;
    }
    let rest = bytes.split_off(usize::try_from(len + 1).ok()?);
    let whole = std::mem::replace(bytes, rest);
    Some((tag, whole[5..].to_vec()))
}

/// All frames of `bytes`, and what is left.
pub fn frames(bytes: &[u8]) -> (Vec<(u8, Vec<u8>)>, Vec<u8>) {
    let mut left = bytes.to_vec();
    let mut all = Vec::new();
    while let Some(next) = frame(&mut left) {
        all.push(next);
    }
    (all, left)
}
