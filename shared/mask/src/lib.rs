//! Card-number detection and masking: the third wall. Every byte that a database answers passes through here and
//! card numbers are masked **in place, at the same length**, so that a gateway forwards its read buffer as it lies.
//!
//! Pure: bytes in, bytes out; no clock, no sockets, and no allocation unless a number was found in a hex-coded field
//! or a row must be re-framed. What must never live here: deciding whether a column is classified (that is policy),
//! and anything that keeps or logs a value that was masked.
//!
//! - [`may_hold_card`] is the probe over a whole read of frames: `false` means that no scanner here would find anything.
//! - [`scan_row`] masks one DataRow, [`scan_text`] any free text (errors, notices, notifications).
//! - [`StreamScanner`] and [`CopyBinaryWalker`] do the same across the borders of chunks.

mod array;
mod card;
mod class;
mod classified;
mod copy_binary;
mod exempt;
mod field;
mod json;
mod lex;
mod long;
mod number;
mod numeric;
mod oid;
mod probe;
mod row;
mod scan;
mod span;
mod state;
mod stream;
mod track;

pub use card::{Brand, is_card_number, is_card_number_in_context};
pub use class::{Class, Counts, UnknownClass};
pub use classified::{Classified, mask_classified};
pub use copy_binary::CopyBinaryWalker;
pub use field::scan_field;
pub use oid::LEFT_AS_IT_IS;
pub use probe::{find_suspect, may_hold_card, row_may_hold_card};
pub use row::{ColumnMask, Columns, Malformed, RowOutcome, scan_row};
pub use scan::scan_text;
pub use stream::{MAX_HELD, Mode, StreamScanner};
