//! One field of a row, by its type and format.

use crate::array::{Layout, walk};
use crate::class::Counts;
use crate::json::scan_json;
use crate::lex::Kind;
use crate::number;
use crate::numeric::mask_numeric;
use crate::oid::{NUMERIC, Shape, shape};
use crate::probe::find_suspect;
use crate::scan::{Options, Style, scan_whole};

/// Containers inside containers are walked so deep; below, as bytes of an unknown type.
const MAX_DEPTH: u32 = 8;

/// Masks every card number in one field, in place, at the same length, so that the value stays valid for its type;
/// gives what was masked.
///
/// `type_oid` is the field's type as RowDescription says; 0 or an unknown one is scanned as text, or in binary format as
/// bytes in which ASCII digits may stand. Types that cannot hold a card number (timestamps, uuid, addresses…) are left.
pub fn scan_field(type_oid: u32, binary: bool, bytes: &mut [u8]) -> Counts {
    let mut counts = Counts::default();
    if binary {
        scan_binary(type_oid, bytes, &mut counts, 0);
    } else {
        scan_written(type_oid, bytes, &mut counts);
    }
    counts
}

fn add_pans(counts: &mut Counts, n: u32) {
    counts.pan = counts.pan.saturating_add(n);
}

fn scan_written(type_oid: u32, bytes: &mut [u8], counts: &mut Counts) {
    match shape(type_oid) {
        Shape::Safe => {}
        Shape::Int8 => add_pans(counts, u32::from(number::mask_written(bytes, number::find_whole))),
        Shape::Numeric | Shape::Float8 => {
            add_pans(counts, u32::from(number::mask_written(bytes, number::find_anywhere)));
        }
        Shape::Money => add_pans(counts, u32::from(number::scan_money(bytes))),
        Shape::Json | Shape::Jsonb => scan_json_field(bytes, counts),
        Shape::Bytea => scan_hex(bytes, counts),
        Shape::Array(inner) | Shape::Range(inner) | Shape::Multirange(inner) => {
            scan_written_inner(inner, bytes, counts);
        }
        Shape::Text | Shape::Record | Shape::Unknown => {
            counts.merge(scan_whole(bytes, Options::default()));
        }
    }
}

/// A container's text: `{…}`, `[…)`.
fn scan_written_inner(inner: u32, bytes: &mut [u8], counts: &mut Counts) {
    match shape(inner) {
        Shape::Safe => {}
        Shape::Int8 | Shape::Range(crate::oid::INT8) => {
            add_pans(counts, number::mask_each_written(bytes, number::find_whole));
        }
        Shape::Numeric | Shape::Float8 | Shape::Range(NUMERIC) => {
            add_pans(counts, number::mask_each_written(bytes, number::find_anywhere));
        }
        // Quotes of the array and of the JSON inside are told apart only by parsing both; zeros are valid in either.
        Shape::Json | Shape::Jsonb => {
            counts.merge(scan_whole(bytes, Options { style: Style::Zeros, ..Options::default() }));
        }
        Shape::Money
        | Shape::Text
        | Shape::Bytea
        | Shape::Array(_)
        | Shape::Range(_)
        | Shape::Multirange(_)
        | Shape::Record
        | Shape::Unknown => counts.merge(scan_whole(bytes, Options::default())),
    }
}

fn scan_json_field(bytes: &mut [u8], counts: &mut Counts) {
    // Numbers may be written `4.111111111111111e15` with fewer digits than the probe looks for.
    let scientific = memchr::memchr2_iter(b'e', b'E', bytes)
        .any(|at| at > 0 && bytes.get(at - 1).is_some_and(|&b| crate::lex::kind(b) == Kind::Digit));
    if scientific || find_suspect(bytes).is_some() {
        counts.merge(scan_json(bytes));
    }
}

/// `bytea` as text: `\x` and hex (bytea_output = hex), or the escape format, which is text.
fn scan_hex(bytes: &mut [u8], counts: &mut Counts) {
    if let Some(hex) = bytes.strip_prefix(br"\x").filter(|hex| hex.len() >= 24) {
        let nibble = |b: u8| char::from(b).to_digit(16).map_or(0, |d| d as u8);
        let mut raw: Vec<u8> =
            hex.as_chunks::<2>().0.iter().map(|&[high, low]| nibble(high) << 4 | nibble(low)).collect();
        let found = scan_whole(&mut raw, Options::default());
        if found.total() > 0 {
            counts.merge(found);
            let hex = bytes.get_mut(2..).unwrap_or_default();
            for (pair, byte) in hex.as_chunks_mut::<2>().0.iter_mut().zip(&raw) {
                *pair = [hex_digit(byte >> 4), hex_digit(byte & 15)];
            }
        }
    }
    counts.merge(scan_whole(bytes, Options::default()));
}

fn hex_digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

fn scan_binary(type_oid: u32, bytes: &mut [u8], counts: &mut Counts, depth: u32) {
    let shape = if depth < MAX_DEPTH { shape(type_oid) } else { Shape::Text };
    match shape {
        Shape::Safe => {}
        Shape::Int8 => add_pans(counts, u32::from(number::mask_int8(bytes, 1, number::find_whole))),
        Shape::Money => add_pans(counts, u32::from(number::mask_int8(bytes, 100, number::find_whole))),
        Shape::Float8 => add_pans(counts, u32::from(number::scan_float8(bytes))),
        Shape::Numeric => add_pans(counts, u32::from(mask_numeric(bytes, number::find_anywhere))),
        Shape::Json => scan_json_field(bytes, counts),
        Shape::Jsonb => {
            // jsonb_send: one byte of version, then JSON text.
            scan_json_field(bytes.get_mut(1..).unwrap_or_default(), counts);
        }
        Shape::Array(_) => scan_container(bytes, &[Layout::Array], type_oid, counts, depth),
        Shape::Record => scan_container(bytes, &[Layout::Record], type_oid, counts, depth),
        Shape::Range(inner) => scan_container(bytes, &[Layout::Range], inner, counts, depth),
        Shape::Multirange(inner) => {
            let range = if inner == NUMERIC { 3906 } else { 3926 };
            scan_container(bytes, &[Layout::Multirange], range, counts, depth);
        }
        Shape::Unknown => {
            scan_container(bytes, &[Layout::Array, Layout::Record], 0, counts, depth);
        }
        Shape::Text | Shape::Bytea => counts.merge(scan_whole(bytes, Options::default())),
    }
}

/// Scans the values inside, or the whole as framed bytes when it has none of the layouts.
fn scan_container(bytes: &mut [u8], layouts: &[Layout], inner: u32, counts: &mut Counts, depth: u32) {
    for &layout in layouts {
        let mut found = Counts::default();
        let walked = walk(bytes, layout, |value, oid| {
            scan_binary(oid.unwrap_or(inner), value, &mut found, depth + 1);
        });
        if walked {
            counts.merge(found);
            return;
        }
    }
    counts.merge(scan_whole(bytes, Options { framed: true, ..Options::default() }));
}
