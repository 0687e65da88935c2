//! An input as a play: what the client says, and who moves how much when.

use hoop_pgwire::NamedObject;
use hoop_pgwire::frontend::encode;

use super::texts::{ALLOWED, NAMES, REFUSED};

/// One move.
#[derive(Debug)]
pub enum Move {
    /// The client wants to say this.
    Say(Vec<u8>),
    /// So many bytes of it reach the gateway.
    FromClient(usize),
    /// So many bytes of the gateway reach the server.
    ToServer(usize),
    /// So many bytes of the server reach the gateway.
    FromServer(usize),
    /// The windows of client and server are so large.
    Windows(usize, usize),
    /// All that is appended is on disk.
    Durable,
    /// Everything moves until nothing moves.
    Settle,
    /// The server says something that no server would.
    Hostile(Vec<u8>),
}

/// How the gateway is set, from the first byte.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Everything moves after each message of the client.
    pub lockstep: bool,
    /// A read buffer of a few bytes, so that rows pass in pieces.
    pub narrow: bool,
    /// Few messages may wait for an answer.
    pub short_pipeline: bool,
    /// Few names may be defined.
    pub few_names: bool,
}

/// The longest play, moves.
const MOVES: usize = 256;

/// Reads an input.
pub fn read(data: &[u8]) -> (Setting, Vec<Move>) {
    let (first, mut rest) = data.split_first().map_or((0, data), |(first, rest)| (*first, rest));
    let setting = Setting {
        lockstep: first & 1 != 0,
        narrow: first & 2 != 0,
        short_pipeline: first & 4 != 0,
        few_names: first & 8 != 0,
    };
    let mut moves = Vec::new();
    while !rest.is_empty() && moves.len() < MOVES {
        moves.push(next(&mut rest));
    }
    (setting, moves)
}

fn byte(rest: &mut &[u8]) -> u8 {
    let Some((first, left)) = rest.split_first() else { return 0 };
    *rest = left;
    *first
}

/// All there is for 0.
fn amount(rest: &mut &[u8]) -> usize {
    match byte(rest) {
        0 => usize::MAX,
        n => usize::from(n),
    }
}

fn raw(rest: &mut &[u8]) -> Vec<u8> {
    let len = usize::from(byte(rest)).min(rest.len());
    let (taken, left) = rest.split_at(len);
    *rest = left;
    taken.to_vec()
}

fn next(rest: &mut &[u8]) -> Move {
    let kind = byte(rest);
    match kind {
        0x10 => Move::FromClient(amount(rest)),
        0x11 => Move::ToServer(amount(rest)),
        0x12 => Move::FromServer(amount(rest)),
        0x13 => Move::Windows(amount(rest), amount(rest)),
        0x14 => Move::Durable,
        0x15 => Move::Settle,
        0x16 => Move::Hostile(raw(rest)),
        0x17 => Move::Say(raw(rest)),
        _ => Move::Say(message(kind, rest)),
    }
}

/// A sound message of the client.
fn message(kind: u8, rest: &mut &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let written = match kind % 16 {
        0 | 1 => encode::query(&mut out, text(byte(rest))),
        2 | 3 => {
            let name = name(byte(rest));
            encode::parse(&mut out, name, text(byte(rest)), [])
        }
        4 | 5 => {
            let names = byte(rest);
            let params = if names & 0x80 != 0 { vec![Some(&b"1"[..])] } else { Vec::new() };
            encode::bind(&mut out, name(names), name(names >> 2), [], params, [])
        }
        6 | 7 => {
            let name_and_rows = byte(rest);
            encode::execute(&mut out, name(name_and_rows), u32::from(name_and_rows >> 2 & 3))
        }
        8 => {
            let what = byte(rest);
            encode::describe(&mut out, object(what), name(what))
        }
        9 => {
            let what = byte(rest);
            encode::close(&mut out, object(what), name(what))
        }
        10 | 11 => {
            encode::sync(&mut out);
            Ok(())
        }
        12 => {
            encode::flush(&mut out);
            Ok(())
        }
        13 => {
            let bad = byte(rest);
            encode::copy_data(&mut out, if bad == 0xff { b"bad\t1\n" } else { b"7\tx\n" })
        }
        14 => {
            encode::copy_done(&mut out);
            Ok(())
        }
        _ => match byte(rest) {
            0xfe => {
                encode::terminate(&mut out);
                Ok(())
            }
            0xfd => {
                out.extend(b"F\0\0\0\x0e\0\0\0\x01\0\0\0\0\0\0");
                Ok(())
            }
            _ => encode::copy_fail(&mut out, "no"),
        },
    };
    written.unwrap();
    out
}

fn object(what: u8) -> NamedObject {
    if what & 4 != 0 { NamedObject::Statement } else { NamedObject::Portal }
}

fn name(n: u8) -> &'static str {
    NAMES[usize::from(n & 3)]
}

fn text(n: u8) -> &'static str {
    let n = usize::from(n) % (ALLOWED.len() + REFUSED.len());
    ALLOWED.get(n).map_or_else(|| REFUSED[n - ALLOWED.len()], |(text, _)| *text)
}
