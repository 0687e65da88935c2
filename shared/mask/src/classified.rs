//! Classified columns: masked whole, whatever they hold. Nothing here raises, and what cannot be masked as its type
//! becomes NULL.

use crate::card::{MAX_DIGITS, hidden};
use crate::class::Class;
use crate::lex::{FILLS, Symbol, fill, lex};
use crate::number;
use crate::numeric::mask_numeric;
use crate::oid::{Shape, shape};

/// The fewest digits of which the first six and last four may be shown.
const SHOWN_MIN: usize = 13;

/// What became of a classified field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Classified {
    /// Masked where it lies, at the same length.
    InPlace,
    /// Must be sent as NULL; the bytes are overwritten.
    Null,
}

/// Masks a field of a classified column.
///
/// A card number in a text type keeps its first six and last four digits (the last four only up to 14 digits), in a
/// bigint or numeric its middle becomes zeros and its check digit wrong. Every other text becomes `*` throughout, every
/// other type NULL.
pub fn mask_classified(class: &Class, type_oid: u32, binary: bool, bytes: &mut [u8]) -> Classified {
    let masked = match class {
        Class::Pan => mask_pan(type_oid, binary, bytes),
        Class::Cvv | Class::Track | Class::Expiry | Class::Name | Class::Freetext | Class::Custom(_) => {
            let is_text = shape(type_oid) == Shape::Text;
            if is_text {
                cover_all(bytes);
            }
            is_text
        }
    };
    if masked {
        return Classified::InPlace;
    }
    // The caller may be about to forward its buffer in spite of us: nothing of the value stays in it.
    bytes.fill(0);
    Classified::Null
}

/// Whether the bytes were masked as their type.
fn mask_pan(type_oid: u32, binary: bool, bytes: &mut [u8]) -> bool {
    match (shape(type_oid), binary) {
        (Shape::Text, _) => {
            if !mask_middle(bytes) {
                cover_all(bytes);
            }
            true
        }
        (Shape::Int8, true) => number::mask_int8(bytes, 1, number::find_any),
        (Shape::Int8 | Shape::Numeric, false) => number::mask_written(bytes, number::find_any),
        (Shape::Numeric, true) => mask_numeric(bytes, number::find_any),
        // An extension's text type (citext): `*` would not be valid in others.
        (Shape::Unknown, false) => mask_middle(bytes),
        (
            Shape::Safe
            | Shape::Float8
            | Shape::Money
            | Shape::Json
            | Shape::Jsonb
            | Shape::Bytea
            | Shape::Array(_)
            | Shape::Range(_)
            | Shape::Multirange(_)
            | Shape::Record,
            _,
        )
        | (Shape::Unknown, true) => false,
    }
}

/// Hides the middle digits of a text that is nothing but digits and separators, as long as a card number.
fn mask_middle(bytes: &mut [u8]) -> bool {
    let mut places = [(0, 0); MAX_DIGITS];
    let (mut n, mut at) = (0, 0);
    while at < bytes.len() {
        let Some((symbol, len)) = lex(bytes, at, true) else { return false };
        match symbol {
            Symbol::Digit(_) => {
                let Some(place) = places.get_mut(n) else { return false };
                *place = (at, len);
                n += 1;
            }
            Symbol::Separator(_) => {}
            Symbol::Fill | Symbol::Break => return false,
        }
        at += len;
    }
    if n < SHOWN_MIN {
        return false;
    }
    for &(at, len) in places.get(hidden(n)).unwrap_or_default() {
        if let Some(place) = bytes.get_mut(at..at + len) {
            fill(place);
        }
    }
    true
}

/// A mask character of the same length over every character.
pub(crate) fn cover_all(bytes: &mut [u8]) {
    for chunk in split_chars(bytes) {
        let mut coded = [0; 4];
        let mask = chunk.len().checked_sub(1).and_then(|i| FILLS.get(i)).copied().unwrap_or('*');
        let mask = mask.encode_utf8(&mut coded).as_bytes();
        if mask.len() == chunk.len() {
            chunk.copy_from_slice(mask);
        } else {
            chunk.fill(b'*');
        }
    }
}

/// The bytes of each character; of what is not UTF-8, single bytes.
fn split_chars(mut bytes: &mut [u8]) -> impl Iterator<Item = &mut [u8]> {
    std::iter::from_fn(move || {
        let rest = std::mem::take(&mut bytes);
        let len = (1..=rest.len().min(4))
            .find(|&len| rest.get(..len).is_some_and(|c| std::str::from_utf8(c).is_ok()))
            .unwrap_or(1);
        let (head, tail) = rest.split_at_mut_checked(len)?;
        bytes = tail;
        Some(head)
    })
}
