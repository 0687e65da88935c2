//! What stands around a suspected number: words that speak of cards, and the two shapes that prove it something else.

/// The last bytes before the data at hand: what was released already, or a JSON key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Back {
    bytes: [u8; Self::SIZE],
    len: usize,
}

impl Default for Back {
    fn default() -> Self {
        Self { bytes: [0; Self::SIZE], len: 0 }
    }
}

impl Back {
    /// Enough for an IBAN with its spaces, a UUID, or the words before a number.
    pub(crate) const SIZE: usize = 64;

    /// Remembers the end of `released`.
    pub(crate) fn push(&mut self, released: &[u8]) {
        let keep = Self::SIZE.saturating_sub(released.len()).min(self.len);
        self.bytes.copy_within(self.len - keep..self.len, 0);
        let tail = released.get(released.len().saturating_sub(Self::SIZE)..).unwrap_or_default();
        if let Some(place) = self.bytes.get_mut(keep..keep + tail.len()) {
            place.copy_from_slice(tail);
        }
        self.len = keep + tail.len();
    }
}

/// The data at hand with what came before it, addressed from the start of the data at hand (before it: negative).
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub back: &'a Back,
    pub buf: &'a [u8],
}

/// How far behind a number its kind may be told: the rest of an IBAN or UUID, or of a track.
pub(crate) const LOOKAHEAD: usize = 96;
/// The most bytes between the name of a card verification value and its digits.
const MAX_CVV_GAP: isize = 9;
/// How far before a number a word about cards may stand, in bytes.
const CONTEXT: usize = 48;

const CARD_WORDS: [&[u8]; 10] = [
    b"card",
    b"karte",
    b"carte",
    b"tarjeta",
    b"cart\xc3\xa3o",
    b"visa",
    b"maestro",
    b"unionpay",
    b"kreditk",
    b"account_number",
];

impl View<'_> {
    pub(crate) fn byte(&self, at: isize) -> Option<u8> {
        match usize::try_from(at) {
            Ok(at) => self.buf.get(at).copied(),
            Err(_) => {
                let back = self.back.len.checked_sub(at.unsigned_abs())?;
                self.back.bytes.get(back).copied()
            }
        }
    }

    fn is_word_at(&self, at: isize) -> bool {
        self.byte(at).is_some_and(|b| b.is_ascii_alphanumeric())
    }

    /// The bytes before `at`, lower case, in `room`, oldest first.
    fn before<'r>(&self, at: usize, room: &'r mut [u8; CONTEXT]) -> &'r [u8] {
        let mut from = CONTEXT;
        let mut index = at as isize;
        while from > 0 {
            index -= 1;
            let Some(byte) = self.byte(index) else { break };
            from -= 1;
            if let Some(slot) = room.get_mut(from) {
                *slot = byte.to_ascii_lowercase();
            }
        }
        room.get(from..).unwrap_or_default()
    }

    /// Whether a word shortly before `at` speaks of a card number.
    pub(crate) fn speaks_of_cards(&self, at: usize) -> bool {
        let mut room = [0; CONTEXT];
        let before = self.before(at, &mut room);
        let has = |word: &[u8]| before.windows(word.len()).any(|w| w == word);
        if CARD_WORDS.into_iter().any(has) {
            return true;
        }
        // "pan" is also part of "company": only as a word of its own.
        before.windows(3).enumerate().any(|(i, w)| {
            let beside =
                |at: Option<usize>| at.and_then(|at| before.get(at)).is_some_and(u8::is_ascii_alphanumeric);
            w == b"pan" && !beside(i.checked_sub(1)) && !beside(Some(i + 3))
        })
    }

    /// Whether a key or word just before `at` names a card verification value: `cvv`, `cvc`, `cvn`, with or without 2.
    pub(crate) fn names_cvv(&self, at: usize) -> bool {
        let mut index = at as isize - 1;
        while matches!(
            self.byte(index),
            Some(b' ' | b':' | b'=' | b'"' | b'\'' | b'>' | b'#' | b'.' | b'-' | b'\\' | b'\t' | b',')
        ) {
            index -= 1;
            if at as isize - index > MAX_CVV_GAP {
                return false;
            }
        }
        if self.byte(index) == Some(b'2') {
            index -= 1;
        }
        matches!(self.byte(index), Some(b'v' | b'c' | b'n' | b'V' | b'C' | b'N'))
            && matches!(self.byte(index - 1), Some(b'v' | b'V'))
            && matches!(self.byte(index - 2), Some(b'c' | b'C'))
    }

    /// Whether the bytes `start..end` lie in a UUID or in an IBAN whose check digits are right.
    pub(crate) fn is_exempt(&self, start: usize, end: usize) -> bool {
        let (start, end) = (start as isize, end as isize);
        (0..=42).map(|back| start - back).any(|at| {
            !self.is_word_at(at - 1)
                && (self.is_uuid(at, end) || self.iban_end(at).is_some_and(|iban_end| iban_end >= end))
        })
    }

    /// RFC 9562 section 4: 8-4-4-4-12 hex digits with a version and a variant, which leave no room for 16 free digits.
    fn is_uuid(&self, at: isize, end: isize) -> bool {
        at + 36 >= end
            && self.byte(at + 8) == Some(b'-')
            && !self.is_word_at(at + 36)
            && (0..36).all(|i| {
                self.byte(at + i).is_some_and(|b| match i {
                    8 | 13 | 18 | 23 => b == b'-',
                    14 => matches!(b, b'1'..=b'8'),
                    19 => matches!(b, b'8' | b'9' | b'a' | b'b' | b'A' | b'B'),
                    _ => b.is_ascii_hexdigit(),
                })
            })
    }

    /// ISO 13616: country, two check digits, and a length fixed by the country; the whole is 1 modulo 97.
    fn iban_end(&self, at: isize) -> Option<isize> {
        let country = [self.byte(at)?, self.byte(at + 1)?];
        let length = IBAN_LENGTHS.iter().find(|(code, _)| **code == country)?.1;
        let mut chars = [0u8; 34];
        let mut next = at;
        for slot in chars.get_mut(..length)? {
            let mut byte = self.byte(next)?;
            if byte == b' ' {
                next += 1;
                byte = self.byte(next)?;
            }
            if !byte.is_ascii_alphanumeric() {
                return None;
            }
            *slot = byte;
            next += 1;
        }
        let chars = chars.get(..length)?;
        let (head, tail) = chars.split_at_checked(4)?;
        let remainder = tail.iter().chain(head).try_fold(0u32, |rest, &b| {
            let value = char::from(b).to_digit(36)?;
            Some((if value > 9 { rest * 100 } else { rest * 10 } + value) % 97)
        })?;
        (remainder == 1 && !self.is_word_at(next)).then_some(next)
    }
}

/// The IBAN registry's countries and lengths.
const IBAN_LENGTHS: [(&[u8; 2], usize); 77] = [
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NL", 18),
    (b"NO", 15),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"SA", 24),
    (b"SC", 31),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"LY", 25),
];
