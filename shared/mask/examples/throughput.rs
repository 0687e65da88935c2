//! Prints how fast row frames without card numbers are cleared: by the probe, row by row, and by the plain scan that
//! tries every digit. Run with `cargo run --release -p hoop-mask --example throughput`.
#![allow(clippy::print_stdout, reason = "its output is the point")]

use hoop_mask::{ColumnMask, Columns, StreamScanner, is_card_number, may_hold_card, scan_row};
use std::hint::black_box;
use std::time::Instant;

const READ: usize = 256 * 1024;
const SECONDS: f64 = 1.0;

fn main() {
    let rows = rows();
    let bytes: usize = rows.iter().map(Vec::len).sum();
    let read = rows.concat();
    let columns =
        Columns::new((0..COLUMNS).map(|_| ColumnMask { class: None, type_oid: 25, binary: false }).collect());
    println!("{} rows, {} bytes a row, no hits", rows.len(), bytes / rows.len());
    report("probe over the whole read", bytes, || u64::from(may_hold_card(black_box(&read))));
    let mut bodies: Vec<Vec<u8>> = rows.iter().map(|frame| frame[5..].to_vec()).collect();
    let mut spill = Vec::new();
    report("row by row", bytes, || {
        bodies
            .iter_mut()
            .map(|body| scan_row(black_box(body), &columns, &mut spill).map_or(1, |o| u64::from(o.found.pan)))
            .sum()
    });
    let mut stream = read.clone();
    report("stream", bytes, || {
        let mut scanner = StreamScanner::new(hoop_mask::Mode::CopyText);
        let settled = scanner.push(black_box(&mut stream));
        u64::from(settled == 0)
    });
    report("plain scan", bytes, || plain_scan(black_box(&read)));
    let mut noted = read;
    noted.extend_from_slice(b"4111111111111111");
    println!("with a card number at its end the probe says {}", may_hold_card(&noted));
}

fn report(what: &str, bytes: usize, mut run: impl FnMut() -> u64) {
    let start = Instant::now();
    let (mut turns, mut hits) = (0u32, 0);
    while start.elapsed().as_secs_f64() < SECONDS {
        hits += run();
        turns += 1;
    }
    let speed = bytes as f64 * f64::from(turns) / start.elapsed().as_secs_f64() / 1e9;
    println!("{what:>28}: {speed:7.3} GB/s, {hits} hits");
}

const COLUMNS: usize = 9;

/// DataRow frames as a payments application reads them.
fn rows() -> Vec<Vec<u8>> {
    let mut rows = Vec::new();
    let (mut total, mut seed) = (0, 0x9E37_79B9_7F4A_7C15_u64);
    while total < READ {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let r = seed >> 20;
        let fields = [
            format!("{}", r % 10_000_000),
            format!(
                "{:08x}-{:04x}-4{:03x}-9{:03x}-{:012x}",
                r as u32,
                r & 0xFFFF,
                r & 0xFFF,
                r >> 7 & 0xFFF,
                r
            ),
            ["Ann Alba", "Bob Berg", "Cyd Cole"][(r % 3) as usize].to_owned(),
            format!("customer{}@example.com", r % 100_000),
            format!("{}.{:02}", r % 5000, r % 100),
            ["captured", "declined", "refunded"][(r % 3) as usize].to_owned(),
            format!(
                "2026-{:02}-{:02} {:02}:{:02}:05.{:06}+00",
                r % 12 + 1,
                r % 28 + 1,
                r % 24,
                r % 60,
                r % 1_000_000
            ),
            "Delivered to the neighbour, who was kind enough to sign for it".to_owned(),
            "EUR".to_owned(),
        ];
        let mut body = (COLUMNS as u16).to_be_bytes().to_vec();
        for field in &fields {
            body.extend((field.len() as u32).to_be_bytes());
            body.extend(field.as_bytes());
        }
        let mut frame = vec![b'D'];
        frame.extend((body.len() as u32 + 4).to_be_bytes());
        frame.extend(body);
        // UUIDs without letters do look like digits; this run is about rows that the probe clears.
        if !may_hold_card(&frame) {
            total += frame.len();
            rows.push(frame);
        }
    }
    rows
}

/// What a recogniser without a probe does: from every digit on, read digits and separators, then ask.
fn plain_scan(bytes: &[u8]) -> u64 {
    let mut hits = 0;
    for start in (0..bytes.len()).filter(|&at| bytes[at].is_ascii_digit()) {
        let (mut digits, mut n) = ([0; 19], 0);
        for &byte in bytes[start..].iter().take(40) {
            if byte.is_ascii_digit() && n < digits.len() {
                digits[n] = byte;
                n += 1;
            } else if !matches!(byte, b' ' | b'-' | b'.' | b'/') {
                break;
            }
        }
        hits += (12..=n).filter(|&n| is_card_number(&digits[..n]).is_some()).count() as u64;
    }
    hits
}
