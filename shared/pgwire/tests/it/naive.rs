//! A second decoder of message bodies, as simple as can be and sharing nothing with the crate: it takes bytes off
//! the front of a list, copies everything, and says no more than yes or no. The fuzz targets use it too.

/// One decoded field.
#[derive(Debug, PartialEq, Eq)]
pub enum Item {
    Num(i64),
    Bytes(Vec<u8>),
    Null,
}

use Item::{Bytes, Null, Num};

/// The bytes not yet read.
struct Naive {
    left: Vec<u8>,
    items: Vec<Item>,
}

impl Naive {
    fn byte(&mut self) -> Option<u8> {
        if self.left.is_empty() { None } else { Some(self.left.remove(0)) }
    }

    fn number(&mut self, bytes: usize) -> Option<i64> {
        let mut value = 0;
        for _ in 0..bytes {
            value = value * 256 + i64::from(self.byte()?);
        }
        Some(value)
    }

    fn signed(&mut self, bytes: u32) -> Option<i64> {
        let value = self.number(bytes as usize)?;
        let range = 256_i64.pow(bytes);
        Some(if value >= range / 2 { value - range } else { value })
    }

    fn num(&mut self, bytes: usize) -> Option<i64> {
        let value = self.number(bytes)?;
        self.items.push(Num(value));
        Some(value)
    }

    fn string(&mut self) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        loop {
            match self.byte()? {
                0 => return Some(text),
                byte => text.push(byte),
            }
        }
    }

    fn bytes(&mut self) -> Option<()> {
        let text = self.string()?;
        self.items.push(Bytes(text));
        Some(())
    }

    fn text(&mut self) -> Option<()> {
        let text = String::from_utf8(self.string()?).ok()?;
        self.items.push(Bytes(text.into_bytes()));
        Some(())
    }

    fn name(&mut self) -> Option<()> {
        let text = String::from_utf8(self.string()?).ok()?;
        if text.len() > 63 {
            return None;
        }
        self.items.push(Bytes(text.into_bytes()));
        Some(())
    }

    fn value(&mut self) -> Option<()> {
        let len = self.signed(4)?;
        if len == -1 {
            self.items.push(Null);
            return Some(());
        }
        if len < 0 || len > self.left.len() as i64 {
            return None;
        }
        let value = (0..len).map(|_| self.byte()).collect::<Option<Vec<u8>>>()?;
        self.items.push(Bytes(value));
        Some(())
    }

    fn rest(&mut self) {
        let rest = std::mem::take(&mut self.left);
        self.items.push(Bytes(rest));
    }

    fn formats(&mut self) -> Option<i64> {
        let count = self.num(2)?;
        for _ in 0..count {
            if self.num(2)? > 1 {
                return None;
            }
        }
        Some(count)
    }
}

fn whole(body: &[u8], read: impl FnOnce(&mut Naive) -> Option<()>) -> Option<Vec<Item>> {
    let mut naive = Naive { left: body.to_vec(), items: Vec::new() };
    read(&mut naive)?;
    naive.left.is_empty().then_some(naive.items)
}

/// The fields of a client message, or nothing when it is malformed.
pub fn frontend(tag: u8, body: &[u8]) -> Option<Vec<Item>> {
    whole(body, |n| match tag {
        b'Q' | b'f' => n.text(),
        b'P' => {
            n.name()?;
            n.text()?;
            let count = n.num(2)?;
            (0..count).try_for_each(|_| n.num(4).map(drop))
        }
        b'B' => {
            n.name()?;
            n.name()?;
            let formats = n.formats()?;
            let count = n.num(2)?;
            (0..count).try_for_each(|_| n.value())?;
            if formats > 1 && formats != count {
                return None;
            }
            n.formats().map(drop)
        }
        b'D' | b'C' => {
            let kind = n.num(1)?;
            if kind != i64::from(b'S') && kind != i64::from(b'P') {
                return None;
            }
            n.name()
        }
        b'E' => {
            n.name()?;
            let rows = n.signed(4)?.max(0);
            n.items.push(Num(rows));
            Some(())
        }
        b'd' | b'p' => {
            n.rest();
            Some(())
        }
        b'F' => {
            n.left.clear();
            Some(())
        }
        b'c' | b'H' | b'S' | b'X' => Some(()),
        _ => None,
    })
}

/// The fields of a server message, or nothing when it is malformed.
pub fn backend(tag: u8, body: &[u8]) -> Option<Vec<Item>> {
    whole(body, |n| match tag {
        b'R' => naive_authentication(n),
        b'K' => {
            n.num(4)?;
            if !(4..=256).contains(&n.left.len()) {
                return None;
            }
            n.rest();
            Some(())
        }
        b'C' => n.text(),
        b'd' => {
            n.rest();
            Some(())
        }
        b'G' | b'H' | b'W' => {
            let overall = n.num(1)?;
            let before = n.items.len();
            n.formats()?;
            let any_binary = n.items[before + 1..].contains(&Num(1));
            (overall == 1 || overall == 0 && !any_binary).then_some(())
        }
        b'D' => {
            let count = n.num(2)?;
            (0..count).try_for_each(|_| n.value())
        }
        b'E' | b'N' => {
            while n.num(1)? != 0 {
                n.bytes()?;
            }
            Some(())
        }
        b'v' => {
            if n.num(2)? != 3 {
                return None;
            }
            n.num(2)?;
            let count = n.num(4)?;
            (0..count).try_for_each(|_| n.text())
        }
        b'A' => {
            n.num(4)?;
            n.bytes()?;
            n.bytes()
        }
        b't' => {
            let count = n.num(2)?;
            (0..count).try_for_each(|_| n.num(4).map(drop))
        }
        b'S' => {
            n.text()?;
            n.bytes()
        }
        b'Z' => {
            let status = n.num(1)?;
            b"ITE".iter().any(|byte| i64::from(*byte) == status).then_some(())
        }
        b'T' => {
            let count = n.num(2)?;
            (0..count).try_for_each(|_| {
                n.bytes()?;
                for bytes in [4, 2, 4, 2, 4] {
                    n.num(bytes)?;
                }
                (n.num(2)? <= 1).then_some(())
            })
        }
        b'V' => {
            n.left.clear();
            Some(())
        }
        b'2' | b'3' | b'c' | b'I' | b'n' | b'1' | b's' => Some(()),
        _ => None,
    })
}

fn naive_authentication(n: &mut Naive) -> Option<()> {
    match n.num(4)? {
        0 | 2 | 3 | 7 | 9 => Some(()),
        5 => n.num(4).map(drop),
        8 | 11 | 12 => {
            n.rest();
            Some(())
        }
        10 => {
            n.text()?;
            if n.items.last() == Some(&Bytes(Vec::new())) {
                return None;
            }
            while n.items.last() != Some(&Bytes(Vec::new())) {
                n.text()?;
            }
            n.items.pop();
            Some(())
        }
        _ => None,
    }
}
